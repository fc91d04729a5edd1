-- Summarises the data in a database as one line, for comparison: psql -v schema=site (or peer) -f check.sql
--
-- The number and the stars of a restaurant's reviews are the ones that its page shows. The site stores them in the
-- restaurant's row, and the peer counts them.

\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only
\pset format unaligned
select :'schema' = 'site' as is_site \gset
\if :is_site
create temporary view shown as
select id, name, street_address, description, review_count, rating_sum from restaurants;
create temporary view written as
select id, restaurant_id, user_name, rating, review_text, review_date, image_name from reviews;
\else
create temporary view shown as
select restaurant.id, name, street_address, description,
       count(review.id) as review_count, coalesce(sum(rating), 0) as rating_sum
from restaurant_review_restaurant restaurant
left join restaurant_review_review review on review.restaurant_id = restaurant.id
group by restaurant.id;
create temporary view written as
select id, restaurant_id, user_name, rating, review_text, review_date, image_name from restaurant_review_review;
\endif

select format('%s restaurants %s, %s reviews %s, %s photos, stars %s', restaurants, names, reviews, texts, photos, stars)
from (
    select count(*) as restaurants,
           md5(string_agg(concat_ws('|', id, name, street_address, description, review_count, rating_sum), ',' order by id))
               as names
    from shown
) restaurant, (
    select count(*) as reviews, count(image_name) as photos, sum(rating) as stars,
           -- One hash for all rows, which does not depend on their order.
           bit_xor(hashtextextended(concat_ws('|', id, restaurant_id, user_name, rating, review_text,
               extract(epoch from review_date), image_name), 0)) as texts
    from written
) review;
