-- The texts that are searched and sorted by are folded by the program (see src/model/folding.rs), in the same way for
-- SQLite.
--
-- `folding` is the version of the folding, and 0 for a row that another program wrote, or an earlier version of this one.
-- The triggers fold such a row roughly, as far as SQL can, and the program folds it within seconds.

select set_config('search_path', quote_ident(current_schema()), true);

-- The rows keep the rough folding that these columns were generated with until now.
alter table restaurants
    alter column name_folded drop expression,
    alter column search_words drop expression,
    add column folding smallint not null default 0;

create index restaurants_by_folding on restaurants (folding);

create function restaurants_roughly_folded() returns trigger
language plpgsql set search_path from current
as $$
begin
    new.name_folded := folded_text(new.name);
    new.search_words := array_to_tsvector(text_words(new.name || ' ' || new.street_address || ' ' || new.description));
    new.folding := 0;
    return new;
end
$$;

create trigger restaurants_inserted_unfolded before insert on restaurants
for each row when (new.folding = 0) execute function restaurants_roughly_folded();

create trigger restaurants_text_changed before update of name, street_address, description on restaurants
for each row execute function restaurants_roughly_folded();

-- A search. Its text is that of a tsquery, and the cast alone would do. But the declared cost is close to the real one of
-- a search. With it, PostgreSQL plans each search for its own words once there are many restaurants: rare words are found
-- by the index of the words, common ones by the index of the order. (Earlier versions use search_query.)
create function search_terms(text) returns tsquery
language plpgsql immutable strict parallel safe cost 1000
as $$
begin
    return $1::tsquery;
end
$$;
