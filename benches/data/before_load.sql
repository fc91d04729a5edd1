-- Makes a load of many rows quick, until the transaction ends: no trigger and no foreign key is looked at
-- (what they would do is in the rows), and indexes are made at the end, by after_load.sql. Which tables:
-- \set tables 'one,another'.

set local session_replication_role = replica;
set local maintenance_work_mem = '512MB';
set local client_min_messages = warning;

-- Indexes that are no constraint's.
create temporary table left_out on commit drop as
select format('drop index %s', indexrelid::regclass) as drop_it, pg_get_indexdef(indexrelid) as make_it
from pg_index
where indrelid = any (string_to_array(:'tables', ',')::regclass[])
  and not exists (select from pg_constraint where conindid = indexrelid);

select drop_it from left_out \gexec
