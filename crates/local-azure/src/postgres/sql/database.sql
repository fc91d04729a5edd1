-- Run in the templates and in the database postgres, so that it applies to every database.

-- The owner is a role that cannot sign in, so every user needs a grant to create tables.
-- <https://learn.microsoft.com/azure/postgresql/security/security-access-control>
alter schema public owner to azure_pg_admin;

-- Users other than azuresu may create only the extensions that the server parameter azure.extensions names. The parameter
-- is read from the server's files, so a session cannot override it.
-- <https://learn.microsoft.com/azure/postgresql/extensions/how-to-allow-extensions>
create or replace function pg_catalog.local_azure_allowed_extensions() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    allowed text[];
    extension text;
begin
    if session_user = 'azuresu' then
        return;
    end if;
    select regexp_split_to_array(lower(setting), '\s*,\s*') into allowed
    from pg_file_settings where name = 'azure.extensions' order by seqno desc limit 1;
    for extension in
        select e.extname from pg_event_trigger_ddl_commands() c join pg_extension e on e.oid = c.objid
        where c.object_type = 'extension'
    loop
        if extension <> 'plpgsql' and extension <> all (coalesce(allowed, '{}')) then
            raise exception 'extension "%" is not allow-listed for users in Azure Database for PostgreSQL', extension
                using errcode = 'feature_not_supported',
                hint = 'to learn how to allow an extension or see the list of allowed extensions, please refer to '
                    'https://go.microsoft.com/fwlink/?linkid=2301063';
        end if;
    end loop;
end
$$;
do $$
begin
    if not exists (select from pg_catalog.pg_event_trigger where evtname = 'local_azure_allowed_extensions') then
        create event trigger local_azure_allowed_extensions on ddl_command_end when tag in ('CREATE EXTENSION')
            execute function pg_catalog.local_azure_allowed_extensions();
        -- Objects that belong to an extension are left out of dumps, so they do not reach other servers.
        alter extension plpgsql add function pg_catalog.local_azure_allowed_extensions();
        alter extension plpgsql add event trigger local_azure_allowed_extensions;
    end if;
end
$$;
