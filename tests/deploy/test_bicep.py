"""Checks the Bicep files: they parse, they use only declared names and existing properties, and they set what security
requires.

These tests cannot install a Bicep compiler. Instead, they use a parser, a check of all names, and the property names in
Microsoft's Python clients for the same resource providers.
"""

import json
import re
from pathlib import Path

import pycep
import pytest
from azure.mgmt.postgresqlflexibleservers import models as postgres
from azure.mgmt.storage import models as storage
from azure.mgmt.web import models as web

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.glob("**/*.bicep"))
PARSED = {path.relative_to(INFRA).as_posix(): pycep.BicepParser().parse(file_path=path) for path in FILES}
MODULES = {name: parsed for name, parsed in PARSED.items() if name != "main.bicep"}

# The client's model of each object in a resource, by the object's path.
MODELS = {
    "Microsoft.DBforPostgreSQL/flexibleServers": {
        "": postgres.Server,
        "sku": postgres.Sku,
        "properties": postgres.ServerProperties,
        "properties.authConfig": postgres.AuthConfig,
        "properties.storage": postgres.Storage,
        "properties.backup": postgres.Backup,
        "properties.highAvailability": postgres.HighAvailability,
        "properties.network": postgres.Network,
    },
    "Microsoft.DBforPostgreSQL/flexibleServers/administrators": {
        "properties": postgres.AdministratorMicrosoftEntraPropertiesForAdd
    },
    "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules": {"properties": postgres.FirewallRuleProperties},
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": {"properties": postgres.DatabaseProperties},
    "Microsoft.Web/serverfarms": {
        "": web.AppServicePlan,
        "sku": web.SkuDescription,
        "properties": web.AppServicePlanProperties,
    },
    "Microsoft.Web/sites": {"": web.Site, "properties": web.SiteProperties, "properties.siteConfig": web.SiteConfig},
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {
        "properties": web.CsmPublishingCredentialsPoliciesEntityProperties
    },
    "Microsoft.Web/sites/config": {
        "properties": web.SiteAuthSettingsV2Properties,
        "properties.platform": web.AuthPlatform,
        "properties.globalValidation": web.GlobalValidation,
        "properties.identityProviders": web.IdentityProviders,
        "properties.identityProviders.azureActiveDirectory": web.AzureActiveDirectory,
        "properties.identityProviders.azureActiveDirectory.registration": web.AzureActiveDirectoryRegistration,
        "properties.login": web.Login,
        "properties.login.tokenStore": web.TokenStore,
        "properties.httpSettings": web.HttpSettings,
    },
    "Microsoft.Storage/storageAccounts": {
        "": storage.StorageAccountCreateParameters,
        "properties": storage.StorageAccountPropertiesCreateParameters,
    },
    "Microsoft.Storage/storageAccounts/blobServices": {
        "properties": storage.BlobServicePropertiesProperties,
        "properties.deleteRetentionPolicy": storage.DeleteRetentionPolicy,
        "properties.containerDeleteRetentionPolicy": storage.DeleteRetentionPolicy,
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"properties": storage.ContainerProperties},
}
# No client installed here has models of these resources, so their properties are listed.
LISTED = {
    "Microsoft.OperationalInsights/workspaces": {"properties": {"sku", "retentionInDays"}},
    "Microsoft.Authorization/roleAssignments": {"properties": {"roleDefinitionId", "principalId", "principalType"}},
    "Microsoft.Insights/components": {"properties": {"Application_Type", "WorkspaceResourceId", "DisableLocalAuth"}},
    "Microsoft.Insights/diagnosticSettings": {"properties": {"workspaceId", "logs", "metrics"}},
    "Microsoft.Network/virtualNetworks": {"properties": {"addressSpace", "subnets"}},
    "Microsoft.Network/privateEndpoints": {"properties": {"subnet", "privateLinkServiceConnections"}},
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": {"properties": {"privateDnsZoneConfigs"}},
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {"properties": {"registrationEnabled", "virtualNetwork"}},
}
# Attributes that Bicep itself defines for every resource.
BICEP_ATTRIBUTES = {"name", "parent", "scope", "dependsOn", "location", "tags", "kind", "identity"}
KEYWORDS = {
    *"targetScope param var resource module output existing true false null if for in string object int bool array".split(),
    # Functions.
    *"toLower uniqueString subscription union guid subscriptionResourceId contains empty environment".split(),
}


