"""Settings. What differs between deployments are names and addresses; none of them is a secret."""

import os

from django.core.management.utils import get_random_secret_key

# Nothing is signed with it. An app with sessions keeps its key in Key Vault.
SECRET_KEY = get_random_secret_key()
ALLOWED_HOSTS = [os.environ.get("WEBSITE_HOSTNAME", "localhost")]
ROOT_URLCONF = "files.views"
INSTALLED_APPS = ["files"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]

# psycopg[binary] comes without certificates to trust. These are Debian's, as on App Service.
os.environ.setdefault("PGSSLROOTCERT", "/etc/ssl/certs/ca-certificates.crt")
DATABASES = {
    "default": {
        "ENGINE": "files.postgresql",
        "HOST": os.environ.get("PGHOST"),
        "NAME": os.environ.get("PGDATABASE", "files"),
        "USER": os.environ.get("PGUSER"),
        # A connection is kept, and checked before each request. A new one gets a new token.
        "CONN_MAX_AGE": 1800,
        "CONN_HEALTH_CHECKS": True,
        # The token is sent only to a server with a valid certificate.
        "OPTIONS": {"sslmode": "verify-full"},
    }
}
STORAGE_URL = os.environ.get("STORAGE_URL")
