-- Speeds up the loading of many rows until the transaction ends. Triggers and foreign keys are off, because the rows
-- already contain the results of the triggers. Indexes are dropped; after_load.sql creates them again. The variable
-- `tables` names the tables: \set tables 'one,another'.

set local session_replication_role = replica;
set local maintenance_work_mem = '512MB';
set local client_min_messages = warning;

-- The indexes that do not belong to a constraint.
create temporary table left_out on commit drop as
select format('drop index %s', indexrelid::regclass) as drop_it, pg_get_indexdef(indexrelid) as make_it
from pg_index
where indrelid = any (string_to_array(:'tables', ',')::regclass[])
  and not exists (select from pg_constraint where conindid = indexrelid);

select drop_it from left_out \gexec
