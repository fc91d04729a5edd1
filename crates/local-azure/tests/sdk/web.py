"""Creates App Service plans and web apps by Microsoft's own library and deploys to one, as a program for the real Azure
does.

The developer's tokens come from ARM_TOKEN and APP_SERVICE_TOKEN. Everything else is Azure's own.
"""

import base64
import io
import json
import os
import time
import urllib.error
import urllib.request
import uuid
import zipfile

from common import StaticToken, names, refused

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.web import WebSiteManagementClient
from azure.mgmt.web.models import (
    AppServicePlan,
    AppServicePlanPatchResource,
    AppServicePlanProperties,
    ConnectionStringDictionary,
    ConnStringInfo,
    ConnStringValueTypePair,
    CsmPublishingCredentialsPoliciesEntity,
    CsmPublishingCredentialsPoliciesEntityProperties,
    CsmPublishingProfileOptions,
    ManagedServiceIdentity,
    NameValuePair,
    ResourceNameAvailabilityRequest,
    Site,
    SiteConfig,
    SiteConfigResource,
    SitePatchResource,
    SitePatchResourceProperties,
    SiteProperties,
    SkuDescription,
    SlotConfigNames,
    SlotConfigNamesResource,
    StringDictionary,
    UserAssignedIdentity,
)

GROUP = "web"
PLAN = "plan"

# The names of web apps are public.
APP = f"library-{uuid.uuid4().hex[:8]}"
HOST, SCM = f"{APP}.azurewebsites.net", f"{APP}.scm.azurewebsites.net"

# It answers with its environment.
SERVER = """
const http = require("http");
const answer = JSON.stringify({ greeting: process.env.GREETING, database: process.env.CUSTOMCONNSTR_main });
http.createServer((request, response) => response.end(answer)).listen(process.env.PORT, "0.0.0.0");
"""


def offers(web):
    stacks = {stack.name: stack for stack in web.provider.get_web_app_stacks()}
    assert {"node", "python"} <= stacks.keys()
    versions = [
        minor.stack_settings.linux_runtime_settings.runtime_version
        for major in stacks["node"].properties.major_versions
        for minor in major.minor_versions
    ]
    assert "NODE|22-lts" in versions
    assert {"node", "python"} <= {stack.name for stack in web.provider.get_web_app_stacks_for_location("westeurope")}
    assert {"West Europe"} <= {region.name for region in web.list_geo_regions(linux_workers_enabled=True)}

    def check(name):
        request = ResourceNameAvailabilityRequest(name=name, type="Microsoft.Web/sites")
        found = web.check_name_availability(request)
        return found.name_available, found.reason or None

    assert check(APP) == (True, None)
    assert check("not_a_name") == (False, "Invalid")
    return check


def plans(web):
    """Leaves one plan."""
    plans = web.app_service_plans

    def create(name, size="B1", group=GROUP, location="westeurope", **options):
        plan = AppServicePlan(
            location=location,
            kind="linux",
            sku=SkuDescription(name=size, **options),
            properties=AppServicePlanProperties(reserved=True),
            tags={"purpose": "test"},
        )
        return plans.begin_create_or_update(group, name, plan).result()

    plan = create(PLAN)
    assert (plan.name, plan.type, plan.kind) == (PLAN, "Microsoft.Web/serverfarms", "linux")
    assert (plan.sku.name, plan.sku.tier, plan.sku.capacity) == ("B1", "Basic", 1)
    assert plan.properties.provisioning_state == "Succeeded" and plan.properties.reserved
    assert (plan.properties.status, plan.properties.number_of_sites) == ("Ready", 0)
    create("another", size="P1v3", capacity=2)
    assert plans.get(GROUP, "another").sku.capacity == 2
    assert names(plans.list_by_resource_group(GROUP)) == names(plans.list()) == ["another", PLAN]
    assert plans.update(GROUP, PLAN, AppServicePlanPatchResource()).tags == {"purpose": "test"}
    with refused(HttpResponseError, "InvalidRequestContent"):
        create("third", size="Z9")
    with refused(HttpResponseError, "BadRequest"):
        create("third", capacity=50)
    with refused(HttpResponseError, "LocationNotAvailableForResourceType"):
        create("third", location="atlantis")
    with refused(ResourceNotFoundError, "ResourceGroupNotFound"):
        create("third", group="absent")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        plans.get(GROUP, "third")
    plans.delete(GROUP, "another")
    # What is not there is deleted.
    plans.delete(GROUP, "another")
    assert names(plans.list()) == [PLAN]
    return plan


