-- $1 object ids, $2 kinds, $3 display names
insert into local_azure.directory (object_id, kind, display_name)
select id::uuid, kind, name from unnest($1::text[], $2::text[], $3::text[]) as d (id, kind, name)
on conflict (object_id) do nothing
