-- Restaurants and their reviews, for the embedded SQLite store.
--
-- Every rule for a row also holds for rows that are written by plain SQL: limits are CHECK constraints; triggers keep
-- the aggregates and the search index.
-- Times are UTC text with milliseconds ('2026-01-31 09:30:00.000'), so that text order is time order.

create table restaurants (
    id             integer primary key autoincrement,
    name           text    not null collate nocase check (length(name) between 1 and 50),
    street_address text    not null default '' check (length(street_address) <= 50),
    description    text    not null default '' check (length(description) <= 250),
    created_at     text    not null default (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    -- Kept by the triggers below, so that a page never counts reviews.
    rating_sum     integer not null default 0,
    review_count   integer not null default 0,
    rating_1       integer not null default 0,
    rating_2       integer not null default 0,
    rating_3       integer not null default 0,
    rating_4       integer not null default 0,
    rating_5       integer not null default 0,
    -- The average in thousandths of a star, rounded down.
    milli_stars    integer not null generated always as (rating_sum * 1000 / max(review_count, 1)) virtual,
    -- The form that added this row. The same form sent again adds no second row.
    submission_id  text unique
);

create table reviews (
    id            integer primary key autoincrement,
    restaurant_id integer not null references restaurants (id) on delete cascade,
    user_name     text    not null check (length(user_name) between 1 and 20),
    rating        integer not null check (typeof(rating) = 'integer' and rating between 1 and 5),
    review_text   text    not null default '' check (length(review_text) <= 500),
    review_date   text    not null default (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    image_name    text    check (length(image_name) <= 100),
    submission_id text    unique
);

-- Photos that no review shows: announced just before they are stored, or left by a deleted review. A sweep removes
-- them from the photo store later, so that no photo is left behind even if the process dies between the two stores.
create table unclaimed_photos (
    name  text primary key,
    since text not null default (strftime('%Y-%m-%d %H:%M:%f', 'now'))
) without rowid;

-- One index for each order of the list (see store/sqlite/list.rs).
create index restaurants_by_name on restaurants (name, id);
create index restaurants_by_rating on restaurants (milli_stars desc, review_count desc, id desc);
create index restaurants_by_reviews on restaurants (review_count desc, id desc);
create index reviews_newest on reviews (restaurant_id, review_date desc, id desc);
create index reviews_newest_photo on reviews (restaurant_id, review_date desc, id desc) where image_name is not null;
create index reviews_image on reviews (image_name) where image_name is not null;

-- Dates that plain SQL writes in another form ('2026-01-31', '2026-01-31T09:30:00Z') are converted to ours. A text that
-- is not a date becomes null, which violates NOT NULL.
create trigger restaurants_created_at after insert on restaurants
when new.created_at is not strftime('%Y-%m-%d %H:%M:%f', new.created_at)
begin
    update restaurants set created_at = strftime('%Y-%m-%d %H:%M:%f', new.created_at) where id = new.id;
end;

create trigger reviews_review_date after insert on reviews
when new.review_date is not strftime('%Y-%m-%d %H:%M:%f', new.review_date)
begin
    update reviews set review_date = strftime('%Y-%m-%d %H:%M:%f', new.review_date) where id = new.id;
end;

create trigger reviews_review_date_changed after update of review_date on reviews
when new.review_date is not strftime('%Y-%m-%d %H:%M:%f', new.review_date)
begin
    update reviews set review_date = strftime('%Y-%m-%d %H:%M:%f', new.review_date) where id = new.id;
end;

-- Aggregates: every change of a review updates rating_sum, review_count and the distribution.
create trigger reviews_inserted after insert on reviews
begin
    update restaurants set
        rating_sum = rating_sum + new.rating,
        review_count = review_count + 1,
        rating_1 = rating_1 + (new.rating = 1),
        rating_2 = rating_2 + (new.rating = 2),
        rating_3 = rating_3 + (new.rating = 3),
        rating_4 = rating_4 + (new.rating = 4),
        rating_5 = rating_5 + (new.rating = 5)
    where id = new.restaurant_id;
    delete from unclaimed_photos where name = new.image_name;
end;

-- INSERT OR REPLACE deletes the old row without firing its delete trigger, so its rating would stay counted.
create trigger reviews_not_replaced before insert on reviews
when exists (select 1 from reviews where id = new.id)
begin
    select raise(abort, 'a review with this id exists: change it by UPDATE');
end;

-- The numbers that an INSERT gives for a restaurant are replaced by a count of its reviews.
create trigger restaurants_counted after insert on restaurants
when new.review_count <> 0 or new.rating_sum <> 0 or exists (select 1 from reviews where restaurant_id = new.id)
  or (new.rating_1, new.rating_2, new.rating_3, new.rating_4, new.rating_5) <> (0, 0, 0, 0, 0)
begin
    update restaurants set (rating_sum, review_count, rating_1, rating_2, rating_3, rating_4, rating_5) = (
        select coalesce(sum(rating), 0), count(*),
               count(*) filter (where rating = 1), count(*) filter (where rating = 2),
               count(*) filter (where rating = 3), count(*) filter (where rating = 4),
               count(*) filter (where rating = 5)
        from reviews where restaurant_id = new.id
    ) where id = new.id;
end;

create trigger reviews_deleted after delete on reviews
begin
    update restaurants set
        rating_sum = rating_sum - old.rating,
        review_count = review_count - 1,
        rating_1 = rating_1 - (old.rating = 1),
        rating_2 = rating_2 - (old.rating = 2),
        rating_3 = rating_3 - (old.rating = 3),
        rating_4 = rating_4 - (old.rating = 4),
        rating_5 = rating_5 - (old.rating = 5)
    where id = old.restaurant_id;
    insert or ignore into unclaimed_photos (name)
        select old.image_name
        where old.image_name is not null
          and not exists (select 1 from reviews where image_name = old.image_name);
end;

create trigger reviews_changed after update of rating, restaurant_id on reviews
begin
    update restaurants set
        rating_sum = rating_sum - old.rating,
        review_count = review_count - 1,
        rating_1 = rating_1 - (old.rating = 1),
        rating_2 = rating_2 - (old.rating = 2),
        rating_3 = rating_3 - (old.rating = 3),
        rating_4 = rating_4 - (old.rating = 4),
        rating_5 = rating_5 - (old.rating = 5)
    where id = old.restaurant_id;
    update restaurants set
        rating_sum = rating_sum + new.rating,
        review_count = review_count + 1,
        rating_1 = rating_1 + (new.rating = 1),
        rating_2 = rating_2 + (new.rating = 2),
        rating_3 = rating_3 + (new.rating = 3),
        rating_4 = rating_4 + (new.rating = 4),
        rating_5 = rating_5 + (new.rating = 5)
    where id = new.restaurant_id;
end;

create trigger reviews_photo_changed after update of image_name on reviews
when old.image_name is not new.image_name
begin
    delete from unclaimed_photos where name = new.image_name;
    insert or ignore into unclaimed_photos (name)
        select old.image_name
        where old.image_name is not null
          and not exists (select 1 from reviews where image_name = old.image_name);
end;

-- Search: the words of name, address and description, ignoring case and diacritics.
create virtual table restaurants_search using fts5 (
    name, street_address, description,
    content = 'restaurants', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);

create trigger restaurants_search_inserted after insert on restaurants
begin
    insert into restaurants_search (rowid, name, street_address, description)
    values (new.id, new.name, new.street_address, new.description);
end;

create trigger restaurants_search_deleted after delete on restaurants
begin
    insert into restaurants_search (restaurants_search, rowid, name, street_address, description)
    values ('delete', old.id, old.name, old.street_address, old.description);
end;

create trigger restaurants_search_changed after update of name, street_address, description on restaurants
begin
    insert into restaurants_search (restaurants_search, rowid, name, street_address, description)
    values ('delete', old.id, old.name, old.street_address, old.description);
    insert into restaurants_search (rowid, name, street_address, description)
    values (new.id, new.name, new.street_address, new.description);
end;
