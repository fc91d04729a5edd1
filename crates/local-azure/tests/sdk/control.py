"""Uses Azure's control plane and directory by Microsoft's own libraries, as a program for the real Azure does.

The developer's tokens come from ARM_TOKEN and GRAPH_TOKEN. Everything else is Azure's own.
"""

import asyncio
import logging
import os
import uuid

from common import StaticToken, names, pages, refused

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import Permission, RoleAssignmentCreateParameters, RoleDefinition
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential, Identity, IdentityUpdate
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.locks.models import ManagementLockObject
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup, ResourceGroupPatchable
from azure.mgmt.resource.subscriptions import SubscriptionClient
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (
    RemovePasswordPostRequestBody,
)
from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder
from msgraph.generated.models.application import Application
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential as TrustedToken
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.user import User
from msgraph.generated.service_principals.service_principals_request_builder import ServicePrincipalsRequestBuilder
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder

GRAPH = "https://graph.microsoft.com"
GITHUB = "https://token.actions.githubusercontent.com"
DOMAIN = "contoso.onmicrosoft.com"

# What a list of msgraph can be asked for: the size of a page, properties, a filter.
UserQuery = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters
OneUserQuery = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters
GroupQuery = GroupsRequestBuilder.GroupsRequestBuilderGetQueryParameters
ApplicationQuery = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters
PrincipalQuery = ServicePrincipalsRequestBuilder.ServicePrincipalsRequestBuilderGetQueryParameters

# Built-in roles have the same names in every tenant.
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


class Azure:
    """The clients of the control plane, for one caller."""

    def __init__(self, credential, subscription):
        self.resources = ResourceManagementClient(credential, subscription)
        self.locks = ManagementLockClient(credential, subscription)
        self.identities = ManagedServiceIdentityClient(credential, subscription)
        self.roles = AuthorizationManagementClient(credential, subscription)


def resource_groups(azure):
    groups = azure.resources.resource_groups
    for name in ["alpha", "beta", "gamma"]:
        group = groups.create_or_update(name, ResourceGroup(location="westeurope", tags={"team": name}))
        assert group.properties.provisioning_state == "Succeeded"
    assert groups.get("alpha").type == "Microsoft.Resources/resourceGroups"
    assert groups.check_existence("alpha") and not groups.check_existence("absent")

    listed = pages(groups.list(top=2))
    assert [len(page) for page in listed] == [2, 1]
    assert sorted(sum(listed, [])) == ["alpha", "beta", "gamma"]
    assert names(groups.list(filter="tagName eq 'team' and tagValue eq 'beta'")) == ["beta"]

    assert groups.update("alpha", ResourceGroupPatchable(tags={"team": "a"})).tags == {"team": "a"}
    with refused(ResourceExistsError, "InvalidResourceGroupLocation"):
        groups.create_or_update("alpha", ResourceGroup(location="northeurope"))
    with refused(HttpResponseError, "LocationNotAvailableForResourceGroup"):
        groups.create_or_update("delta", ResourceGroup(location="atlantis"))

    groups.begin_delete("beta").result()
    groups.begin_delete("gamma").result()
    with refused(ResourceNotFoundError, "ResourceGroupNotFound"):
        groups.get("beta")


def managed_identities(azure):
    """Leaves the identity `alpha/site`, and returns it."""
    identities = azure.identities.user_assigned_identities
    for name in ["site", "worker", "batch"]:
        created = identities.create_or_update("alpha", name, Identity(location="westeurope", tags={"a": "b"}))
        assert created.type == "Microsoft.ManagedIdentity/userAssignedIdentities"
    site = identities.get("alpha", "site")
    assert uuid.UUID(site.client_id) != uuid.UUID(site.principal_id)
    assert azure.resources.resources.check_existence_by_id(site.id, api_version="2024-11-30")

    # These lists take no size of a page, but resources of every type do.
    assert names(identities.list_by_resource_group("alpha")) == ["batch", "site", "worker"]
    assert names(identities.list_by_subscription()) == ["batch", "site", "worker"]
    in_group = azure.resources.resources.list_by_resource_group("alpha", top=2)
    assert [len(page) for page in pages(in_group)] == [2, 1]

    updated = identities.update("alpha", "site", IdentityUpdate(tags={"c": "d"}))
    assert (updated.tags, updated.principal_id) == ({"c": "d"}, site.principal_id)
    # An update keeps the identity. So does a second creation.
    again = identities.create_or_update("alpha", "site", Identity(location="westeurope"))
    assert again.principal_id == site.principal_id

    with refused(ResourceNotFoundError, "ResourceGroupNotFound"):
        identities.create_or_update("absent", "site", Identity(location="westeurope"))
    identities.delete("alpha", "worker")
    identities.delete("alpha", "batch")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        identities.get("alpha", "worker")
    assert not azure.resources.resources.check_existence_by_id(
        site.id.replace("/site", "/worker"), api_version="2024-11-30"
    )
    return site


