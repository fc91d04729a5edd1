select reviews.id, restaurant_id, restaurants.name as restaurant_name, user_name, rating, review_text, review_date,
       image_name, hidden, reviews.version
from reviews join restaurants on restaurants.id = restaurant_id
where (review_date, reviews.id) > ($1, $2)
  and ($3::bigint is null or restaurant_id = $3)
  and ($4::smallint is null or rating = $4)
  and ($5::boolean is null or hidden = $5)
  and ($6::boolean is null or (image_name is not null) = $6)
  and ($7::timestamptz is null or review_date >= $7)
  and ($8::timestamptz is null or review_date < $8)
  and ($9::text[] is null or (user_name || E'\n' || review_text) ~ all ($9))
order by review_date, reviews.id limit 51