def resources():
    for file, parsed in PARSED.items():
        for name, resource in parsed.get("resources", {}).items():
            yield file, name, {**resource, "config": unconditional(resource["config"])}


def unconditional(config):
    """What is created only on a condition is one level deeper."""
    return config["config"] if "condition" in config else config


def resource(type):
    [found] = [resource["config"] for _, _, resource in resources() if resource["type"] == type]
    return found


def rest_names(model):
    """The property names of a client's model, as Azure's API spells them."""
    try:
        made = model()
    except TypeError:
        made = model(location="eastus")
    return {field._rest_name for field in made._attr_to_rest_field.values()}


def test_all_files_are_checked():
    assert set(PARSED) == {
        "main.bicep",
        *(f"modules/{name}.bicep" for name in ("database", "identity", "monitoring", "network", "private-endpoint", "storage", "web")),
    }


def test_a_syntax_error_is_reported():
    text = (INFRA / "modules/identity.bicep").read_text()
    with pytest.raises(Exception):
        pycep.BicepParser().parse(text=text.replace("properties", "", 1).replace("{", "", 1))


def unknown_names(text):
    """The names that a file uses but does not declare."""
    text = re.sub(r"(?m)//.*$|^@.*$", lambda match: "" if "http" not in match.group() else match.group(), text)
    # In a string, only the expressions in ${…} count.
    text = re.sub(r"'((?:[^'\\]|\\.)*)'", lambda match: " ".join(["''", *re.findall(r"\$\{(.*?)\}", match.group(1))]), text)
    declared = set(re.findall(r"(?m)^(?:param|var|resource|module|output) (\w+)", text))
    used = re.findall(r"(?<![.\w])([A-Za-z_]\w*)\b(?!\s*:)", text)
    return {name for name in used if name not in declared | KEYWORDS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_name_is_declared(path):
    text = path.read_text()
    assert unknown_names(text) == set()
    assert unknown_names(text + "\nvar another = locatoin\n") == {"locatoin"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_parameter_is_used(path):
    text = path.read_text()
    for name in re.findall(r"(?m)^(?:param|var) (\w+)", text):
        assert len(re.findall(rf"\b{name}\b", text)) > 1, name


def test_modules_receive_all_parameters_and_have_all_outputs_that_are_read():
    text = (INFRA / "main.bicep").read_text()
    used = {}
    for name, module in PARSED["main.bicep"]["modules"].items():
        path = module["detail"]["path"]
        used[path] = name
        wanted = {key for key, value in MODULES[path]["parameters"].items() if value["default"] is None}
        assert set(unconditional(module["config"])["params"]) == wanted, path
        for output in re.findall(rf"\b{name}!?\.outputs\.(\w+)", text):
            assert output in MODULES[path]["outputs"], f"{path} has no output {output}"
    assert set(used) == set(MODULES)


def test_the_parameters_file_matches_the_declarations():
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    declared = PARSED["main.bicep"]["parameters"]
    assert set(given) <= set(declared)
    assert {name for name, value in declared.items() if value["default"] is None} <= set(given)


@pytest.mark.parametrize("file,name,resource", list(resources()), ids=lambda value: value if isinstance(value, str) else "")
def test_azure_has_every_property(file, name, resource):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", resource["api_version"])
    config, kind = resource["config"], resource["type"]
    if config["name"] == "appsettings":
        return  # their names are the site's own
    for place, model in {**MODELS.get(kind, {}), **LISTED.get(kind, {})}.items():
        here = config
        for step in filter(None, place.split(".")):
            here = here.get(step, {})
        known = model if isinstance(model, set) else rest_names(model)
        assert known, f"{kind} {place}: no property names are known"
        unknown = set(here) - known - (BICEP_ATTRIBUTES if place == "" else set())
        assert not unknown, f"{file}: {name}: Azure's {kind} has no {place} {unknown}"
        # Nested objects are checked as well.
        for key, value in here.items():
            if isinstance(value, dict) and not {"function", "operator"} & set(value) and key not in ("properties", *BICEP_ATTRIBUTES):
                below = f"{place}.{key}".strip(".")
                assert below in MODELS.get(kind, {}) or kind in LISTED or key in ("sku",), f"{kind}: {below} is not checked"


def test_a_misspelled_property_is_found():
    assert "allowSharedKeysAccess" not in rest_names(storage.StorageAccountPropertiesCreateParameters)
    assert "allowSharedKeyAccess" in rest_names(storage.StorageAccountPropertiesCreateParameters)


def test_the_database_accepts_only_entra_tokens():
    properties = resource("Microsoft.DBforPostgreSQL/flexibleServers")["properties"]
    assert properties["authConfig"]["passwordAuth"] == "Disabled"
    assert properties["authConfig"]["activeDirectoryAuth"] == "Enabled"
    assert not {"administratorLogin", "administratorLoginPassword"} & set(properties)
    rule = resource("Microsoft.DBforPostgreSQL/flexibleServers/firewallRules")["properties"]
    assert rule == {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}


def test_photos_are_private():
    properties = resource("Microsoft.Storage/storageAccounts")["properties"]
    assert properties["allowBlobPublicAccess"] is False
    assert properties["allowSharedKeyAccess"] is False
    assert properties["minimumTlsVersion"] == "TLS1_2"
    assert properties["supportsHttpsTrafficOnly"] is True
    assert resource("Microsoft.Storage/storageAccounts/blobServices/containers")["properties"]["publicAccess"] == "None"


def test_the_private_network_is_a_choice():
    main = PARSED["main.bicep"]
    assert main["parameters"]["privateNetwork"]["default"] is False
    modules = {name: module["config"] for name, module in main["modules"].items()}
    private = {name for name, config in modules.items() if config.get("condition") == "privateNetwork"}
    assert private == {"network", "databaseEndpoint", "storageEndpoint"}
    text = (INFRA / "main.bicep").read_text()
    # Each service has either a public way in for the site, or a private one.
    assert "admitsAzure: !privateNetwork\n" in text and "isPublic: !privateNetwork\n" in text
    assert PARSED["modules/database.bicep"]["resources"]["azureServices"]["config"]["condition"] == "admitsAzure"
    assert "publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'\n" in (INFRA / "modules/storage.bicep").read_text()
    # https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    endpoints = [unconditional(modules[name])["params"] for name in ("databaseEndpoint", "storageEndpoint")]
    assert [endpoint["part"] for endpoint in endpoints] == ["postgresqlServer", "blob"]
    assert endpoints[0]["zoneName"] == "privatelink.postgres.database.azure.com"
    assert "zoneName: 'privatelink.blob.${environment().suffixes.storage}'\n" in text
    web, services = resource("Microsoft.Network/virtualNetworks")["properties"]["subnets"]
    assert web["properties"]["delegations"][0]["properties"]["serviceName"] == "Microsoft.Web/serverFarms"
    assert "delegations" not in services["properties"]
    assert "virtualNetworkSubnetId: empty(subnetId) ? null : subnetId\n" in (INFRA / "modules/web.bicep").read_text()


def test_the_identity_gets_one_role_on_one_account():
    role = resource("Microsoft.Authorization/roleAssignments")
    assert role["scope"] == "account"
    assert role["properties"]["principalType"] == "ServicePrincipal"
    # Storage Blob Data Contributor.
    assert "ba92f5b4-2d11-453d-a403-e96b0029c9fe" in (INFRA / "modules/storage.bicep").read_text()


def test_the_site_is_reached_by_https_and_started_by_its_startup_file():
    site = resource("Microsoft.Web/sites")
    config = site["properties"]["siteConfig"]
    assert site["properties"]["httpsOnly"] is True
    assert site["properties"]["clientAffinityEnabled"] is False
    assert config["minTlsVersion"] == "1.2"
    assert config["ftpsState"] == "Disabled"
    assert config["healthCheckPath"] == "/readyz"
    assert config["appCommandLine"] == "exec sh ./start.sh"
    assert config["linuxFxVersion"] == "PYTHON|3.13"
    policies = [r["config"] for _, _, r in resources() if r["type"].endswith("basicPublishingCredentialsPolicies")]
    assert [(p["name"], p["properties"]) for p in policies] == [("ftp", {"allow": False}), ("scm", {"allow": False})]


def test_the_package_runs_on_the_linux_of_each_stack():
    needed = re.search(r"(?m)^readonly GLIBC=2\.(\d+)$", (ROOT / "package.sh").read_text()).group(1)
    tutorial = (ROOT / "docs/tutorial.md").read_text()
    assert re.search(rf"needs glibc\s+2\.{needed},", tutorial)
    stacks = re.findall(r"(?m)^   \| (3\.\d+)[^|]* \| (?:Debian|Ubuntu) [^|]+ \| 2\.(\d+)", tutorial)
    assert len(stacks) == 3 and all(int(glibc) >= int(needed) for _, glibc in stacks)
    stack = resource("Microsoft.Web/sites")["properties"]["siteConfig"]["linuxFxVersion"].replace("|", ":")
    assert stack.partition(":")[2] in [name for name, _ in stacks]
    for file in ("docs/tutorial.md", "infra/deploy.sh"):
        assert f"--runtime {stack} " in (ROOT / file).read_text(), file


def test_bicep_and_script_give_the_site_the_same_settings():
    script = (INFRA / "deploy.sh").read_text()
    calls = re.findall(r"(?m)az webapp config appsettings set(?:.*\\\n)+.*$", script)
    assert len(calls) == 2
    in_script = dict(re.findall(r"([A-Z][A-Z_]+)=([^\s\"]+)", " ".join(calls)))
    bicep = (INFRA / "modules/web.bicep").read_text() + (INFRA / "main.bicep").read_text()
    in_bicep = dict(re.findall(r"^ +([A-Z][A-Z_]+): (\S+)$", bicep, re.M))
    # Only Bicep creates the component that this setting names.
    assert in_bicep.pop("APPLICATIONINSIGHTS_CONNECTION_STRING")
    assert set(in_script) == set(in_bicep) and len(in_script) == 15
    for name, value in in_script.items():
        assert value.startswith("$") or in_bicep[name] == f"'{value}'", name
    # The tutorial shows all of them.
    tutorial = (ROOT / "docs/tutorial.md").read_text()
    assert [name for name in in_script if f"{name}=" not in tutorial] == []


def test_bicep_and_script_sign_the_staff_in_by_the_same_settings():
    [in_bicep] = [r["config"] for _, _, r in resources() if r["config"]["name"] == "authsettingsV2"]
    in_bicep = json.loads(json.dumps(in_bicep["properties"]))
    in_script = json.loads((INFRA / "authentication.json").read_text())["properties"]
    registrations = [it["identityProviders"]["azureActiveDirectory"].pop("registration") for it in (in_bicep, in_script)]
    assert in_bicep == in_script
    assert [set(one) for one in registrations] == 2 * [{"openIdIssuer", "clientId", "clientSecretSettingName"}]
    # The setting names the site's identity: there is no secret.
    assert {one["clientSecretSettingName"] for one in registrations} == {"OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"}
    assert in_script["globalValidation"]["requireAuthentication"] is False
    assert in_script["login"]["tokenStore"]["enabled"] is False
