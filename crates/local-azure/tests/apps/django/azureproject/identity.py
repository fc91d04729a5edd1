"""The identity that the app has in Azure: its managed identity, which AZURE_CLIENT_ID selects."""

from functools import cache

from azure.identity import DefaultAzureCredential


@cache
def credential():
    """One for the whole process, because it caches tokens."""
    return DefaultAzureCredential()


def database_token():
    """The password for a server of Azure Database for PostgreSQL."""
    return credential().get_token("https://ossrdbms-aad.database.windows.net/.default").token
