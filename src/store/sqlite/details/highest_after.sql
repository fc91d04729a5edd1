select id, user_name, rating, review_text, review_date, image_name
from reviews
where restaurant_id = ?1 and hidden = 0 and (?6 is null or rating < ?6 or (rating = ?6 and (review_date, id) < (?2, ?3)))
  and (?4 is null or rating = ?4) and (not ?5 or image_name is not null)
order by rating desc, review_date desc, id desc
limit 21
