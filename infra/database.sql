-- Lets a managed identity sign in to PostgreSQL and use the site's database. For psql, in database postgres,
-- as the server's Entra administrator; infra/database.sh runs it. It can be run again.
--
-- Variables: identity (the role's name, which the site has as DBUSER), identity_oid (the identity's principal
-- id, which is not its client id), database.
\set ON_ERROR_STOP on

-- The columns by place: their names differ between the function's versions.
select coalesce((select oid from pgaadauth_list_principals(false) as principal (role, type, oid)
                 where role = :'identity'), '') as bound_to \gset
select :'bound_to' = '' as is_new, :'bound_to' not in ('', :'identity_oid') as is_other \gset

\if :is_new
    -- A managed identity is a service; the two false: no administrator, no second factor.
    select pgaadauth_create_principal_with_oid(:'identity', :'identity_oid', 'service', false, false);
\elif :is_other
    -- An identity that was deleted and made again has the same name, but is another one.
    \set label 'aadauth,oid=' :identity_oid ',type=service'
    security label for "pgaadauth" on role :"identity" is :'label';
\endif

grant connect on database :"database" to :"identity";

-- The site makes its tables when it starts. Since PostgreSQL 15 nobody may do that in public unasked.
\connect :"database"
grant usage, create on schema public to :"identity";
