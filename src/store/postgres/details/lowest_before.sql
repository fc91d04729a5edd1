select name as "name?", street_address as "street_address?", description as "description?",
       rating_1 as "rating_1?", rating_2 as "rating_2?", rating_3 as "rating_3?",
       rating_4 as "rating_4?", rating_5 as "rating_5?", null::bigint as "id?",
       null as "user_name?", null::smallint as "rating?", null as "review_text?",
       null::timestamptz as "review_date?", null as "image_name?"
from restaurants where id = $1
union all (
    select null, null, null, null, null, null, null, null,
           id, user_name, rating, review_text, review_date, image_name
    from unnest($4::smallint[]) stars cross join lateral (
        select * from reviews
        where restaurant_id = $1 and not hidden and rating = stars and (not $5 or image_name is not null)
          and (review_date, id) > (case stars when $6 then $2 else '-infinity'::timestamptz end, $3)
        order by review_date, id limit 21
    ) of_rating
    order by rating desc, review_date, id limit 21
)
