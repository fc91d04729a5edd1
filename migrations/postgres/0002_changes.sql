-- Tells whoever listens which restaurants change, so that pages can be kept until then. Sent when a transaction
-- commits; equal notifications of one transaction are sent once.

select set_config('search_path', quote_ident(current_schema()), true);

-- A restaurant's row changes with each rating too (see count_ratings).
create function restaurants_changed() returns trigger
language plpgsql set search_path from current
as $$
begin
    if tg_op in ('UPDATE', 'DELETE') then
        perform pg_notify('restaurant_review_changes', old.id::text);
    end if;
    if tg_op in ('INSERT', 'UPDATE') then
        perform pg_notify('restaurant_review_changes', new.id::text);
    end if;
    return null;
end
$$;

create trigger restaurants_changed after insert or update or delete on restaurants
for each row execute function restaurants_changed();

-- A review whose rating stays (a text that is corrected, a photo taken away) leaves the restaurant's row alone.
create function reviews_notify() returns trigger
language plpgsql set search_path from current
as $$
begin
    perform pg_notify('restaurant_review_changes', old.restaurant_id::text);
    perform pg_notify('restaurant_review_changes', new.restaurant_id::text);
    return null;
end
$$;

create trigger reviews_notify after update on reviews
for each row execute function reviews_notify();

-- No row is told of one by one.
create function everything_changed() returns trigger
language plpgsql set search_path from current
as $$
begin
    perform pg_notify('restaurant_review_changes', 'all');
    return null;
end
$$;

create trigger restaurants_truncated after truncate on restaurants
for each statement execute function everything_changed();

create trigger all_reviews_truncated after truncate on reviews
for each statement execute function everything_changed();