def sites(web, plan, identity, check):
    """Leaves one app, with an identity of its own and another one."""
    apps = web.web_apps

    def create(name, group=GROUP, farm=plan.id, config=None, **options):
        properties = SiteProperties(server_farm_id=farm, reserved=True, https_only=True, site_config=config)
        return apps.begin_create_or_update(
            group, name, Site(location="westeurope", kind="app,linux", properties=properties, **options)
        ).result()

    config = SiteConfig(
        linux_fx_version="NODE|22-lts",
        app_command_line="node server.js",
        always_on=True,
        app_settings=[NameValuePair(name="GREETING", value="hello")],
        connection_strings=[ConnStringInfo(name="main", connection_string="host=here", type="Custom")],
    )
    both = ManagedServiceIdentity(
        type="SystemAssigned, UserAssigned", user_assigned_identities={identity.id: UserAssignedIdentity()}
    )
    app = create(APP, config=config, identity=both, tags={"purpose": "test"})
    assert (app.name, app.type, app.kind, app.location) == (APP, "Microsoft.Web/sites", "app,linux", "westeurope")
    assert (app.properties.state, app.properties.default_host_name) == ("Running", HOST)
    assert (app.properties.host_names, app.properties.enabled_host_names) == ([HOST], [HOST, SCM])
    assert app.properties.https_only and app.properties.server_farm_id == plan.id
    assert uuid.UUID(app.identity.principal_id) and app.identity.type == "SystemAssigned, UserAssigned"
    [user] = app.identity.user_assigned_identities.values()
    assert user.client_id == identity.client_id
    # Settings are not shown with the app.
    assert not app.properties.site_config.app_settings
    assert app.properties.site_config.linux_fx_version == "NODE|22-lts"
    assert app.properties.last_modified_time_utc and app.properties.outbound_ip_addresses
    assert apps.get(GROUP, APP).id == app.id
    assert names(apps.list()) == names(apps.list_by_resource_group(GROUP)) == [APP]
    assert names(web.app_service_plans.list_web_apps(GROUP, PLAN)) == [APP]
    assert check(APP) == (False, "AlreadyExists")

    patch = SitePatchResource(properties=SitePatchResourceProperties(client_affinity_enabled=False))
    updated = apps.update(GROUP, APP, patch)
    assert (updated.properties.client_affinity_enabled, updated.tags) == (False, {"purpose": "test"})
    assert updated.identity.principal_id == app.identity.principal_id
    with refused(HttpResponseError, "BadRequest"):
        create("not_a_name")
    with refused(ResourceNotFoundError, "ResourceGroupNotFound"):
        create("other", group="absent")
    with refused(ResourceNotFoundError, "NotFound"):
        create("other", farm=f"{plan.id}s")
    with refused(HttpResponseError, "BadRequest"):
        create("other", config=SiteConfig(linux_fx_version="COBOL|85"))
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        apps.get(GROUP, "other")
    with refused(ResourceExistsError, "Conflict"):
        web.app_service_plans.delete(GROUP, PLAN)