def federated_credentials(azure):
    credentials = azure.identities.federated_identity_credentials

    def create(name, subject, audiences=("api://AzureADTokenExchange",)):
        credential = FederatedIdentityCredential(issuer=GITHUB, subject=subject, audiences=audiences)
        return credentials.create_or_update("alpha", "site", name, credential)

    for name in ["main", "staging", "production"]:
        create(name, f"repo:contoso/site:environment:{name}")
    assert credentials.get("alpha", "site", "main").subject == "repo:contoso/site:environment:main"
    listed = pages(credentials.list("alpha", "site", top=2))
    assert [len(page) for page in listed] == [2, 1]
    assert sorted(sum(listed, [])) == ["main", "production", "staging"]

    assert create("main", "repo:contoso/site:ref:refs/heads/main").subject == "repo:contoso/site:ref:refs/heads/main"
    with refused(ResourceExistsError, "Conflict"):
        create("another", "repo:contoso/site:environment:staging")
    with refused(HttpResponseError, "BadRequest"):
        create("everybody", subject=None)
    with refused(HttpResponseError, "BadRequest"):
        create("everything", "repo:contoso/site:environment:test", audiences=None)
    with refused(HttpResponseError, "BadRequest"):
        create("-a", "repo:contoso/site:environment:test")

    for name in ["main", "staging", "production"]:
        credentials.delete("alpha", "site", name)
    assert names(credentials.list("alpha", "site")) == []


def role_assignments(azure, subscription, site):
    scope = f"/subscriptions/{subscription}/resourceGroups/alpha"
    roles = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions"
    assignments = azure.roles.role_assignments

    def create(role, principal=site.principal_id, name=None, **options):
        parameters = RoleAssignmentCreateParameters(
            role_definition_id=f"{roles}/{role}", principal_id=principal, principal_type="ServicePrincipal", **options
        )
        return assignments.create(scope, name or str(uuid.uuid4()), parameters)

    reader = create(READER)
    contributor = create(CONTRIBUTOR)
    assert (reader.scope, reader.principal_type) == (scope, "ServicePrincipal")
    assert assignments.get(scope, reader.name).role_definition_id.endswith(READER)
    assert assignments.get_by_id(reader.id).name == reader.name

    # Azure shows all role assignments of a scope together. The developer's role is inherited.
    own = sorted([reader.name, contributor.name])
    assert names(assignments.list_for_scope(scope, filter=f"principalId eq '{site.principal_id}'")) == own
    assert names(assignments.list_for_subscription(filter=f"assignedTo('{site.principal_id}')")) == own
    assert len(list(assignments.list_for_resource_group("alpha", filter="atScope()"))) == 3

    # Nothing but the description can be changed.
    assert create(READER, name=reader.name, description="To look").description == "To look"
    assert assignments.get(scope, reader.name).description == "To look"
    with refused(HttpResponseError, "RoleAssignmentUpdateNotPermitted"):
        create(CONTRIBUTOR, name=reader.name)
    with refused(ResourceExistsError, "RoleAssignmentExists"):
        create(READER)
    with refused(HttpResponseError, "RoleDefinitionDoesNotExist"):
        create(uuid.uuid4())
    with refused(ResourceNotFoundError, "RoleAssignmentNotFound"):
        assignments.get(scope, str(uuid.uuid4()))

    assert assignments.delete(scope, reader.name).name == reader.name
    assert assignments.delete(scope, reader.name) is None
    assignments.delete_by_id(contributor.id)


