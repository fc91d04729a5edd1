"""Uses blobs as an app does, through Microsoft's library. Prints two signed URLs, which the test checks afterwards.

The environment has URL, TOKEN and KEY of the account, OTHER_URL of another account, and REQUESTS_CA_BUNDLE for the
certificate authority.
"""

import json
import os
import time
from datetime import datetime, timedelta, timezone

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    generate_blob_sas,
    generate_container_sas,
)

URL, KEY = os.environ["URL"], os.environ["KEY"]
ACCOUNT = URL.rsplit("/", 1)[1]


class Token:
    """A credential with a fixed token."""

    def get_token(self, *scopes, **_):
        assert scopes == ("https://storage.azure.com/.default",), scopes
        return AccessToken(os.environ["TOKEN"], int(time.time()) + 3600)


def refused(code, do):
    try:
        do()
    except HttpResponseError as error:
        assert error.error_code == code, f"{error.error_code}, not {code}: {error}"
    else:
        raise AssertionError(f"the request was not refused with {code}")


service = BlobServiceClient(URL, Token(), connection_timeout=10, read_timeout=60)
container = service.create_container("python")
refused("ContainerAlreadyExists", container.create_container)
assert "python" in [found.name for found in service.list_containers()]

# Upload, download, properties, list.
blob = container.get_blob_client("folder/name with spaces, ümläuts & + %2F.txt")
blob.upload_blob(b"hello", content_settings=ContentSettings(content_type="text/plain", cache_control="max-age=1"))
refused("BlobAlreadyExists", lambda: blob.upload_blob(b"again"))
assert blob.download_blob().readall() == b"hello"
assert blob.download_blob(offset=1, length=2).readall() == b"el"
assert blob.get_blob_properties().content_settings.content_type == "text/plain"
assert [found.name for found in container.list_blobs()] == [blob.blob_name]
assert [found.name for found in container.walk_blobs()] == ["folder/"]

# An upload in blocks, as for large files.
large = bytes(range(251)) * 40_000
blocks = ContainerClient(URL, "python", Token(), max_single_put_size=1 << 20, max_block_size=1 << 20)
blocks.upload_blob("large", large)
assert container.download_blob("large").readall() == large

# Metadata, lease, snapshot, tier, tags.
blob.set_blob_metadata({"kind": "greeting"})
assert blob.get_blob_properties().metadata == {"kind": "greeting"}
lease = blob.acquire_lease(15)
refused("LeaseIdMissing", lambda: blob.upload_blob(b"x", overwrite=True))
lease.release()
snapshot = blob.create_snapshot()
assert BlobClient.from_blob_url(f"{blob.url}?snapshot={snapshot['snapshot']}", Token()).download_blob().readall() == b"hello"
blob.set_standard_blob_tier("Cool")
blob.set_blob_tags({"rating": "5"})
assert blob.get_blob_tags() == {"rating": "5"}
assert [found.name for found in service.find_blobs_by_tags("\"rating\"='5'")] == [blob.blob_name]
container.upload_blob("tagged", b"x", tags={"rating": "4"})

# A copy within the account.
copy = container.get_blob_client("copy")
copy.start_copy_from_url(blob.url)
assert copy.download_blob().readall() == b"hello"
refused("CannotVerifyCopySource", lambda: copy.start_copy_from_url(URL.replace(ACCOUNT, "devstoreaccount1") + "/a/b"))

# A token may read and set access policies, as a key may.
assert container.get_container_access_policy()["public_access"] is None
container.set_container_access_policy({})

# Shared access signatures, with the account's key and with a user delegation key.
soon = datetime.now(timezone.utc) + timedelta(hours=1)
before = datetime.now(timezone.utc) - timedelta(minutes=5)
by_key = generate_blob_sas(ACCOUNT, "python", "copy", account_key=KEY, permission="r", expiry=soon)
signed = BlobClient.from_blob_url(f"{copy.url}?{by_key}")
assert signed.download_blob().readall() == b"hello"
refused("AuthorizationPermissionMismatch", signed.delete_blob)
wrong = BlobClient.from_blob_url(f"{copy.url}?{by_key[:-8]}AAAAA%3D")
refused("AuthenticationFailed", wrong.download_blob)
late = generate_blob_sas(ACCOUNT, "python", "copy", account_key=KEY, permission="r", expiry=before)
refused("AuthenticationFailed", BlobClient.from_blob_url(f"{copy.url}?{late}").download_blob)

delegation = service.get_user_delegation_key(before, soon)
by_delegation = generate_blob_sas(
    ACCOUNT,
    "python",
    "copy",
    user_delegation_key=delegation,
    permission=BlobSasPermissions(read=True),
    expiry=soon,
)
assert BlobClient.from_blob_url(f"{copy.url}?{by_delegation}").download_blob().readall() == b"hello"
whole = generate_container_sas(ACCOUNT, "python", user_delegation_key=delegation, permission="rl", expiry=soon)
assert len(list(ContainerClient.from_container_url(f"{container.url}?{whole}").list_blobs())) == 4

# A copy into another account, which reads the source with its signature.
other = BlobServiceClient(os.environ["OTHER_URL"], Token()).get_blob_client("one", "from-python")
refused("CannotVerifyCopySource", lambda: other.start_copy_from_url(copy.url))
other.start_copy_from_url(f"{copy.url}?{by_delegation}")
assert other.download_blob().readall() == b"hello"

# The account's key.
keyed = BlobServiceClient(URL, KEY).get_container_client("python")
keyed.upload_blob("by key, ü", b"k")
assert keyed.download_blob("by key, ü").readall() == b"k"
refused("AuthenticationFailed", BlobServiceClient(URL, "A" * 86 + "==").get_container_client("python").get_container_properties)

container.delete_blob(blob.blob_name, delete_snapshots="include")
refused("BlobNotFound", blob.download_blob)
refused("NotImplemented", lambda: container.delete_blobs("copy", "large"))

print(json.dumps({"by_key": f"{copy.url}?{by_key}", "by_delegation": f"{copy.url}?{by_delegation}"}))
