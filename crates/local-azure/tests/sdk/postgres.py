"""Creates PostgreSQL flexible servers by Microsoft's own library and connects to them, as a program for the real Azure
does.

The developer's tokens come from ARM_TOKEN and POSTGRES_TOKEN. Everything else is Azure's own.
"""

import os
import uuid

from common import StaticToken, claims, names, refused

import psycopg
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.postgresqlflexibleservers import PostgreSQLManagementClient
from azure.mgmt.postgresqlflexibleservers.models import (
    AdministratorMicrosoftEntraAdd,
    AdministratorMicrosoftEntraPropertiesForAdd,
    AuthConfig,
    AuthConfigForPatch,
    Backup,
    BackupForPatch,
    CheckNameAvailabilityRequest,
    ConfigurationForUpdate,
    ConfigurationProperties,
    Database,
    DatabaseProperties,
    FirewallRule,
    FirewallRuleProperties,
    HighAvailability,
    MaintenanceWindowForPatch,
    Network,
    RestartParameter,
    Server,
    ServerForPatch,
    ServerProperties,
    ServerPropertiesForPatch,
    Sku,
    SkuForPatch,
    Storage,
)
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup
from azure.mgmt.resource.subscriptions import SubscriptionClient

GROUP = "postgres"
PASSWORD = "Riddle-123456"
SERVER_TYPE = "Microsoft.DBforPostgreSQL/flexibleServers"

# The names of servers are public.
suffix = uuid.uuid4().hex[:8]
BOTH, ENTRA = f"both-{suffix}", f"entra-{suffix}"


def connect(server, user, password, database="postgres"):
    return psycopg.connect(
        host=f"{server}.postgres.database.azure.com",
        user=user,
        password=password,
        dbname=database,
        sslmode="verify-full",
        sslrootcert=os.environ["REQUESTS_CA_BUNDLE"],
        connect_timeout=10,
        autocommit=True,
    )


def ask(*server, statement="select current_user"):
    with connect(*server) as connection:
        return connection.execute(statement).fetchone()[0]


def shut_out(*server):
    """Signing in must fail."""
    try:
        ask(*server)
    except psycopg.OperationalError:
        return
    raise AssertionError(f"{server[:2]} was let in")


def offers(postgres):
    [capability] = postgres.capabilities_by_location.list("westeurope")
    editions = {edition.name: edition for edition in capability.supported_server_editions}
    assert {"Burstable", "GeneralPurpose", "MemoryOptimized"} <= editions.keys()
    burstable = editions["Burstable"]
    assert "Standard_B1ms" in [sku.name for sku in burstable.supported_server_skus]
    assert burstable.supported_storage_editions[0].supported_storage_mb[0].storage_size_mb == 32 * 1024
    assert {"16", "17"} <= {version.name for version in capability.supported_server_versions}
    assert capability.restricted == "Disabled"

    def check(name):
        request = CheckNameAvailabilityRequest(name=name, type=SERVER_TYPE)
        everywhere = postgres.name_availability.check_globally(request)
        in_location = postgres.name_availability.check_with_location("westeurope", request)
        assert everywhere.name_available == in_location.name_available
        return everywhere.name_available, everywhere.reason

    assert check(BOTH) == (True, None)
    assert check("Not A Name") == (False, "Invalid")
    return check


def create(postgres, name, group=GROUP, location="westeurope", **properties):
    server = Server(
        location=location,
        tags={"purpose": "test"},
        sku=Sku(name="Standard_B1ms", tier="Burstable"),
        properties=ServerProperties(
            version="17",
            storage=Storage(storage_size_gb=32, auto_grow="Enabled"),
            backup=Backup(backup_retention_days=7, geo_redundant_backup="Disabled"),
            network=Network(public_network_access="Enabled"),
            high_availability=HighAvailability(mode="Disabled"),
            create_mode="Default",
            **properties,
        ),
    )
    return postgres.servers.begin_create_or_update(group, name, server)


