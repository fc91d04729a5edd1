select count(*) from (
    select 1 from restaurants
    where (?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1))
      and (?2 is null or case when review_count = 0 then 0 else rating_sum / review_count end = ?2)
      and (?3 is null or ?3 = exists (
          select 1 from reviews where restaurant_id = restaurants.id and image_name is not null and hidden = 0))
      and (?4 is null or ?4 = exists (select 1 from reviews where restaurant_id = restaurants.id and hidden = 1))
    limit 1001
)
