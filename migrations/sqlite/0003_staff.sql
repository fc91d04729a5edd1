-- What the staff pages and the writer's private link need: hidden reviews, versions, and a history of changes.

-- A form carries the version of what it shows, and changes nothing if the row has another one by then.
alter table restaurants add column version integer not null default 1;

alter table reviews add column hidden integer not null default 0 check (hidden in (0, 1));
alter table reviews add column version integer not null default 1;
-- The SHA-256 hash of the key in the writer's private link.
alter table reviews add column writer_key_hash blob check (length(writer_key_hash) = 32);

-- Only changes of what a form shows count: a restaurant's row also changes with each review.
create trigger restaurants_next_version after update of name, street_address, description on restaurants
begin
    update restaurants set version = old.version + 1 where id = new.id;
end;

create trigger reviews_next_version
after update of restaurant_id, user_name, rating, review_text, image_name, hidden on reviews
begin
    update reviews set version = old.version + 1 where id = new.id;
end;

-- Who changed what. There are no foreign keys: the history outlives what it is about.
create table changes (
    id            integer primary key autoincrement,
    changed_at    text    not null default (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    changed_by    text    not null,
    action        text    not null check (action in ('added', 'changed', 'deleted', 'hidden', 'shown')),
    restaurant_id integer not null,
    -- Null if the restaurant itself was changed.
    review_id     integer,
    text_before   text,
    text_after    text
);

create index changes_of_restaurant on changes (restaurant_id, id desc);
create index changes_of_review on changes (review_id, id desc) where review_id is not null;

create unique index reviews_writer on reviews (writer_key_hash) where writer_key_hash is not null;
-- The orders of the staff's list of reviews. Few are hidden: an index of their own finds them at once.
create index reviews_by_date on reviews (review_date desc, id desc);
create index reviews_by_rating on reviews (rating, id);
create index reviews_hidden on reviews (review_date desc, id desc) where hidden = 1;
drop index reviews_newest_photo;
create index reviews_newest_photo on reviews (restaurant_id, review_date desc, id desc)
    where image_name is not null and hidden = 0;

-- Hidden reviews do not count. These triggers replace those of the first migration.
drop trigger reviews_inserted;
drop trigger reviews_deleted;
drop trigger reviews_changed;
drop trigger restaurants_counted;

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
    where id = new.restaurant_id and new.hidden = 0;
    delete from unclaimed_photos where name = new.image_name;
end;

create trigger restaurants_counted after insert on restaurants
when new.review_count <> 0 or new.rating_sum <> 0 or exists (select 1 from reviews where restaurant_id = new.id)
  or (new.rating_1, new.rating_2, new.rating_3, new.rating_4, new.rating_5) <> (0, 0, 0, 0, 0)
begin
    update restaurants set (rating_sum, review_count, rating_1, rating_2, rating_3, rating_4, rating_5) = (
        select coalesce(sum(rating), 0), count(*),
               count(*) filter (where rating = 1), count(*) filter (where rating = 2),
               count(*) filter (where rating = 3), count(*) filter (where rating = 4),
               count(*) filter (where rating = 5)
        from reviews where restaurant_id = new.id and hidden = 0
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
    where id = old.restaurant_id and old.hidden = 0;
    insert or ignore into unclaimed_photos (name)
        select old.image_name
        where old.image_name is not null
          and not exists (select 1 from reviews where image_name = old.image_name);
end;

create trigger reviews_changed after update of rating, restaurant_id, hidden on reviews
begin
    update restaurants set
        rating_sum = rating_sum - old.rating,
        review_count = review_count - 1,
        rating_1 = rating_1 - (old.rating = 1),
        rating_2 = rating_2 - (old.rating = 2),
        rating_3 = rating_3 - (old.rating = 3),
        rating_4 = rating_4 - (old.rating = 4),
        rating_5 = rating_5 - (old.rating = 5)
    where id = old.restaurant_id and old.hidden = 0;
    update restaurants set
        rating_sum = rating_sum + new.rating,
        review_count = review_count + 1,
        rating_1 = rating_1 + (new.rating = 1),
        rating_2 = rating_2 + (new.rating = 2),
        rating_3 = rating_3 + (new.rating = 3),
        rating_4 = rating_4 + (new.rating = 4),
        rating_5 = rating_5 + (new.rating = 5)
    where id = new.restaurant_id and new.hidden = 0;
end;
