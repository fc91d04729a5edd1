select id, name, street_address, rating_sum, review_count, weighted_milli_stars, cover
from (
    select restaurants.*,
           case when ?5 = 'name' then name_folded else '' end as by_name,
           case when ?5 = 'rating' then -weighted_milli_stars else 0 end as by_rating,
           case when ?5 in ('rating', 'reviews') then -review_count else 0 end as by_count,
           case when ?5 = 'name' then id else -id end as by_id,
           (select image_name from reviews
            where restaurant_id = restaurants.id and image_name is not null and hidden = 0
            order by review_date desc, reviews.id desc limit 1) as cover,
           exists (select 1 from reviews where restaurant_id = restaurants.id and hidden = 1) as has_hidden
    from restaurants
    where ?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1)
) listed
where (by_name, by_rating, by_count, by_id) > (?6, ?7, ?8, ?9)
  and (?2 is null or case when review_count = 0 then 0 else rating_sum / review_count end = ?2)
  and (?3 is null or (cover is not null) = ?3)
  and (?4 is null or has_hidden = ?4)
order by by_name, by_rating, by_count, by_id limit 51
