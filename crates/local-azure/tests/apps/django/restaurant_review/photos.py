"""The photos, which are blobs in a private container."""

from datetime import datetime, timedelta, timezone
from functools import cache
from uuid import uuid4

from azure.storage.blob import BlobSasPermissions, BlobServiceClient, ContentSettings, generate_blob_sas
from django.conf import settings

from azureproject.identity import credential

LARGEST = 2_048_000


@cache
def service():
    return BlobServiceClient(settings.STORAGE_URL, credential())


def blob(name):
    return service().get_blob_client(settings.STORAGE_CONTAINER_NAME, name)


def upload(photo):
    """Stores a photo under a new name, and returns the name."""
    name = f"{uuid4()}.png"
    # With this type, browsers show even an uploaded HTML page only as a picture.
    blob(name).upload_blob(photo, content_settings=ContentSettings(content_type="image/png"))
    return name


def signed_url(name):
    """A URL with which anyone can read the photo for ten minutes. It is signed with a key that Blob Storage gives to the
    app's identity (a user delegation SAS), so the app needs no account key."""
    now = datetime.now(timezone.utc)
    start, expiry = now - timedelta(minutes=5), now + timedelta(minutes=10)
    signature = generate_blob_sas(
        service().account_name,
        settings.STORAGE_CONTAINER_NAME,
        name,
        user_delegation_key=service().get_user_delegation_key(start, expiry),
        permission=BlobSasPermissions(read=True),
        start=start,
        expiry=expiry,
    )
    return f"{blob(name).url}?{signature}"
