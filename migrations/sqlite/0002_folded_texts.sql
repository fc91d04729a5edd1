-- The texts that are searched and sorted by are folded by the program (see src/model/folding.rs), in the same way for
-- PostgreSQL.
--
-- `folding` is the version of the folding, and 0 for a row that another program wrote. The triggers fold such a row
-- roughly, as far as SQL can (the case of A to Z), and the program folds it within seconds.

alter table restaurants add column name_folded text not null default '';
alter table restaurants add column search_text text not null default '';
alter table restaurants add column folding integer not null default 0;

update restaurants set name_folded = lower(name), search_text = name || ' ' || street_address || ' ' || description;

drop trigger restaurants_search_inserted;
drop trigger restaurants_search_deleted;
drop trigger restaurants_search_changed;
drop table restaurants_search;
drop index restaurants_by_name;

create index restaurants_by_name on restaurants (name_folded, id);
create index restaurants_by_folding on restaurants (folding);

-- The tokeniser for ASCII takes every other character as a letter: the words of a folded text are only separated by
-- spaces.
create virtual table restaurants_search using fts5 (
    search_text, content = 'restaurants', content_rowid = 'id', tokenize = 'ascii', prefix = '2 3'
);
insert into restaurants_search (restaurants_search) values ('rebuild');

create trigger restaurants_search_inserted after insert on restaurants
begin
    insert into restaurants_search (rowid, search_text) values (new.id, new.search_text);
    update restaurants set
        name_folded = lower(new.name),
        search_text = new.name || ' ' || new.street_address || ' ' || new.description
    where id = new.id and new.folding = 0;
end;

create trigger restaurants_search_deleted after delete on restaurants
begin
    insert into restaurants_search (restaurants_search, rowid, search_text) values ('delete', old.id, old.search_text);
end;

create trigger restaurants_search_changed after update of search_text on restaurants
begin
    insert into restaurants_search (restaurants_search, rowid, search_text) values ('delete', old.id, old.search_text);
    insert into restaurants_search (rowid, search_text) values (new.id, new.search_text);
end;

create trigger restaurants_text_changed after update of name, street_address, description on restaurants
begin
    update restaurants set
        name_folded = lower(new.name),
        search_text = new.name || ' ' || new.street_address || ' ' || new.description,
        folding = 0
    where id = new.id;
end;
