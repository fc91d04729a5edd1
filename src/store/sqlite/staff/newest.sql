select reviews.id, restaurant_id, restaurants.name as restaurant_name, user_name, rating, review_text, review_date,
       image_name, hidden, reviews.version
from reviews join restaurants on restaurants.id = restaurant_id
where (review_date, reviews.id) < (?1, ?2)
  and (?3 is null or restaurant_id = ?3)
  and (?4 is null or rating = ?4)
  and (?5 is null or hidden = ?5)
  and (?6 is null or (image_name is not null) = ?6)
  and (?7 is null or review_date >= ?7)
  and (?8 is null or review_date < ?8)
  and not exists (select 1 from json_each(?9) word where (user_name || char(10) || review_text) not glob word.value)
order by review_date desc, reviews.id desc limit 51
