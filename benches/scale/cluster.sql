-- The site's tables in parts, distributed as an elastic cluster would distribute them: restaurants by their id, and each
-- review and each change with its restaurant. PostgreSQL's partitions stand in for the shards of Citus: for both, a unique
-- index must contain the column that decides where a row belongs.
--
-- This runs on a database that the site has migrated, and changes only what the rule demands.

\set ON_ERROR_STOP on
\set QUIET on
begin;
set local session_replication_role = replica; -- copying rows fires no trigger

alter table restaurants rename to restaurants_whole;
alter table reviews rename to reviews_whole;
alter table changes rename to changes_whole;

create table restaurants (like restaurants_whole including defaults including generated including constraints)
    partition by hash (id);
create table reviews (like reviews_whole including defaults including generated including constraints)
    partition by hash (restaurant_id);
create table changes (like changes_whole including defaults including generated including constraints)
    partition by hash (restaurant_id);
select format('create table %s_part_%s partition of %1$s for values with (modulus 8, remainder %2$s)', name, part)
from unnest(array['restaurants', 'reviews', 'changes']) name, generate_series(0, 7) part \gexec

-- Identity columns become sequences: Citus gives each node a range of its own.
select format('create sequence %s_ids; alter table %1$s alter column id set default nextval(''%1$s_ids'')', name)
from unnest(array['restaurants', 'reviews', 'changes']) name \gexec

-- The indexes with the column where the rule demands it.
alter table restaurants add primary key (id);
create unique index on restaurants (id, submission_id); -- unique within one restaurant: no longer a rule
alter table reviews add primary key (restaurant_id, id);
create unique index on reviews (restaurant_id, submission_id);
create unique index on reviews (restaurant_id, writer_key_hash) where writer_key_hash is not null;
alter table changes add primary key (restaurant_id, id);
alter table reviews add foreign key (restaurant_id) references restaurants (id) on delete cascade;
-- The others as they are.
select format('%s;', replace(replace(pg_get_indexdef(indexrelid), '_whole ', ' '), 'INDEX ' || relname, 'INDEX'))
from pg_index join pg_class on pg_class.oid = indexrelid
where indrelid in ('restaurants_whole'::regclass, 'reviews_whole'::regclass, 'changes_whole'::regclass)
  and not indisunique \gexec
-- The triggers, including those that see all rows of a statement: here the tables are still on one server.
select replace(pg_get_triggerdef(pg_trigger.oid), '_whole ', ' ') || ';'
from pg_trigger
where tgrelid in ('restaurants_whole'::regclass, 'reviews_whole'::regclass) and not tgisinternal \gexec

select format('insert into %s (%s) select %2$s from %1$s_whole', name, string_agg(quote_ident(attname), ', ' order by attnum))
from unnest(array['restaurants', 'reviews', 'changes']) name
join pg_attribute on attrelid = (name || '_whole')::regclass and attnum > 0 and not attisdropped and attgenerated = ''
group by name \gexec
select format('select setval(%L, (select coalesce(max(id), 1) from %s))', name || '_ids', name)
from unnest(array['restaurants', 'reviews', 'changes']) name \gexec
drop table reviews_whole, restaurants_whole, changes_whole cascade;
commit;
analyze;
