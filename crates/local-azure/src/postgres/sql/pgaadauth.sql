-- The functions that Entra administrators use to create roles. As on Azure, only the database postgres has them.
-- <https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users>
-- They run as azuresu, with a search path that the caller cannot change.

create or replace function local_azure.only_entra_administrators(called text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    -- session_user is the role that signed in, even after SET ROLE.
    if session_user <> 'azuresu' and not exists (
        select from local_azure.principals p join pg_roles r on r.oid = p.role
        where r.rolname = session_user and p.is_admin
    ) then
        raise exception 'permission denied for function %', called using errcode = 'insufficient_privilege';
    end if;
end
$$;

-- Validates an object id and a type of principal. Returns them as they are stored.
create or replace function local_azure.checked(inout object_id text, inout object_type text)
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    object_type := lower(object_type);
    if object_type is null or object_type not in ('user', 'group', 'service') then
        raise exception 'the type of a Microsoft Entra principal must be user, group or service'
            using errcode = 'invalid_parameter_value';
    end if;
    if object_id is null or object_id !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        raise exception 'the object id of a Microsoft Entra principal must be a GUID'
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;

create or replace function local_azure.create_principal(
    name text, object_id uuid, kind text, is_admin boolean, is_mfa boolean
) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if octet_length(name) > 63 then
        raise exception 'identifier "%" is too long', name using errcode = 'name_too_long';
    end if;
    execute format('create role %I login', name);
    perform local_azure.bind(name, object_id, kind, is_admin, is_mfa, false);
    return format('Created role for %I', name);
end
$$;

create or replace function pg_catalog.pgaadauth_create_principal(rolename text, isadmin boolean, ismfa boolean)
returns text language plpgsql strict security definer set search_path = pg_catalog, pg_temp as $$
declare
    found_count bigint;
    principal local_azure.directory;
begin
    perform local_azure.only_entra_administrators('pgaadauth_create_principal');
    select count(*) into found_count from local_azure.directory where display_name = rolename;
    if found_count = 0 then
        raise exception 'the Microsoft Entra tenant has no principal named "%"', rolename
            using errcode = 'undefined_object',
            hint = 'Use the display name or the user principal name. The name is case-sensitive.';
    elsif found_count > 1 then
        raise exception 'the Microsoft Entra tenant has % principals named "%"', found_count, rolename
            using errcode = 'cardinality_violation', hint = 'Use pgaadauth_create_principal_with_oid.';
    end if;
    select * into principal from local_azure.directory where display_name = rolename;
    return local_azure.create_principal(rolename, principal.object_id, principal.kind, isadmin, ismfa);
end
$$;

create or replace function pg_catalog.pgaadauth_create_principal_with_oid(
    rolename text, objectid text, objecttype text, isadmin boolean, ismfa boolean
) returns text language plpgsql strict security definer set search_path = pg_catalog, pg_temp as $$
declare
    checked record;
begin
    perform local_azure.only_entra_administrators('pgaadauth_create_principal_with_oid');
    checked := local_azure.checked(objectid, objecttype);
    return local_azure.create_principal(rolename, checked.object_id::uuid, checked.object_type, isadmin, ismfa);
end
$$;

create or replace function pg_catalog.pgaadauth_update_principal_with_oid(
    rolename text, objectid text, objecttype text, isadmin boolean, ismfa boolean
) returns text language plpgsql strict security definer set search_path = pg_catalog, pg_temp as $$
declare
    checked record;
begin
    perform local_azure.only_entra_administrators('pgaadauth_update_principal_with_oid');
    checked := local_azure.checked(objectid, objecttype);
    if not exists (select from pg_roles where rolname = rolename) then
        raise exception 'role "%" does not exist', rolename using errcode = 'undefined_object';
    elsif local_azure.is_reserved(rolename) then
        raise exception 'role name "%" is reserved', rolename using errcode = 'reserved_name';
    end if;
    perform local_azure.bind(rolename, checked.object_id::uuid, checked.object_type, isadmin, ismfa, false);
    return format('Updated role for %I', rolename);
end
$$;

-- The documentation says rolename, but Azure's servers return rolname, and integers for the last two columns.
create or replace function pg_catalog.pgaadauth_list_principals(isadminvalue boolean)
returns table (
    rolname text, principaltype text, objectid text, tenantid text, ismfa integer, isadmin integer
) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select r.rolname::text, p.kind, p.object_id::text, t.id::text, p.is_mfa::integer, p.is_admin::integer
    from local_azure.principals p join pg_roles r on r.oid = p.role cross join local_azure.tenant t
    where p.is_admin or not isadminvalue
    order by p.role
$$;
