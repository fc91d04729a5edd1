select id, name, street_address, rating_sum, review_count, weighted_milli_stars,
       (select image_name from reviews
        where restaurant_id = restaurants.id and image_name is not null and hidden = 0
        order by review_date desc, reviews.id desc limit 1) as cover
from restaurants
where (name_folded, id) > (?3, ?2)
  and (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
order by name_folded, id limit 51
