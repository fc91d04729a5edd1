-- Fills the site's tables with made-up restaurants and reviews, the same ones every time:
--
--     psql -v restaurants=50 -v reviews=1000 -f site.sql
--
-- This needs the empty tables of migrations/postgres, and a superuser. Ids go from 1 to :restaurants and from 1 to
-- :reviews. Each restaurant has :reviews / :restaurants reviews.
--
-- Two words are for measuring searches: "noodle" finds one restaurant in 14 (the Noodle Bars), and "fondue" one in
-- 1,000. Restaurant 7 has "fondue", so that a set of 50 restaurants has one too.

\set ON_ERROR_STOP on
\set QUIET on
\set tables 'restaurants,reviews'
begin;
\ir before_load.sql

-- A pseudo-random number that is at least 0 and less than `below`, for that row and that purpose. The hash function is
-- the one of hash partitioning, which must stay the same in every version of PostgreSQL.
create function pg_temp.chance(id bigint, purpose integer, below integer) returns integer
language sql immutable
as $$ select ((hashint8extended(id, purpose) & 2147483647) % below)::integer $$;

-- One of the words, chosen in the same way.
create function pg_temp.one_of(words text[], id bigint, purpose integer) returns text
language sql immutable
as $$ select words[1 + pg_temp.chance(id, purpose, cardinality(words))] $$;

-- Reviews come first, because each restaurant is inserted with the numbers of its reviews. The dates are spread over a
-- year that has the same hours in every time zone. Each review is for the next restaurant, so the reviews of one
-- restaurant are far apart in the table. Of a restaurant's newest 20 reviews, one in 25 has a photo; older reviews have
-- none. Its first page is therefore as large in a big set as in a small one.
insert into reviews (id, restaurant_id, user_name, rating, review_text, review_date, image_name)
select
    id,
    1 + (id - 1) % :restaurants,
    pg_temp.one_of(array[
        'Ada', 'Björn', 'Chidi', 'Dolores', 'Elif', 'Farid', 'Grace', 'Hiroshi', 'Ines', 'Jürgen', 'Kateryna', 'Liam',
        'Mei Lin', 'Noor', 'Oluwaseun', 'Priya', 'Quentin', 'Rosa M.', 'Søren', 'Tomás', 'Uma', 'Vera K.', 'Wei',
        'Ximena', 'Yusuf', 'Zofia', 'Ottilie', 'Pádraig', 'Giulia', 'Anneke'
    ], id, 1),
    rating,
    pg_temp.one_of(case rating
        when 1 then array[
            'We waited an hour and left hungry.', 'Cold food, and a colder welcome.', 'Not again, not even for free.',
            'They had forgotten our table, twice.'
        ]
        when 2 then array[
            'A fine room and a tired kitchen.', 'A good start, then it went downhill.', 'Too loud and much too salty.',
            'I had hoped for more at this price.'
        ]
        when 3 then array[
            'Solid, nothing more.', 'Good value for a quick lunch.', 'Nice people, average plates.',
            'Fine, if you are in the area anyway.'
        ]
        when 4 then array[
            'A lovely evening, we''ll be back.', 'Great food & fair prices.', 'Almost perfect, only dessert took long.',
            'Friendly, quick and very good.'
        ]
        else array[
            'The best meal of our trip!', 'Worth every minute of the queue.', 'Wonderful from bread to coffee.',
            'Five stars, and I never give five.'
        ]
    end, id, 3) || ' ' || pg_temp.one_of(array[
        'Sit by the window.', 'Book ahead.', 'Ask for the soup.', 'We came with children.', 'It was a Tuesday night.',
        'The bread is baked here.', 'Take the bus.', 'My parents agreed.', 'Mind the stairs.', 'Bring cash.'
    ], id, 4),
    date_trunc('milliseconds', timestamptz '2025-01-01 00:00:00Z' + id * (interval '8760 hours' / :reviews)),
    case when id > :reviews - 20 * :restaurants and pg_temp.chance(id, 5, 25) = 0 then
        -- In the format of src/photos/name.rs.
        overlay(overlay(md5('photo ' || id) placing '4' from 13) placing '8' from 17)::uuid || '.jpg'
    end
from (
    -- There are more good ratings than bad ones, and some restaurants are better than others.
    select id, (array[1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5])[
        1 + (pg_temp.chance(id, 2, 8) + pg_temp.chance(1 + (id - 1) % :restaurants, 6, 5))
    ]::smallint as rating
    from generate_series(1, :reviews::bigint) id
) review;

