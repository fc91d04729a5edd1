-- The principal whose tokens are the password of the role $1.
select p.kind, p.object_id::text, p.is_mfa
from local_azure.principals p join pg_catalog.pg_roles r on r.oid = p.role
where r.rolname = $1
