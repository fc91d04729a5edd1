-- Lets a managed identity sign in to PostgreSQL and use the site's database. Run it in psql, in the database
-- postgres, as the server's Entra administrator, as infra/database.sh does. It is safe to run it again.
--
-- Variables:
--   identity      the role's name; the site's setting DBUSER has the same value
--   identity_oid  the identity's principal id, which differs from its client id
--   database      the site's database
\set ON_ERROR_STOP on

-- Names the columns by position, because their names differ between versions of the function.
select coalesce((select oid from pgaadauth_list_principals(false) as principal (role, type, oid)
                 where role = :'identity'), '') as bound_to \gset
select :'bound_to' = '' as is_new, :'bound_to' not in ('', :'identity_oid') as is_other \gset

\if :is_new
    -- A managed identity is a service. The last two arguments: not an administrator, no second factor required.
    select pgaadauth_create_principal_with_oid(:'identity', :'identity_oid', 'service', false, false);
\elif :is_other
    -- The identity was deleted and created again: it has the same name but a new principal id.
    \set label 'aadauth,oid=' :identity_oid ',type=service'
    security label for "pgaadauth" on role :"identity" is :'label';
\endif

grant connect on database :"database" to :"identity";

-- The site creates its tables when it starts. Since PostgreSQL 15 that requires this grant.
\connect :"database"
grant usage, create on schema public to :"identity";