def servers(postgres, check):
    """Leaves a server that accepts passwords and tokens, and one that accepts only tokens."""
    invalid = [
        ("PasswordNotComplex", dict(administrator_login="ada", administrator_login_password="short")),
        ("InvalidParameterValue", dict(administrator_login="ada")),
        ("InvalidParameterValue", dict(administrator_login="azure_superuser", administrator_login_password=PASSWORD)),
        (
            "InvalidParameterValue",
            dict(auth_config=AuthConfig(active_directory_auth="Disabled", password_auth="Disabled")),
        ),
    ]
    for code, properties in invalid:
        with refused(HttpResponseError, code):
            create(postgres, BOTH, **properties)
    ada = dict(administrator_login="ada", administrator_login_password=PASSWORD)
    with refused(ResourceNotFoundError, "ResourceGroupNotFound"):
        create(postgres, BOTH, group="absent", **ada)
    with refused(HttpResponseError, "LocationNotAvailableForResourceType"):
        create(postgres, BOTH, location="atlantis", **ada)
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        postgres.servers.get(GROUP, BOTH)

    # Servers are created side by side.
    both = create(postgres, BOTH, auth_config=AuthConfig(active_directory_auth="Enabled", password_auth="Enabled"), **ada)
    entra = create(postgres, ENTRA, auth_config=AuthConfig(active_directory_auth="Enabled", password_auth="Disabled"))
    both, entra = both.result(), entra.result()
    properties = both.properties
    assert (both.name, both.type, both.location, both.sku.tier) == (BOTH, SERVER_TYPE, "westeurope", "Burstable")
    assert properties.state == "Ready" and properties.version == "17"
    assert properties.fully_qualified_domain_name == f"{BOTH}.postgres.database.azure.com"
    assert (properties.administrator_login, properties.administrator_login_password) == ("ada", None)
    assert (properties.storage.storage_size_gb, properties.storage.tier, properties.storage.iops) == (32, "P4", 120)
    assert properties.backup.backup_retention_days == 7
    assert (entra.properties.auth_config.password_auth, entra.properties.administrator_login) == ("Disabled", None)

    assert postgres.servers.get(GROUP, BOTH).id == both.id
    assert names(postgres.servers.list_by_resource_group(GROUP)) == [BOTH, ENTRA]
    assert names(postgres.servers.list_by_subscription()) == [BOTH, ENTRA]
    assert list(postgres.replicas.list_by_server(GROUP, BOTH)) == []
    assert check(BOTH) == (False, "AlreadyExists")
    [capability] = postgres.capabilities_by_server.list(GROUP, BOTH)
    assert capability.supported_server_versions


def firewall(postgres):
    rules = postgres.firewall_rules

    def allow(server, name, first, last):
        rule = FirewallRule(properties=FirewallRuleProperties(start_ip_address=first, end_ip_address=last))
        return rules.begin_create_or_update(GROUP, server, name, rule).result()

    # Without a rule, no connection is accepted.
    shut_out(BOTH, "ada", PASSWORD)
    allow(BOTH, "office", "203.0.113.1", "203.0.113.9")
    assert ask(BOTH, "ada", PASSWORD) == "ada"
    moved = allow(BOTH, "office", "198.51.100.1", "198.51.100.1")
    assert moved.properties.start_ip_address == "198.51.100.1"
    shut_out(BOTH, "ada", PASSWORD)
    for server in [BOTH, ENTRA]:
        created = allow(server, "everybody", "0.0.0.0", "255.255.255.255")
        assert (created.name, created.type) == ("everybody", f"{SERVER_TYPE}/firewallRules")
    assert rules.get(GROUP, BOTH, "office").properties.end_ip_address == "198.51.100.1"
    assert names(rules.list_by_server(GROUP, BOTH)) == ["everybody", "office"]

    with refused(HttpResponseError, "InvalidParameterValue"):
        allow(BOTH, "backwards", "10.0.0.2", "10.0.0.1")
    with refused(HttpResponseError, "InvalidParameterValue"):
        allow(BOTH, "nowhere", "here", "there")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        rules.get(GROUP, BOTH, "backwards")
    with refused(ResourceNotFoundError, "ParentResourceNotFound"):
        allow("absent", "everybody", "0.0.0.0", "255.255.255.255")
    rules.begin_delete(GROUP, BOTH, "office").result()
    # What is not there is deleted.
    rules.begin_delete(GROUP, BOTH, "office").result()
    assert names(rules.list_by_server(GROUP, BOTH)) == ["everybody"]


