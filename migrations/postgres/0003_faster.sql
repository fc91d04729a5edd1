-- What pages and new reviews cost, made less.

-- The functions work in this schema, wherever the search path of their caller leads.
select set_config('search_path', quote_ident(current_schema()), true);

-- The photo of a restaurant's newest review that has one is read from the index alone.
drop index reviews_newest_photo;
create index reviews_newest_photo on reviews (restaurant_id, review_date desc, id desc) include (image_name)
    where image_name is not null;

-- A single review, as the site adds it, is counted without sorting and summing.
create or replace function reviews_inserted() returns trigger
language plpgsql set search_path from current
as $$
begin
    if (select count(*) from added) = 1 then
        update restaurants set
            rating_1 = rating_1 + (rating = 1)::integer,
            rating_2 = rating_2 + (rating = 2)::integer,
            rating_3 = rating_3 + (rating = 3)::integer,
            rating_4 = rating_4 + (rating = 4)::integer,
            rating_5 = rating_5 + (rating = 5)::integer
        from added where restaurants.id = restaurant_id;
    else
        perform count_ratings(array_agg(restaurant_id), array_agg(rating), array_agg(1)) from added;
    end if;
    delete from unclaimed_photos using added where name = added.image_name;
    return null;
end
$$;
