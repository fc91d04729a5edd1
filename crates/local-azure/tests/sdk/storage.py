"""Creates storage accounts by Microsoft's own library and uses their blobs by another, as a program for the real Azure
does.

The developer's tokens come from ARM_TOKEN and STORAGE_TOKEN. Everything else is Azure's own.
"""

import os
import time
import uuid
from datetime import datetime, timedelta, timezone

from common import StaticToken, claims, names, refused

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import RoleAssignmentCreateParameters
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import ResourceGroup
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.storage import StorageManagementClient
from azure.mgmt.storage.models import (
    BlobContainer,
    ContainerProperties,
    Encryption,
    EncryptionService,
    EncryptionServices,
    Identity,
    NetworkRuleSet,
    Sku,
    StorageAccountCheckNameAvailabilityParameters,
    StorageAccountCreateParameters,
    StorageAccountPropertiesCreateParameters,
    StorageAccountPropertiesUpdateParameters,
    StorageAccountRegenerateKeyParameters,
    StorageAccountUpdateParameters,
)
from azure.storage.blob import (
    AccessPolicy,
    AccountSasPermissions,
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

GROUP = "storage"
DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

# The names of accounts are public.
suffix = uuid.uuid4().hex[:8]
PHOTOS, ARCHIVE = f"photos{suffix}", f"archive{suffix}"
URL = f"https://{PHOTOS}.blob.core.windows.net"


def create(storage, name, group=GROUP, location="westeurope", sku="Standard_LRS", kind="StorageV2", **options):
    parameters = StorageAccountCreateParameters(sku=Sku(name=sku), kind=kind, location=location, **options)
    return storage.storage_accounts.begin_create(group, name, parameters)


def accounts(storage):
    """Leaves two accounts; photos can be read by anybody."""
    accounts = storage.storage_accounts

    def check(name):
        found = accounts.check_name_availability(StorageAccountCheckNameAvailabilityParameters(name=name))
        return found.name_available, found.reason

    assert check(PHOTOS) == (True, None)
    assert check("Not-A-Name") == (False, "AccountNameInvalid")
    with refused(HttpResponseError, "AccountNameInvalid"):
        create(storage, "Not-A-Name")
    with refused(ResourceNotFoundError, "ResourceGroupNotFound"):
        create(storage, PHOTOS, group="absent")
    with refused(HttpResponseError, "LocationNotAvailableForResourceType"):
        create(storage, PHOTOS, location="atlantis")
    with refused(HttpResponseError, "InvalidValuesForRequestParameters"):
        create(storage, PHOTOS, sku="Wooden_LRS")
    with refused(HttpResponseError, "InvalidValuesForRequestParameters"):
        create(storage, PHOTOS, kind="Drawer")
    with refused(HttpResponseError, "InvalidValuesForRequestParameters"):
        create(storage, PHOTOS, properties=StorageAccountPropertiesCreateParameters(access_tier="Lukewarm"))
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        accounts.get_properties(GROUP, PHOTOS)

    properties = StorageAccountPropertiesCreateParameters(
        access_tier="Hot",
        allow_blob_public_access=True,
        allow_shared_key_access=True,
        allow_cross_tenant_replication=False,
        default_to_o_auth_authentication=False,
        enable_https_traffic_only=True,
        encryption=Encryption(
            key_source="Microsoft.Storage",
            services=EncryptionServices(blob=EncryptionService(enabled=True, key_type="Account")),
        ),
        is_hns_enabled=False,
        large_file_shares_state="Enabled",
        minimum_tls_version="TLS1_2",
        network_rule_set=NetworkRuleSet(default_action="Allow", bypass="AzureServices"),
        public_network_access="Enabled",
    )
    photos = create(
        storage,
        PHOTOS,
        properties=properties,
        tags={"purpose": "test"},
        identity=Identity(type="SystemAssigned"),
    )
    archive = create(storage, ARCHIVE, sku="Standard_GRS")
    photos, archive = photos.result(), archive.result()
    assert (photos.name, photos.type, photos.kind) == (PHOTOS, "Microsoft.Storage/storageAccounts", "StorageV2")
    assert (photos.sku.name, photos.sku.tier, photos.location) == ("Standard_LRS", "Standard", "westeurope")
    assert photos.tags == {"purpose": "test"} and uuid.UUID(photos.identity.principal_id)
    assert photos.properties.provisioning_state == "Succeeded"
    assert photos.properties.primary_endpoints.blob == f"{URL}/"
    assert photos.properties.status_of_primary == "available"
    assert photos.properties.encryption.services.blob.enabled
    assert photos.properties.network_rule_set.default_action == "Allow"
    assert photos.properties.public_network_access == "Enabled"
    age = datetime.now(timezone.utc) - photos.properties.creation_time
    assert timedelta(0) <= age < timedelta(minutes=5), age
    assert photos.properties.key_creation_time.key1 == photos.properties.key_creation_time.key2
    # The defaults.
    defaults = archive.properties
    assert (defaults.access_tier, defaults.minimum_tls_version) == ("Hot", "TLS1_2")
    assert (defaults.enable_https_traffic_only, defaults.allow_blob_public_access) == (True, False)

    assert accounts.get_properties(GROUP, PHOTOS).id == photos.id
    assert names(accounts.list_by_resource_group(GROUP)) == [ARCHIVE, PHOTOS]
    assert names(accounts.list()) == [ARCHIVE, PHOTOS]
    assert check(PHOTOS) == (False, "AlreadyExists")
    # Creating it again changes it.
    assert create(storage, ARCHIVE, sku="Standard_LRS", tags={"a": "b"}).result().tags == {"a": "b"}

    patch = StorageAccountUpdateParameters(
        tags={"team": "photos"},
        properties=StorageAccountPropertiesUpdateParameters(minimum_tls_version="TLS1_2", access_tier="Cool"),
    )
    updated = accounts.update(GROUP, PHOTOS, patch)
    assert (updated.tags, updated.properties.access_tier) == ({"team": "photos"}, "Cool")
    assert updated.properties.allow_blob_public_access and updated.properties.creation_time == photos.properties.creation_time
    with refused(HttpResponseError, "InvalidValuesForRequestParameters"):
        accounts.update(GROUP, PHOTOS, StorageAccountUpdateParameters(sku=Sku(name="Wooden_LRS")))
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        accounts.update(GROUP, f"absent{suffix}", StorageAccountUpdateParameters(tags={}))
    return photos


def containers(storage):
    """Leaves the containers `private` and `public`."""
    containers = storage.blob_containers

    def write(how, name, account=PHOTOS, **properties):
        return how(GROUP, account, name, BlobContainer(container_properties=ContainerProperties(**properties)))

    for name in ["one", "private"]:
        created = write(containers.create, name)
        assert (created.name, created.type) == (name, "Microsoft.Storage/storageAccounts/blobServices/containers")
    created = write(containers.create, "public", public_access="Blob")
    assert created.container_properties.public_access == "Blob"
    found = containers.get(GROUP, PHOTOS, "public")
    assert (found.container_properties.public_access, found.container_properties.has_legal_hold) == ("Blob", False)
    assert found.container_properties.lease_state == "Available"
    listed = {one.name: one for one in containers.list(GROUP, PHOTOS)}
    assert sorted(listed) == ["one", "private", "public"]
    assert listed["public"].properties.public_access == "Blob"
    assert names(containers.list(GROUP, PHOTOS, filter="p")) == ["private", "public"]
    assert [names(page) for page in containers.list(GROUP, PHOTOS, maxpagesize="2").by_page()] == [
        ["one", "private"],
        ["public"],
    ]

    updated = write(containers.update, "one", public_access="Container").container_properties
    assert updated.public_access == "Container"
    with refused(ResourceNotFoundError, "ContainerNotFound"):
        write(containers.update, "nowhere", public_access="None")
    with refused(ResourceNotFoundError, "ContainerNotFound"):
        containers.get(GROUP, PHOTOS, "nowhere")
    with refused(ResourceExistsError, "PublicAccessNotPermitted"):
        write(containers.create, "open", account=ARCHIVE, public_access="Blob")
    with refused(HttpResponseError, "ContainerOperationFailure"):
        write(containers.create, "not--a-name")
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        write(containers.create, "one", account=f"absent{suffix}")
    containers.delete(GROUP, PHOTOS, "one")
    # What is not there is deleted.
    containers.delete(GROUP, PHOTOS, "one")
    assert names(containers.list(GROUP, PHOTOS)) == ["private", "public"]


def services(storage):
    services = storage.blob_services
    [listed] = services.list(GROUP, PHOTOS)
    service = services.get_service_properties(GROUP, PHOTOS)
    assert listed.name == service.name == "default"
    assert service.blob_service_properties.delete_retention_policy.enabled is False
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        services.get_service_properties(GROUP, f"absent{suffix}")


def denied(code, do):
    """What is done must be refused by the blob service, with this code."""
    try:
        do()
    except HttpResponseError as error:
        assert error.error_code == code, f"{error.error_code} instead of {code}: {error}"
    else:
        raise AssertionError(f"{code} was expected")


def upload_and_download(service):
    container = service.get_container_client("private")
    blob = container.get_blob_client("books/austen/Emma.txt")
    blob.upload_blob(b"Emma Woodhouse", content_settings=ContentSettings("text/plain"), metadata={"author": "Austen"})
    denied("BlobAlreadyExists", lambda: blob.upload_blob(b"again"))
    assert blob.download_blob().readall() == b"Emma Woodhouse"
    properties = blob.get_blob_properties()
    assert (properties.content_settings.content_type, properties.metadata) == ("text/plain", {"author": "Austen"})
    copy = container.get_blob_client("books/copy.txt")
    assert copy.start_copy_from_url(blob.url)["copy_status"] == "success"
    assert copy.download_blob().readall() == b"Emma Woodhouse"
    books = dict(name_starts_with="books/")
    assert names(container.list_blobs(**books)) == ["books/austen/Emma.txt", "books/copy.txt"]
    assert names(container.walk_blobs(**books)) == ["books/austen/", "books/copy.txt"]
    assert [names(page) for page in container.list_blobs(**books, results_per_page=1).by_page()] == [
        ["books/austen/Emma.txt"],
        ["books/copy.txt"],
    ]
    copy.delete_blob()
    denied("BlobNotFound", copy.download_blob)
    blob.delete_blob()
    assert not blob.exists() and names(container.list_blobs(**books)) == []


def by_key(storage):
    """Leaves the blobs `private/kept.txt` and `public/kept.txt`, and returns the key."""
    keys = storage.storage_accounts.list_keys(GROUP, PHOTOS).keys_property
    assert [(key.key_name, key.permissions) for key in keys] == [("key1", "FULL"), ("key2", "FULL")]
    assert all(key.creation_time for key in keys)
    key = keys[0].value
    service = BlobServiceClient(URL, key)
    upload_and_download(service)
    upload_and_download(BlobServiceClient(URL, keys[1].value))
    connection = f"DefaultEndpointsProtocol=https;AccountName={PHOTOS};AccountKey={key};EndpointSuffix=core.windows.net"
    assert {"private", "public"} <= set(names(BlobServiceClient.from_connection_string(connection).list_containers()))
    for container in ["private", "public"]:
        service.get_blob_client(container, "kept.txt").upload_blob(b"kept")

    # Public blobs need no key.
    assert BlobClient(URL, "public", "kept.txt").download_blob().readall() == b"kept"
    try:
        BlobClient(URL, "private", "kept.txt").download_blob()
        raise AssertionError("a private blob was read")
    except (ClientAuthenticationError, ResourceNotFoundError):
        pass
    # The access of a container, which the control plane shows too.
    private = service.get_container_client("private")
    policy = AccessPolicy(
        permission=ContainerSasPermissions(read=True),
        start=datetime.now(timezone.utc) - timedelta(minutes=1),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    private.set_container_access_policy({"readers": policy}, public_access="blob")
    access = private.get_container_access_policy()
    assert (access["public_access"], access["signed_identifiers"][0].id) == ("blob", "readers")
    shown = storage.blob_containers.get(GROUP, PHOTOS, "private").container_properties
    assert shown.public_access == "Blob"
    assert BlobClient(URL, "private", "kept.txt").download_blob().readall() == b"kept"
    private.set_container_access_policy({"readers": policy})
    # A container that is created by its service is listed too.
    service.create_container("by-service")
    assert "by-service" in names(storage.blob_containers.list(GROUP, PHOTOS))
    service.delete_container("by-service")
    assert "by-service" not in names(storage.blob_containers.list(GROUP, PHOTOS))
    return key


def by_signature(key):
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    sas = generate_account_sas(
        PHOTOS,
        key,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, write=True, delete=True, list=True, create=True, add=True),
        soon,
    )
    upload_and_download(BlobServiceClient(URL, sas))

    def signed(name="kept.txt", permission=BlobSasPermissions(read=True), expiry=soon):
        sas = generate_blob_sas(PHOTOS, "private", name, account_key=key, permission=permission, expiry=expiry)
        return BlobClient(URL, "private", name, credential=sas)

    assert signed().download_blob().readall() == b"kept"
    denied("AuthorizationPermissionMismatch", lambda: signed().delete_blob())
    past = datetime.now(timezone.utc) - timedelta(hours=1)
    denied("AuthenticationFailed", lambda: signed(expiry=past).download_blob())
    # A policy of the container gives the permission and the time.
    sas = generate_container_sas(PHOTOS, "private", account_key=key, policy_id="readers")
    container = ContainerClient(URL, "private", credential=sas)
    assert container.download_blob("kept.txt").readall() == b"kept"
    denied("AuthorizationPermissionMismatch", lambda: container.upload_blob("other.txt", b"other"))


def by_token(roles, subscription, photos, token):
    service = BlobServiceClient(URL, StaticToken(token))
    container = service.get_container_client("private")
    denied("AuthorizationPermissionMismatch", lambda: names(container.list_blobs()))
    role = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{DATA_CONTRIBUTOR}"
    parameters = RoleAssignmentCreateParameters(
        role_definition_id=role, principal_id=claims(token)["oid"], principal_type="User"
    )
    roles.role_assignments.create(photos.id, str(uuid.uuid4()), parameters)
    # Azure applies a new role only after a while.
    for _ in range(30):
        try:
            names(container.list_blobs())
            break
        except HttpResponseError:
            time.sleep(1)
    container.delete_blob("kept.txt")
    upload_and_download(service)
    # A key of the user signs as an account's key does.
    now = datetime.now(timezone.utc)
    delegated = service.get_user_delegation_key(now - timedelta(minutes=1), now + timedelta(hours=1))
    container.upload_blob("kept.txt", b"kept")
    sas = generate_blob_sas(
        PHOTOS,
        "private",
        "kept.txt",
        user_delegation_key=delegated,
        permission=BlobSasPermissions(read=True),
        expiry=now + timedelta(minutes=30),
    )
    assert BlobClient(URL, "private", "kept.txt", credential=sas).download_blob().readall() == b"kept"


def renewal(storage, key):
    accounts = storage.storage_accounts
    renewed = accounts.regenerate_key(GROUP, PHOTOS, StorageAccountRegenerateKeyParameters(key_name="key1")).keys_property
    assert renewed[0].value != key
    denied("AuthenticationFailed", lambda: names(BlobServiceClient(URL, key).list_containers()))
    assert names(BlobServiceClient(URL, renewed[0].value).list_containers()) == ["private", "public"]
    with refused(HttpResponseError, "InvalidKeyName"):
        accounts.regenerate_key(GROUP, PHOTOS, StorageAccountRegenerateKeyParameters(key_name="key3"))

    # No keys at all.
    properties = StorageAccountPropertiesUpdateParameters(allow_shared_key_access=False)
    accounts.update(GROUP, PHOTOS, StorageAccountUpdateParameters(properties=properties))
    denied(
        "KeyBasedAuthenticationNotPermitted",
        lambda: names(BlobServiceClient(URL, renewed[0].value).list_containers()),
    )
    properties = StorageAccountPropertiesUpdateParameters(allow_blob_public_access=False)
    accounts.update(GROUP, PHOTOS, StorageAccountUpdateParameters(properties=properties))
    denied("PublicAccessNotPermitted", lambda: BlobClient(URL, "public", "kept.txt").download_blob())


def deletion(storage):
    accounts = storage.storage_accounts
    accounts.delete(GROUP, PHOTOS)
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        accounts.get_properties(GROUP, PHOTOS)
    # What is not there is deleted.
    accounts.delete(GROUP, PHOTOS)
    with refused(ResourceNotFoundError, "ResourceNotFound"):
        accounts.list_keys(GROUP, PHOTOS)
    # An account that is created again is empty.
    create(storage, PHOTOS).result()
    assert names(storage.blob_containers.list(GROUP, PHOTOS)) == []


def main():
    credential = StaticToken(os.environ["ARM_TOKEN"])
    [subscription] = SubscriptionClient(credential).subscriptions.list()
    subscription = subscription.subscription_id
    resources = ResourceManagementClient(credential, subscription)
    roles = AuthorizationManagementClient(credential, subscription)
    storage = StorageManagementClient(credential, subscription)
    resources.resource_groups.create_or_update(GROUP, ResourceGroup(location="westeurope"))

    photos = accounts(storage)
    containers(storage)
    services(storage)
    key = by_key(storage)
    by_signature(key)
    by_token(roles, subscription, photos, os.environ["STORAGE_TOKEN"])
    renewal(storage, key)
    deletion(storage)

    resources.resource_groups.begin_delete(GROUP).result()
    assert names(storage.storage_accounts.list()) == []
    print("everything is as in Azure")


main()
