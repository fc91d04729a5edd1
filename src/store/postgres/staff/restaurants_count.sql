select count(*) as "count!" from (
    select from restaurants
    where (not $1::boolean or search_words @@ search_terms($2))
      and ($3::bigint is null or case when review_count = 0 then 0 else rating_sum / review_count end = $3)
      and ($4::boolean is null or $4 = exists (
          select from reviews where restaurant_id = restaurants.id and image_name is not null and not hidden))
      and ($5::boolean is null or $5 = exists (select from reviews where restaurant_id = restaurants.id and hidden))
    limit 1001
) counted