def databases(postgres):
    databases = postgres.databases

    def create(name, **properties):
        database = Database(properties=DatabaseProperties(**properties))
        return databases.begin_create(GROUP, BOTH, name, database).result()

    created = create("library", charset="UTF8", collation="en_US.utf8")
    assert (created.name, created.properties.charset) == ("library", "UTF8")
    create("archive")
    with connect(BOTH, "ada", PASSWORD, "library") as connection:
        connection.execute("create table book (title text)")
        connection.execute("insert into book values ('Emma')")
        connection.execute("create database by_sql")
    assert databases.get(GROUP, BOTH, "library").type == f"{SERVER_TYPE}/databases"
    listed = names(databases.list_by_server(GROUP, BOTH))
    assert {"archive", "by_sql", "library", "postgres"} <= set(listed), listed
    # Creating it again keeps what is in it.
    create("library", charset="UTF8", collation="en_US.utf8")
    assert ask(BOTH, "ada", PASSWORD, "library", statement="select title from book") == "Emma"

    with refused(HttpResponseError, "InvalidParameterValue"):
        create("old", charset="LATIN1")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        databases.get(GROUP, BOTH, "old")
    for name in ["archive", "by_sql", "by_sql"]:
        databases.begin_delete(GROUP, BOTH, name).result()
    assert not {"archive", "by_sql"} & set(names(databases.list_by_server(GROUP, BOTH)))
    with refused(HttpResponseError, "InvalidParameterValue"):
        databases.begin_delete(GROUP, BOTH, "postgres").result()


def administrators(postgres, token):
    administrators = postgres.administrators_microsoft_entra
    me = claims(token)["oid"]
    name = claims(token)["upn"]

    def add(server, principal=me, kind="User"):
        properties = AdministratorMicrosoftEntraPropertiesForAdd(
            principal_name=name, principal_type=kind, tenant_id=claims(token)["tid"]
        )
        administrator = AdministratorMicrosoftEntraAdd(properties=properties)
        return administrators.begin_create_or_update(GROUP, server, principal, administrator).result()

    for server in [BOTH, ENTRA]:
        shut_out(server, name, token)
        created = add(server)
        assert (created.name, created.properties.principal_name) == (me, name)
        assert (created.properties.object_id, created.properties.principal_type) == (me, "User")
        assert ask(server, name, token) == name
        assert administrators.get(GROUP, server, me).properties.tenant_id == claims(token)["tid"]
        assert names(administrators.list_by_server(GROUP, server)) == [me]
    shut_out(BOTH, name, "nonsense")
    with refused(HttpResponseError, "InvalidParameterValue"):
        add(BOTH, "me")
    with refused(HttpResponseError, "InvalidParameterValue"):
        add(BOTH, str(uuid.uuid4()))
    with refused(HttpResponseError, "InvalidParameterValue"):
        add(BOTH, kind="Group")
    administrators.begin_delete(GROUP, BOTH, me).result()
    shut_out(BOTH, name, token)
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        administrators.get(GROUP, BOTH, me)
    return name


def configurations(postgres):
    configurations = postgres.configurations

    def update(name, value, source="user-override", how=configurations.begin_update):
        properties = ConfigurationProperties(value=value, source=source)
        return how(GROUP, BOTH, name, ConfigurationForUpdate(properties=properties)).result()

    listed = {one.name: one.properties for one in configurations.list_by_server(GROUP, BOTH)}
    assert len(listed) > 100
    work = listed["work_mem"]
    assert (work.value, work.data_type, work.source, work.is_dynamic_config) == (
        work.default_value,
        "Integer",
        "system-default",
        True,
    )
    assert listed["server_version"].is_read_only
    changed = update("work_mem", "8192").properties
    assert (changed.value, changed.source) == ("8192", "user-override")
    assert ask(BOTH, "ada", PASSWORD, statement="show work_mem") == "8MB"
    # Some have no effect before a restart.
    update("max_prepared_transactions", "77", how=configurations.begin_put)
    assert configurations.get(GROUP, BOTH, "max_prepared_transactions").properties.is_config_pending_restart
    postgres.servers.begin_restart(GROUP, BOTH, RestartParameter(restart_with_failover=False)).result()
    waiting = configurations.get(GROUP, BOTH, "max_prepared_transactions").properties
    assert (waiting.value, waiting.is_config_pending_restart) == ("77", False)
    assert ask(BOTH, "ada", PASSWORD, statement="show max_prepared_transactions") == "77"
    assert update("work_mem", work.default_value, "system-default").properties.source == "system-default"

    with refused(HttpResponseError, "InvalidParameterValue"):
        update("work_mem", "much")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        update("patience", "1")


