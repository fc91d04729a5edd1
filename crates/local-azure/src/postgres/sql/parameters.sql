select
    s.name,
    coalesce(s.setting, '') as value,
    coalesce(s.boot_val, '') as default_value,
    s.vartype as kind,
    case
        when s.vartype = 'bool' then 'on,off'
        when s.vartype = 'enum' then array_to_string(s.enumvals, ',')
        when s.vartype in ('integer', 'real') then s.min_val || '-' || s.max_val
        else '.*'
    end as allowed_values,
    s.unit,
    s.short_desc as description,
    s.context <> 'postmaster' as is_dynamic,
    s.name <> 'azure.extensions' and (
        s.context = 'internal'
        or coalesce(s.sourcefile, '') like '%/local-azure.conf'
        or s.category like 'File Locations%'
        or s.category like 'Connections and Authentication%'
        or s.category like 'Write-Ahead Log / Arch%'
        or s.category like 'Reporting and Logging / Where to Log%'
        or s.category like 'Developer Options%'
        or s.name like '%\_command'
        or s.name like '%\_file'
        or s.name like '%\_directory'
        or s.name like '%\_path' and s.name <> 'search_path'
        or s.name in ('jit_provider', 'local_preload_libraries', 'session_preload_libraries', 'restore_command', 'transaction_timeout')
    ) as is_read_only,
    s.pending_restart as is_pending
from pg_settings s
union all
select
    'azure.extensions',
    coalesce(
        (
            select f.setting
            from pg_file_settings f
            where f.name = 'azure.extensions'
            order by f.seqno desc
            limit 1
        ),
        ''
    ),
    '',
    'string',
    (select string_agg(e.name, ',' order by e.name) from pg_available_extensions e),
    null,
    'Specifies which extensions are allowed to be created in the server.',
    true,
    false,
    false
where not exists (select from pg_settings s where s.name = 'azure.extensions')
order by name
