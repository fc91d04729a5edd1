select count(*) from (
    select 1 from restaurants
    where ?1 is null or id in (select rowid from restaurants_search where restaurants_search match ?1)
    limit 1001
)