def role_definitions(azure, subscription, site):
    scope = f"/subscriptions/{subscription}"
    definitions = azure.roles.role_definitions

    def create(name, role, actions):
        definition = RoleDefinition(
            role_name=role,
            role_type="CustomRole",
            description="Made by a test",
            permissions=[Permission(actions=actions, not_actions=[])],
            assignable_scopes=[scope],
        )
        return definitions.create_or_update(scope, name, definition)

    name = str(uuid.uuid4())
    created = create(name, "Identity watcher", ["Microsoft.ManagedIdentity/userAssignedIdentities/read"])
    assert (created.name, created.role_type) == (name, "CustomRole")
    assert definitions.get(scope, name).role_name == "Identity watcher"
    assert [role.name for role in definitions.list(scope, filter="type eq 'CustomRole'")] == [name]
    owner = list(definitions.list(scope, filter="roleName eq 'Owner'"))
    assert [(role.role_type, role.permissions[0].actions) for role in owner] == [("BuiltInRole", ["*"])]
    assert len(list(definitions.list(scope))) > 500

    actions = ["Microsoft.ManagedIdentity/*/read"]
    assert create(name, "Identity watcher", actions).permissions[0].actions == actions
    assert definitions.get(scope, name).permissions[0].actions == actions
    with refused(ResourceExistsError, "RoleDefinitionWithSameNameExists"):
        create(str(uuid.uuid4()), "Identity watcher", actions)
    with refused(HttpResponseError, "InvalidActionOrNotAction"):
        create(str(uuid.uuid4()), "Daydreamer", ["dream"])

    assignment = azure.roles.role_assignments.create(
        scope,
        str(uuid.uuid4()),
        RoleAssignmentCreateParameters(
            role_definition_id=created.id, principal_id=site.principal_id, principal_type="ServicePrincipal"
        ),
    )
    with refused(HttpResponseError, "RoleDefinitionHasAssignments"):
        definitions.delete(scope, name)
    azure.roles.role_assignments.delete_by_id(assignment.id)
    assert definitions.delete(scope, name).name == name
    with refused(ResourceNotFoundError, "RoleDefinitionDoesNotExist"):
        definitions.get(scope, name)


def locks(azure, site):
    groups = azure.resources.resource_groups
    identities = azure.identities.user_assigned_identities
    locks = azure.locks.management_locks
    on_site = ["alpha", "Microsoft.ManagedIdentity", "", "userAssignedIdentities", "site"]

    def lock(level):
        return ManagementLockObject(level=level, notes="Made by a test")

    # On a resource.
    locks.create_or_update_at_resource_level(*on_site, "frozen", lock("ReadOnly"))
    assert locks.get_at_resource_level(*on_site, "frozen").level == "ReadOnly"
    with refused(ResourceExistsError, "ScopeLocked"):
        identities.update("alpha", "site", IdentityUpdate(tags={}))
    locks.delete_at_resource_level(*on_site, "frozen")

    # On a resource group. A lock can be changed.
    locks.create_or_update_at_resource_group_level("alpha", "keep", lock("ReadOnly"))
    locks.create_or_update_at_resource_group_level("alpha", "keep", lock("CanNotDelete"))
    kept = locks.get_at_resource_group_level("alpha", "keep")
    assert (kept.level, kept.notes, kept.type) == ("CanNotDelete", "Made by a test", "Microsoft.Authorization/locks")
    identities.update("alpha", "site", IdentityUpdate(tags={"e": "f"}))
    with refused(ResourceExistsError, "ScopeLocked"):
        identities.delete("alpha", "site")
    with refused(ResourceExistsError, "ScopeLocked"):
        groups.begin_delete("alpha")

    # On the subscription.
    locks.create_or_update_at_subscription_level("all", lock("ReadOnly"))
    assert locks.get_at_subscription_level("all").level == "ReadOnly"
    assert names(locks.list_at_subscription_level()) == ["all", "keep"]
    assert names(locks.list_at_subscription_level(filter="atScope()")) == ["all"]
    assert names(locks.list_at_resource_group_level("alpha", filter="atScope()")) == ["all", "keep"]
    assert names(locks.list_at_resource_level(*on_site)) == ["all", "keep"]
    assert names(locks.list_by_scope(site.id)) == ["all", "keep"]
    with refused(ResourceExistsError, "ScopeLocked"):
        groups.create_or_update("epsilon", ResourceGroup(location="westeurope"))

    locks.delete_at_subscription_level("all")
    locks.delete_at_resource_group_level("alpha", "keep")
    with refused(ResourceNotFoundError, "LockNotFound"):
        locks.get_at_resource_group_level("alpha", "keep")