def settings(web):
    apps = web.web_apps
    assert apps.list_application_settings(GROUP, APP).properties == {"GREETING": "hello"}
    changed = apps.update_application_settings(GROUP, APP, StringDictionary(properties={"GREETING": "hi", "B": "2"}))
    assert changed.properties == apps.list_application_settings(GROUP, APP).properties == {"GREETING": "hi", "B": "2"}
    with refused(HttpResponseError, "BadRequest"):
        apps.update_application_settings(GROUP, APP, StringDictionary(properties={"not a name": "1"}))

    [string] = apps.list_connection_strings(GROUP, APP).properties.items()
    assert (string[0], string[1].value, string[1].type) == ("main", "host=here", "Custom")
    strings = {"main": ConnStringValueTypePair(value="host=there", type="Custom")}
    changed = apps.update_connection_strings(GROUP, APP, ConnectionStringDictionary(properties=strings))
    assert changed.properties["main"].value == "host=there"

    found = apps.get_configuration(GROUP, APP).properties
    assert (found.linux_fx_version, found.app_command_line, found.always_on) == ("NODE|22-lts", "node server.js", True)
    assert (found.ftps_state, found.min_tls_version) == ("FtpsOnly", "1.2")

    def configure(how, **properties):
        return how(GROUP, APP, SiteConfigResource(properties=SiteConfig(**properties))).properties

    changed = configure(apps.update_configuration, http20_enabled=True, health_check_path="/")
    assert (changed.http20_enabled, changed.app_command_line) == (True, "node server.js")
    changed = configure(apps.create_or_update_configuration, ftps_state="Disabled", health_check_path="")
    assert (changed.ftps_state, changed.http20_enabled) == ("Disabled", True)
    with refused(HttpResponseError, "BadRequest"):
        configure(apps.update_configuration, min_tls_version="0.9")
    assert len(list(apps.list_configurations(GROUP, APP))) == 1
    sticky = SlotConfigNamesResource(properties=SlotConfigNames(app_setting_names=["B"]))
    assert apps.update_slot_configuration_names(GROUP, APP, sticky).properties.app_setting_names == ["B"]
    assert apps.list_slot_configuration_names(GROUP, APP).properties.app_setting_names == ["B"]
    assert apps.get_auth_settings(GROUP, APP).properties.enabled is False
    assert apps.get_diagnostic_logs_configuration(GROUP, APP).properties.http_logs.file_system.enabled is False
    assert apps.list_metadata(GROUP, APP).properties == {}
    assert apps.list_azure_storage_accounts(GROUP, APP).properties == {}
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        apps.list_application_settings(GROUP, "absent")

    assert names(apps.list_host_name_bindings(GROUP, APP)) == [f"{APP}/{HOST}"]
    binding = apps.get_host_name_binding(GROUP, APP, HOST)
    assert (binding.properties.site_name, binding.properties.host_name_type) == (APP, "Verified")
    assert list(apps.list_slots(GROUP, APP)) == []


def publishing(web):
    """Returns the password of the app's own user."""
    apps = web.web_apps
    user = apps.begin_list_publishing_credentials(GROUP, APP).result().properties
    assert user.publishing_user_name == f"${APP}" and user.publishing_password
    assert user.scm_uri == f"https://${APP}:{user.publishing_password}@{SCM}"
    profile = b"".join(apps.list_publishing_profile_xml_with_secrets(GROUP, APP, CsmPublishingProfileOptions()))
    assert user.publishing_password in profile.decode()
    apps.generate_new_site_publishing_password(GROUP, APP)
    renewed = apps.begin_list_publishing_credentials(GROUP, APP).result().properties
    assert renewed.publishing_password != user.publishing_password
    assert kudu("/api/deployments", basic=(f"${APP}", renewed.publishing_password)) == (200, b"[]")

    def allow(how, allow):
        properties = CsmPublishingCredentialsPoliciesEntityProperties(allow=allow)
        return how(GROUP, APP, CsmPublishingCredentialsPoliciesEntity(properties=properties)).properties.allow

    assert allow(apps.update_ftp_allowed, False) is False
    assert allow(apps.update_scm_allowed, False) is False
    assert (apps.get_ftp_allowed(GROUP, APP).properties.allow, apps.get_scm_allowed(GROUP, APP).properties.allow) == (
        False,
        False,
    )
    policies = apps.list_basic_publishing_credentials_policies(GROUP, APP)
    assert {one.name: one.properties.allow for one in policies} == {"ftp": False, "scm": False}
    assert kudu("/api/deployments", basic=(f"${APP}", renewed.publishing_password))[0] == 401


def kudu(path, body=None, basic=None):
    """Asks the app's deployment service, with the token or with a name and a password."""
    request = urllib.request.Request(f"https://{SCM}{path}", data=body, method="POST" if body else "GET")
    if basic:
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(basic).encode()).decode())
    else:
        request.add_header("Authorization", "Bearer " + os.environ["APP_SERVICE_TOKEN"])
    if body:
        request.add_header("Content-Type", "application/zip")
    return fetch(request)


