-- Completes a load that before_load.sql began: creates the indexes again, and makes new ids continue after the loaded
-- ones.

select make_it from left_out \gexec

select format('select setval(pg_get_serial_sequence(%L, ''id''), coalesce((select max(id) from %1$s), 1))', name)
from unnest(string_to_array(:'tables', ',')) name \gexec