-- The site fills the columns for the search when it runs the next time.
insert into restaurants (
    id, name_folded, search_words, name, street_address, description, created_at,
    rating_1, rating_2, rating_3, rating_4, rating_5
)
select
    id,
    '',
    '',
    pg_temp.one_of(array[
        'Contoso', 'Fabrikam', 'Adventure Works', 'Northwind', 'Tailspin', 'Woodgrove', 'Proseware', 'Litware', 'Lamna',
        'Bellows', 'Relecloud', 'VanArsdel', 'Wingtip', 'Trey', 'Margie''s', 'Alpine', 'Coho', 'Munson''s', 'Élan',
        'Nod & Sons'
    ], id, 11) || ' ' || kind || ' ' || pg_temp.one_of(array[
        'at the Harbour', 'on the Square', 'by the Park', 'Old Town', 'Riverside', 'Uptown', 'Station', 'Garden',
        'Corner', 'Hill'
    ], id, 12),
    pg_temp.chance(id, 13, 200) + 1 || ' ' || pg_temp.one_of(array[
        'Main Street', 'Market Street', 'Harbour Road', 'Station Road', 'Park Avenue', 'Mill Lane', 'Church Street',
        'Elm Street', 'Bridge Street', 'Queen Street'
    ], id, 14) || ', ' || pg_temp.one_of(array[
        'Redmond', 'Dublin', 'Zürich', 'Oslo', 'Leeds', 'Porto', 'Gent', 'Lyon', 'Málaga', 'Kraków'
    ], id, 15),
    case kind
        when 'Bakery' then 'Sourdough, rolls and cakes from six in the morning.'
        when 'Bistro' then 'A short menu that changes with the market.'
        when 'Burger Bar' then 'Burgers from the grill and fries cut by hand.'
        when 'Café' then 'Coffee roasted next door and something sweet with it.'
        when 'Cantina' then 'Tacos, salsas and a long list of mezcal.'
        when 'Curry House' then 'Curries from mild to brave, breads from the oven.'
        when 'Diner' then 'Breakfast all day and pie until it is gone.'
        when 'Noodle Bar' then 'Broth that cooked all night and noodles pulled to order.'
        when 'Pizzeria' then 'Wood-fired pizza with few, good things on it.'
        when 'Smørrebrød' then 'Open sandwiches that are almost too pretty to eat.'
        when 'Sushi' then 'A counter with twelve seats and one knife.'
        when 'Taverna' then 'Grilled fish, lemon, and a table outside.'
        when 'Vegan Kitchen' then 'Everything from plants, nothing missing.'
        when 'Wine Bar' then 'Natural wines by the glass, plates to share.'
    end || ' ' || case when id % 1000 = 7 then 'In winter there is fondue.' else pg_temp.one_of(array[
        'Book ahead at weekends.', 'Dogs and children are welcome.', 'Cash and card.', 'Closed on Mondays.',
        'Children eat for half the price.', 'There is a terrace behind the house.', 'All of it is wheelchair accessible.'
    ], id, 16) end,
    timestamptz '2024-01-01 00:00:00Z' + id * (interval '8760 hours' / :restaurants),
    coalesce(rating_1, 0), coalesce(rating_2, 0), coalesce(rating_3, 0), coalesce(rating_4, 0), coalesce(rating_5, 0)
from (
    select id, pg_temp.one_of(array[
        'Bakery', 'Bistro', 'Burger Bar', 'Café', 'Cantina', 'Curry House', 'Diner', 'Noodle Bar', 'Pizzeria',
        'Smørrebrød', 'Sushi', 'Taverna', 'Vegan Kitchen', 'Wine Bar'
    ], id, 10) as kind
    from generate_series(1, :restaurants::bigint) id
) restaurant
left join (
    select restaurant_id as id,
           count(*) filter (where rating = 1) as rating_1,
           count(*) filter (where rating = 2) as rating_2,
           count(*) filter (where rating = 3) as rating_3,
           count(*) filter (where rating = 4) as rating_4,
           count(*) filter (where rating = 5) as rating_5
    from reviews group by restaurant_id
) numbers using (id)
order by id;

\ir after_load.sql
commit;
vacuum analyze restaurants, reviews;
