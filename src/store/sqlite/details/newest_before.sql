select id, user_name, rating, review_text, review_date, image_name
from reviews
where restaurant_id = ?1 and hidden = 0 and (review_date, id) > (?2, ?3)
  and (?4 is null or rating = ?4) and (not ?5 or image_name is not null)
order by review_date, id
limit 21