def updates(postgres, token, name):
    servers = postgres.servers

    def update(server, **properties):
        patch = ServerForPatch(properties=ServerPropertiesForPatch(**properties))
        return servers.begin_update(GROUP, server, patch).result()

    updated = servers.begin_update(GROUP, BOTH, ServerForPatch(tags={"team": "library"})).result()
    assert updated.tags == {"team": "library"} and updated.properties.storage.storage_size_gb == 32
    updated = servers.begin_update(GROUP, BOTH, ServerForPatch(sku=SkuForPatch(name="Standard_B2s", tier="Burstable")))
    assert updated.result().sku.name == "Standard_B2s"
    window = MaintenanceWindowForPatch(custom_window="Enabled", day_of_week=3, start_hour=4, start_minute=30)
    updated = update(BOTH, maintenance_window=window, backup=BackupForPatch(backup_retention_days=14)).properties
    assert (updated.maintenance_window.start_minute, updated.backup.backup_retention_days) == (30, 14)
    # What an update does not name stays, in objects too.
    storage = update(BOTH, storage=Storage(storage_size_gb=64)).properties.storage
    assert (storage.storage_size_gb, storage.auto_grow, storage.tier, storage.iops) == (64, "Enabled", "P6", 240)
    window = update(BOTH, maintenance_window=MaintenanceWindowForPatch(start_hour=5)).properties.maintenance_window
    assert (window.custom_window, window.day_of_week, window.start_hour) == ("Enabled", 3, 5)

    update(BOTH, administrator_login_password="Another-123456")
    shut_out(BOTH, "ada", PASSWORD)
    assert ask(BOTH, "ada", "Another-123456") == "ada"
    with refused(HttpResponseError, "PasswordNotComplex"):
        update(BOTH, administrator_login_password="short")
    with refused(HttpResponseError, "InvalidParameterValue"):
        update(BOTH, auth_config=AuthConfigForPatch(active_directory_auth="Disabled", password_auth="Disabled"))
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        servers.begin_update(GROUP, "absent", ServerForPatch(tags={}))

    # Passwords on the server that had none. The library's own class has no administrator, who is needed now.
    passwords = {
        "authConfig": {"passwordAuth": "Enabled"},
        "administratorLogin": "eve",
        "administratorLoginPassword": PASSWORD,
    }
    updated = servers.begin_update(GROUP, ENTRA, {"properties": passwords}).result().properties
    assert (updated.administrator_login, updated.auth_config.active_directory_auth) == ("eve", "Enabled")
    assert (ask(ENTRA, "eve", PASSWORD), ask(ENTRA, name, token)) == ("eve", name)
    # And no tokens any more.
    config = update(ENTRA, auth_config=AuthConfigForPatch(active_directory_auth="Disabled")).properties.auth_config
    assert (config.active_directory_auth, config.password_auth) == ("Disabled", "Enabled")
    shut_out(ENTRA, name, token)
    assert ask(ENTRA, "eve", PASSWORD) == "eve"


def starts_and_stops(postgres):
    servers = postgres.servers
    servers.begin_stop(GROUP, BOTH).result()
    assert servers.get(GROUP, BOTH).properties.state == "Stopped"
    shut_out(BOTH, "ada", "Another-123456")
    with refused(ResourceExistsError, "ServerIsNotReady"):
        servers.begin_restart(GROUP, BOTH).result()
    servers.begin_start(GROUP, BOTH).result()
    assert servers.get(GROUP, BOTH).properties.state == "Ready"
    assert ask(BOTH, "ada", "Another-123456", "library", statement="select title from book") == "Emma"
    servers.begin_restart(GROUP, BOTH).result()
    assert ask(BOTH, "ada", "Another-123456") == "ada"
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        servers.begin_stop(GROUP, "absent").result()


def deletion(postgres):
    postgres.servers.begin_delete(GROUP, BOTH).result()
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        postgres.servers.get(GROUP, BOTH)
    # What is not there is deleted.
    postgres.servers.begin_delete(GROUP, BOTH).result()
    shut_out(BOTH, "ada", "Another-123456")
    assert names(postgres.servers.list_by_subscription()) == [ENTRA]


def main():
    credential = StaticToken(os.environ["ARM_TOKEN"])
    token = os.environ["POSTGRES_TOKEN"]
    [subscription] = SubscriptionClient(credential).subscriptions.list()
    resources = ResourceManagementClient(credential, subscription.subscription_id)
    postgres = PostgreSQLManagementClient(credential, subscription.subscription_id)
    resources.resource_groups.create_or_update(GROUP, ResourceGroup(location="westeurope"))

    check = offers(postgres)
    servers(postgres, check)
    firewall(postgres)
    databases(postgres)
    name = administrators(postgres, token)
    configurations(postgres)
    updates(postgres, token, name)
    starts_and_stops(postgres)
    deletion(postgres)

    resources.resource_groups.begin_delete(GROUP).result()
    assert names(postgres.servers.list_by_subscription()) == []
    print("everything is as in Azure")


main()