def configuration(query, **headers):
    configuration = RequestConfiguration(query_parameters=query)
    for name, value in headers.items():
        configuration.headers.add(name, value)
    return configuration


async def every(builder, query=None, **headers):
    """The objects of a list, and the number of its pages."""
    page = await builder.get(configuration(query, **headers))
    objects, count = list(page.value), 1
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        objects += page.value
        count += 1
    return objects, count


async def users(graph):
    """Leaves the user Ada, and returns her."""

    async def create(name, password="Riddle-123456", domain=DOMAIN, enabled=True):
        return await graph.users.post(
            User(
                account_enabled=enabled,
                display_name=name.title(),
                mail_nickname=name,
                user_principal_name=f"{name}@{domain}",
                password_profile=PasswordProfile(password=password, force_change_password_next_sign_in=False),
            )
        )

    assert (await graph.me.get()).user_principal_name == f"developer@{DOMAIN}"
    ada = await create("ada")
    one = graph.users.by_user_id(ada.id)
    assert (await graph.users.by_user_id(f"ada@{DOMAIN}").get()).id == ada.id
    # Graph shows some properties only to those who ask for them.
    shown = await one.get()
    assert (shown.display_name, shown.account_enabled) == ("Ada", None)
    shown = await one.get(configuration(OneUserQuery(select=["accountEnabled"])))
    assert (shown.display_name, shown.account_enabled) == (None, True)

    for wrong in [
        {"name": "ada"},
        {"name": "eve", "password": "short"},
        {"name": "eve", "password": "lowercase"},
        {"name": "eve", "domain": "of.someone.else.example"},
        {"name": "eve", "enabled": None},
    ]:
        with refused(ODataError, "Request_BadRequest"):
            await create(**wrong)

    # A page has 100 users, if the client does not ask for another size.
    many = await asyncio.gather(*(create(f"user{number}") for number in range(100)))
    everybody, count = await every(graph.users)
    assert len(everybody) == 102 and count == 2
    query = UserQuery(top=4, select=["id"], filter="startswith(userPrincipalName, 'user9')")
    some, count = await every(graph.users, query)
    assert (len(some), count, some[0].display_name) == (11, 3, None)
    with refused(ODataError, "Request_UnsupportedQuery"):
        await every(graph.users, UserQuery(search='"displayName:ada"'))
    found, _ = await every(graph.users, UserQuery(search='"displayName:ada"'), ConsistencyLevel="eventual")
    assert [user.id for user in found] == [ada.id]

    await one.patch(User(display_name="Ada Lovelace", job_title="Analyst"))
    shown = await one.get()
    assert (shown.display_name, shown.job_title) == ("Ada Lovelace", "Analyst")
    await asyncio.gather(*(graph.users.by_user_id(user.id).delete() for user in many))
    with refused(ODataError, "Request_ResourceNotFound"):
        await graph.users.by_user_id(many[0].id).get()
    return ada


async def groups(graph, ada, site):
    created = []
    for name in ["Writers", "Readers", "Printers"]:
        group = Group(display_name=name, mail_nickname=name.lower(), mail_enabled=False, security_enabled=True)
        created.append(await graph.groups.post(group))
    writers = graph.groups.by_group_id(created[0].id)
    assert (await writers.get()).display_name == "Writers"
    found, count = await every(graph.groups, GroupQuery(top=2))
    assert ({group.id for group in found}, count) == ({group.id for group in created}, 2)

    # A user and a managed identity are members.
    for member in [ada.id, site.principal_id]:
        await writers.members.ref.post(ReferenceCreate(odata_id=f"{GRAPH}/v1.0/directoryObjects/{member}"))
    members, _ = await every(writers.members)
    assert {type(one): one.id for one in members} == {User: ada.id, ServicePrincipal: site.principal_id}
    with refused(ODataError, "Request_BadRequest"):
        await writers.members.ref.post(ReferenceCreate(odata_id=f"{GRAPH}/v1.0/directoryObjects/{ada.id}"))
    memberships, _ = await every(graph.users.by_user_id(ada.id).member_of)
    assert [one.id for one in memberships] == [created[0].id]
    await writers.members.by_directory_object_id(ada.id).ref.delete()
    members, _ = await every(writers.members)
    assert [one.id for one in members] == [site.principal_id]

    await writers.patch(Group(description="They write"))
    assert (await writers.get()).description == "They write"
    with refused(ODataError, "Request_BadRequest"):
        await graph.groups.post(Group(display_name="Incomplete", mail_nickname="incomplete"))

    # A group may be created together with its members.
    members = [f"{GRAPH}/v1.0/users/{ada.id}"]
    pair = Group(display_name="Ada's", mail_nickname="adas", mail_enabled=False, security_enabled=True)
    pair.additional_data = {"members@odata.bind": members}
    created.append(await graph.groups.post(pair))
    members, _ = await every(graph.groups.by_group_id(created[-1].id).members)
    assert [one.id for one in members] == [ada.id]
    for group in created:
        await graph.groups.by_group_id(group.id).delete()
    with refused(ODataError, "Request_ResourceNotFound"):
        await writers.get()


