-- Run in the database postgres at every start, by azuresu.

-- The role of administrators. It may watch and end sessions, and is no superuser.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'azure_pg_admin') then
        create role azure_pg_admin nologin;
    end if;
end
$$;
grant pg_monitor, pg_signal_backend to azure_pg_admin;
alter database postgres owner to azure_pg_admin;

-- What Local Azure keeps in the server; nobody else sees it.
create schema if not exists local_azure;
revoke all on schema local_azure from public;

-- The tenant that the server is in; one row.
create table if not exists local_azure.tenant (id uuid not null);

-- Everybody whom a role can be made for by name: a copy of the tenant's directory.
create table if not exists local_azure.directory (
    object_id uuid primary key,
    kind text not null check (kind in ('user', 'group', 'service')),
    display_name text not null
);

-- Whose token is the password of which role. Azure keeps this in the role's security label; those need a library in
-- the server. By oid, so that a role that is renamed keeps its principal, and one that is made again has none.
create table if not exists local_azure.principals (
    role oid primary key,
    kind text not null check (kind in ('user', 'group', 'service')),
    object_id uuid not null,
    is_admin boolean not null,
    is_mfa boolean not null,
    -- Made for an administrator of the control plane, and gone when that is one no more.
    of_server boolean not null default false
);

-- Lets the tokens of that principal in as the role, and makes the role an administrator or takes that from it.
create or replace function local_azure.bind(
    name text, object_id uuid, kind text, is_admin boolean, is_mfa boolean, of_server boolean
) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    bound_role oid := (select oid from pg_roles where rolname = name);
    was_admin boolean := (select p.is_admin from local_azure.principals p where p.role = bound_role);
begin
    insert into local_azure.principals as p (role, kind, object_id, is_admin, is_mfa, of_server)
    values (bound_role, kind, object_id, is_admin, is_mfa, of_server)
    on conflict (role) do update
    set kind = excluded.kind, object_id = excluded.object_id, is_admin = excluded.is_admin,
        is_mfa = excluded.is_mfa, of_server = p.of_server or excluded.of_server;
    if is_admin then
        execute format('alter role %I createrole createdb', name);
        execute format('grant azure_pg_admin to %I', name);
    elsif was_admin then
        execute format('alter role %I nocreaterole nocreatedb', name);
        execute format('revoke azure_pg_admin from %I', name);
    end if;
end
$$;

-- Whether a role is the server's own, which no principal can have.
create or replace function local_azure.is_reserved(name text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select name = 'azure_pg_admin' or starts_with(name, 'pg_')
        or exists (select from pg_roles where rolname = name and rolsuper)
$$;

-- Makes the roles of the control plane's administrators, and takes those of former ones away. `password_administrator`
-- is the name that an Entra administrator cannot have.
create or replace function local_azure.set_administrators(object_ids uuid[], password_administrator text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    former record;
    administrator record;
begin
    delete from local_azure.principals p where not exists (select from pg_roles r where r.oid = p.role);
    for former in
        select p.role, r.rolname from local_azure.principals p join pg_roles r on r.oid = p.role
        where p.of_server and p.object_id <> all (object_ids)
    loop
        delete from local_azure.principals where role = former.role;
        execute format('revoke azure_pg_admin from %I', former.rolname);
        execute format('alter role %I nologin nocreaterole nocreatedb', former.rolname);
        begin
            execute format('drop role %I', former.rolname);
        exception when dependent_objects_still_exist then
            raise warning 'the former administrator % owns objects: its role stays, and may not log in',
                former.rolname;
        end;
    end loop;
    for administrator in
        select d.* from local_azure.directory d
        where d.object_id = any (object_ids)
            and not exists (
                select from local_azure.principals p where p.object_id = d.object_id and p.of_server
            )
    loop
        if local_azure.is_reserved(administrator.display_name)
            or administrator.display_name = password_administrator
            or octet_length(administrator.display_name) > 63
        then
            raise warning 'no role can have the name of the administrator %', administrator.display_name;
            continue;
        end if;
        if exists (select from pg_roles where rolname = administrator.display_name) then
            execute format('alter role %I login', administrator.display_name);
        else
            execute format('create role %I login', administrator.display_name);
        end if;
        perform local_azure.bind(
            administrator.display_name, administrator.object_id, administrator.kind, true, false, true
        );
    end loop;
end
$$;

-- The administrator with a password; null leaves the password as it is.
create or replace function local_azure.set_password_administrator(name text, new_password text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I login createrole createdb in role azure_pg_admin', name);
    end if;
    if new_password is not null then
        execute format('alter role %I password %L', name, new_password);
    end if;
end
$$;
