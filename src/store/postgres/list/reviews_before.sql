select id, name, street_address, rating_sum, review_count, weighted_milli_stars,
       (select image_name from reviews
        where restaurant_id = restaurants.id and image_name is not null and not hidden
        order by review_date desc, reviews.id desc limit 1) as cover
from restaurants
where (review_count, id) > ((select $1::bigint), $2)
order by review_count, id limit 51