async def applications(graph):
    created = [await graph.applications.post(Application(display_name=name)) for name in ["one", "two", "three"]]
    one = graph.applications.by_application_id(created[0].id)
    assert (await one.get()).app_id == created[0].app_id
    assert (await graph.applications_with_app_id(created[0].app_id).get()).id == created[0].id
    found, count = await every(graph.applications, ApplicationQuery(top=2))
    assert ({application.id for application in found}, count) == ({one.id for one in created}, 2)

    await one.patch(Application(display_name="uno", identifier_uris=[f"api://{created[0].app_id}"]))
    assert (await one.get()).display_name == "uno"

    # The tokens of others that it may sign in with.
    def token(name, subject):
        return TrustedToken(name=name, issuer=GITHUB, subject=subject, audiences=["api://AzureADTokenExchange"])

    credential = await one.federated_identity_credentials.post(token("main", "repo:contoso/site:ref:refs/heads/main"))
    trusted = one.federated_identity_credentials.by_federated_identity_credential_id(credential.id)
    assert uuid.UUID(credential.id) and (await trusted.get()).name == "main"
    with refused(ODataError, "InvalidFederatedIdentityCredentialValue"):
        await one.federated_identity_credentials.post(token("again", "repo:contoso/site:ref:refs/heads/main"))
    with refused(ODataError, "Request_MultipleObjectsWithSameKeyValue"):
        await one.federated_identity_credentials.post(token("main", "repo:contoso/site:environment:test"))
    await trusted.patch(TrustedToken(subject="repo:contoso/site:environment:production"))
    listed, _ = await every(one.federated_identity_credentials)
    assert [one.subject for one in listed] == ["repo:contoso/site:environment:production"]
    await trusted.delete()

    # Only the answer to its creation has the text of a secret.
    body = AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="first"))
    secret = await one.add_password.post(body)
    shown = (await one.get()).password_credentials
    assert [(one.key_id, one.display_name, one.secret_text) for one in shown] == [(secret.key_id, "first", None)]
    assert shown[0].hint == secret.secret_text[:3]
    await one.remove_password.post(RemovePasswordPostRequestBody(key_id=secret.key_id))
    assert (await one.get()).password_credentials == []

    with refused(ODataError, "Request_BadRequest"):
        await graph.applications.post(Application())
    with refused(ODataError, "Request_BadRequest"):
        await one.remove_password.post(RemovePasswordPostRequestBody(key_id=secret.key_id))
    for application in created:
        await graph.applications.by_application_id(application.id).delete()
    with refused(ODataError, "Request_ResourceNotFound"):
        await one.get()


