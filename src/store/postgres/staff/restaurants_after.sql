select id as "id!", name as "name!", street_address as "street_address!", rating_sum as "rating_sum!",
       review_count as "review_count!", weighted_milli_stars as "weighted_milli_stars!", cover
from (
    select restaurants.*,
           case when $1::text = 'name' then name_folded else '' end as by_name,
           case when $1 = 'rating' then -weighted_milli_stars else 0 end as by_rating,
           case when $1 in ('rating', 'reviews') then -review_count else 0 end as by_count,
           case when $1 = 'name' then id else -id end as by_id,
           (select image_name from reviews
            where restaurant_id = restaurants.id and image_name is not null and not hidden
            order by review_date desc, reviews.id desc limit 1) as cover,
           exists (select from reviews where restaurant_id = restaurants.id and hidden) as has_hidden
    from restaurants
    where not $6::boolean or search_words @@ search_terms($7)
) listed
where (by_name, by_rating, by_count, by_id) > ($2, $3, $4, $5)
  and ($8::bigint is null or case when review_count = 0 then 0 else rating_sum / review_count end = $8)
  and ($9::boolean is null or (cover is not null) = $9)
  and ($10::boolean is null or has_hidden = $10)
order by by_name, by_rating, by_count, by_id limit 51
