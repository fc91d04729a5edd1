-- "Highest rated" sorts by a weighted average: as if every restaurant had five more reviews of three stars. One review of
-- five stars then ranks below fifty that average 4.9. Restaurants without reviews come last.

select set_config('search_path', quote_ident(current_schema()), true);

-- Thousandths of a star, rounded down. (Earlier versions of the site sort by milli_stars.)
alter table restaurants add column weighted_milli_stars bigint not null generated always as (
    case when rating_1 + rating_2 + rating_3 + rating_4 + rating_5 = 0 then 0
    else (1000 * (rating_1 + 2 * rating_2 + 3 * rating_3 + 4 * rating_4 + 5 * rating_5) + 15000)
         / (rating_1 + rating_2 + rating_3 + rating_4 + rating_5 + 5)
    end
) stored;

drop index restaurants_by_rating;
create index restaurants_by_weighted_rating on restaurants (weighted_milli_stars desc, review_count desc, id desc);

-- The reviews of a restaurant with one rating, newest first: by rating, each rating is read on its own (see
-- store/postgres/details.rs).
create index reviews_of_restaurant_by_rating on reviews (restaurant_id, rating, review_date desc, id desc)
    where not hidden;
