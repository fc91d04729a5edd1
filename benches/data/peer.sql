-- Copies the data that site.sql generated into the Django peer's tables, from the database at the URL in SITE_DB_URL:
--
--     SITE_DB_URL=postgres://… psql -f peer.sql
--
-- This needs the empty tables of manage.py migrate, and a superuser.

\set ON_ERROR_STOP on
\set QUIET on
\set tables 'restaurant_review_restaurant,restaurant_review_review'
begin;
\ir before_load.sql
\copy restaurant_review_restaurant (id, name, street_address, description) from program 'psql --no-psqlrc "$SITE_DB_URL" -c "copy (select id, name, street_address, description from restaurants order by id) to stdout"'
\copy restaurant_review_review (id, restaurant_id, user_name, rating, review_text, review_date, image_name) from program 'psql --no-psqlrc "$SITE_DB_URL" -c "copy (select id, restaurant_id, user_name, rating, review_text, review_date, image_name from reviews order by id) to stdout"'
\ir after_load.sql
commit;
vacuum analyze restaurant_review_restaurant, restaurant_review_review;