async def service_principals(graph, site):
    applications = [await graph.applications.post(Application(display_name=name)) for name in ["api", "job"]]
    created = [await graph.service_principals.post(ServicePrincipal(app_id=one.app_id)) for one in applications]
    api = graph.service_principals.by_service_principal_id(created[0].id)
    assert (await api.get()).display_name == "api"

    # Managed identities are service principals too.
    found, count = await every(graph.service_principals, PrincipalQuery(top=1))
    assert {one.id for one in found} >= {one.id for one in created} | {site.principal_id} and count == len(found)
    found, _ = await every(graph.service_principals, PrincipalQuery(filter=f"appId eq '{site.client_id}'"))
    assert [(one.id, one.service_principal_type) for one in found] == [(site.principal_id, "ManagedIdentity")]

    await api.patch(ServicePrincipal(tags=["test"], account_enabled=False))
    changed = await api.get()
    assert (changed.tags, changed.account_enabled) == (["test"], False)
    with refused(ODataError, "Request_MultipleObjectsWithSameKeyValue"):
        await graph.service_principals.post(ServicePrincipal(app_id=applications[0].app_id))
    await api.delete()
    with refused(ODataError, "Request_ResourceNotFound"):
        await api.get()
    # The service principal of an application goes with it.
    for application in applications:
        await graph.applications.by_application_id(application.id).delete()
    with refused(ODataError, "Request_ResourceNotFound"):
        await graph.service_principals.by_service_principal_id(created[1].id).get()


async def a_program_of_its_own(azure, graph, subscription, tenant):
    """An application signs in with its secret, and may do what its role permits: nothing more."""
    application = await graph.applications.post(Application(display_name="robot"))
    principal = await graph.service_principals.post(ServicePrincipal(app_id=application.app_id))
    of_application = graph.applications.by_application_id(application.id)
    secret = await of_application.add_password.post(AddPasswordPostRequestBody())
    scope = f"/subscriptions/{subscription}/resourceGroups/alpha"
    roles = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions"

    def contributor(principal):
        return RoleAssignmentCreateParameters(
            role_definition_id=f"{roles}/{CONTRIBUTOR}", principal_id=principal, principal_type="ServicePrincipal"
        )

    azure.roles.role_assignments.create(scope, str(uuid.uuid4()), contributor(principal.id))

    credential = ClientSecretCredential(tenant, application.app_id, secret.secret_text)
    robot = Azure(credential, subscription)
    assert names(robot.resources.resource_groups.list()) == ["alpha"]
    robot.identities.user_assigned_identities.create_or_update("alpha", "robots", Identity(location="westeurope"))
    with refused(HttpResponseError, "AuthorizationFailed"):
        robot.resources.resource_groups.create_or_update("robots", ResourceGroup(location="westeurope"))
    with refused(HttpResponseError, "AuthorizationFailed"):
        robot.roles.role_assignments.create(scope, str(uuid.uuid4()), contributor(str(uuid.uuid4())))
    with refused(ODataError, "Authorization_RequestDenied"):
        await GraphServiceClient(credential, [f"{GRAPH}/.default"]).users.get()
    with refused(ClientAuthenticationError, "InvalidAuthenticationTokenAudience"):
        token = StaticToken(credential.get_token(f"{GRAPH}/.default").token)
        list(Azure(token, subscription).resources.resource_groups.list())

    # The library would also log what is expected here.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    try:
        ClientSecretCredential(tenant, application.app_id, "wrong").get_token("https://management.azure.com/.default")
        raise AssertionError("a wrong secret was accepted")
    except ClientAuthenticationError as error:
        assert "AADSTS7000215" in error.message, error

    # Whoever is deleted cannot do anything any more, not even with a token that is still valid.
    await of_application.delete()
    try:
        list(robot.resources.resource_groups.list())
        raise AssertionError("a deleted application was let in")
    except HttpResponseError as error:
        assert error.status_code in (401, 403), error


async def main():
    credential = StaticToken(os.environ["ARM_TOKEN"])
    [subscription] = SubscriptionClient(credential).subscriptions.list()
    [tenant] = SubscriptionClient(credential).tenants.list()
    subscription, tenant = subscription.subscription_id, tenant.tenant_id
    azure = Azure(credential, subscription)
    graph = GraphServiceClient(StaticToken(os.environ["GRAPH_TOKEN"]), [f"{GRAPH}/.default"])

    resource_groups(azure)
    site = managed_identities(azure)
    federated_credentials(azure)
    role_assignments(azure, subscription, site)
    role_definitions(azure, subscription, site)
    locks(azure, site)
    ada = await users(graph)
    await groups(graph, ada, site)
    await applications(graph)
    await service_principals(graph, site)
    await a_program_of_its_own(azure, graph, subscription, tenant)

    azure.resources.resource_groups.begin_delete("alpha").result()
    assert names(azure.identities.user_assigned_identities.list_by_subscription()) == []
    await graph.users.by_user_id(ada.id).delete()
    print("everything is as in Azure")


asyncio.run(main())
