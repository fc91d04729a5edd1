-- Run in the database postgres by azuresu, at the first start and again after a script in this folder has changed.

-- The administrators' role. It can monitor and terminate sessions, but is not a superuser.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'azure_pg_admin') then
        create role azure_pg_admin nologin;
    end if;
    -- All Entra roles are members of azure_ad_user, so that pg_hba.conf can send them to the judge of tokens.
    if not exists (select from pg_catalog.pg_roles where rolname = 'azure_ad_user') then
        create role azure_ad_user nologin;
    end if;
end
$$;
grant pg_monitor, pg_signal_backend to azure_pg_admin;
alter database postgres owner to azure_pg_admin;

-- Local Azure's own tables and functions, which other roles cannot access.
create schema if not exists local_azure;
revoke all on schema local_azure from public;

-- The server's tenant, as one row.
create table if not exists local_azure.tenant (id uuid not null);

-- A copy of the tenant's directory: the principals for which a role can be created by name.
create table if not exists local_azure.directory (
    object_id uuid primary key,
    kind text not null check (kind in ('user', 'group', 'service')),
    display_name text not null
);

-- The verifier of the administrator's password that was last set through the control plane. The administrator may have
-- changed the password since then.
create table if not exists local_azure.administrator_password (name text not null, verifier text not null);

-- The principal whose tokens are the password of a role. Azure stores it in the role's security label, which requires a
-- library in the server. The key is the role's oid: a renamed role keeps its principal, and a recreated role has none.
create table if not exists local_azure.principals (
    role oid primary key,
    kind text not null check (kind in ('user', 'group', 'service')),
    object_id uuid not null,
    is_admin boolean not null,
    is_mfa boolean not null,
    -- Whether the role was created for an administrator of the control plane. It is dropped with that administrator.
    of_server boolean not null default false
);

-- Binds the role to the principal, and grants or revokes the administrators' privileges.
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
    execute format('grant azure_ad_user to %I', name);
    if is_admin then
        execute format('alter role %I createrole createdb', name);
        execute format('grant azure_pg_admin to %I', name);
    elsif was_admin then
        execute format('alter role %I nocreaterole nocreatedb', name);
        execute format('revoke azure_pg_admin from %I', name);
    end if;
end
$$;

-- Whether the role is one of the server's own, which cannot be bound to a principal.
create or replace function local_azure.is_reserved(name text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select name in ('azure_ad_user', 'azure_pg_admin') or starts_with(name, 'pg_')
        or exists (select from pg_roles where rolname = name and rolsuper)
$$;

-- Creates the roles of the control plane's administrators, and drops the roles of former administrators. The name of an
-- Entra administrator cannot be `password_administrator`.
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
            raise warning 'the former administrator % owns objects: its role is kept but cannot log in',
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
            raise warning 'the administrator % has a name that a role cannot have', administrator.display_name;
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

-- Creates the administrator that signs in with a password. If new_password is null, the password is left unchanged. It is a
-- verifier.
create or replace function local_azure.set_password_administrator(name text, new_password text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    former text;
begin
    -- A former administrator has no power any more.
    for former in
        select p.name
        from local_azure.administrator_password p
        join pg_roles r on r.rolname = p.name
        where p.name <> set_password_administrator.name
    loop
        execute format('alter role %I nologin', former);
        execute format('revoke azure_pg_admin from %I', former);
    end loop;
    if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I login createrole createdb in role azure_pg_admin', name);
    end if;
    if new_password is not null
        and not exists (
            select from local_azure.administrator_password p
            where p.name = set_password_administrator.name and p.verifier = new_password
        )
    then
        execute format('alter role %I login password %L', name, new_password);
        execute format('grant azure_pg_admin to %I', name);
        delete from local_azure.administrator_password;
        insert into local_azure.administrator_password (name, verifier) values (name, new_password);
    end if;
end
$$;