def fetch(request):
    """The status and the body of an answer."""
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def eventually(what):
    """Waits for what an app does after an answer."""
    for _ in range(300):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError("nothing happened for 30 seconds")


def says(**expected):
    """Whether the app answers so."""
    status, body = fetch(f"https://{HOST}/")
    return status == 200 and json.loads(body) == expected


def deployment(web):
    apps = web.web_apps
    assert list(apps.list_deployments(GROUP, APP)) == []
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as files:
        files.writestr("server.js", SERVER)
    status, _ = kudu("/api/zipdeploy?isAsync=true", package.getvalue())
    assert status == 202
    identifier = json.loads(kudu("/api/deployments/latest")[1])["id"]
    reached = apps.begin_get_production_site_deployment_status(GROUP, APP, identifier).result().properties
    assert (reached.status, reached.deployment_id) == ("RuntimeSuccessful", identifier)
    assert (reached.number_of_instances_successful, reached.number_of_instances_failed) == (1, 0)
    [listed] = apps.list_production_site_deployment_statuses(GROUP, APP)
    assert listed.properties.status == "RuntimeSuccessful"
    assert says(greeting="hi", database="host=there")

    assert names(apps.list_deployments(GROUP, APP)) == [identifier]
    found = apps.get_deployment(GROUP, APP, identifier).properties
    assert (found.status, found.active) == (4, True) and found.start_time <= found.end_time
    assert apps.list_deployment_log(GROUP, APP, identifier).name == identifier
    with refused(ResourceNotFoundError, "NotFound"):
        apps.get_deployment(GROUP, APP, "nothing")
    with refused(ResourceNotFoundError, "NotFound"):
        apps.begin_get_production_site_deployment_status(GROUP, APP, "nothing").result()

    [instance] = apps.list_instance_identifiers(GROUP, APP)
    assert instance.properties.state == "READY"
    assert apps.get_instance_info(GROUP, APP, instance.name).name == instance.name
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        apps.get_instance_info(GROUP, APP, "nothing")


def operations(web):
    apps = web.web_apps
    apps.update_application_settings(GROUP, APP, StringDictionary(properties={"GREETING": "bye"}))
    eventually(lambda: says(greeting="bye", database="host=there"))
    apps.stop(GROUP, APP)
    assert apps.get(GROUP, APP).properties.state == "Stopped"
    eventually(lambda: fetch(f"https://{HOST}/")[0] == 403)
    apps.start(GROUP, APP)
    assert apps.get(GROUP, APP).properties.state == "Running"
    eventually(lambda: says(greeting="bye", database="host=there"))
    apps.restart(GROUP, APP, soft_restart=False, synchronous=True)
    assert says(greeting="bye", database="host=there")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        apps.restart(GROUP, "absent")


def deletion(web):
    apps = web.web_apps
    apps.delete(GROUP, APP, delete_empty_server_farm=False)
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        apps.get(GROUP, APP)
    # What is not there is deleted.
    apps.delete(GROUP, APP)
    assert names(apps.list()) == [] and names(web.app_service_plans.list()) == [PLAN]
    web.app_service_plans.delete(GROUP, PLAN)
    assert names(web.app_service_plans.list()) == []


def main():
    credential = StaticToken(os.environ["ARM_TOKEN"])
    [subscription] = SubscriptionClient(credential).subscriptions.list()
    subscription = subscription.subscription_id
    resources = ResourceManagementClient(credential, subscription)
    identities = ManagedServiceIdentityClient(credential, subscription).user_assigned_identities
    web = WebSiteManagementClient(credential, subscription)
    resources.resource_groups.create_or_update(GROUP, ResourceGroup(location="westeurope"))
    identity = identities.create_or_update(GROUP, "reader", Identity(location="westeurope"))

    check = offers(web)
    plan = plans(web)
    sites(web, plan, identity, check)
    settings(web)
    publishing(web)
    deployment(web)
    operations(web)
    deletion(web)

    resources.resource_groups.begin_delete(GROUP).result()
    print("everything is as in Azure")


main()
