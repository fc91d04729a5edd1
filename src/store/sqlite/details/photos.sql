select id, image_name, user_name, review_date
from reviews
where restaurant_id = ?1 and hidden = 0 and image_name is not null
order by review_date desc, id desc
limit 60
