"""Django's settings. App Service sets WEBSITE_HOSTNAME, so its presence selects production."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
WEBSITE_HOSTNAME = os.environ.get("WEBSITE_HOSTNAME")
DEBUG = WEBSITE_HOSTNAME is None

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("DBHOST", "localhost"),
        "NAME": os.environ.get("DBNAME", "restaurant"),
        "USER": os.environ.get("DBUSER"),
    }
}

if WEBSITE_HOSTNAME:
    SECRET_KEY = os.environ["SECRET_KEY"]
    ALLOWED_HOSTS = [WEBSITE_HOSTNAME]
    CSRF_TRUSTED_ORIGINS = [f"https://{WEBSITE_HOSTNAME}"]
    DATABASES["default"] |= {
        "ENGINE": "azureproject.token_postgresql",
        "HOST": os.environ["DBHOST"] + ".postgres.database.azure.com",
        "OPTIONS": {"sslmode": "require"},
    }
    STORAGE_URL = f"https://{os.environ['STORAGE_ACCOUNT_NAME']}.blob.core.windows.net"
else:
    SECRET_KEY = get_random_secret_key()
    DATABASES["default"]["PASSWORD"] = os.environ.get("DBPASS")
    # On a developer's machine, this is the whole URL of Azurite.
    STORAGE_URL = os.environ.get("STORAGE_ACCOUNT_NAME", "https://127.0.0.1:10000/devstoreaccount1")

STORAGE_CONTAINER_NAME = os.environ.get("STORAGE_CONTAINER_NAME", "photos")
# The page /conformance sends tokens to servers that the visitor names, so it exists only with this setting.
CONFORMANCE_PAGE = os.environ.get("CONFORMANCE_PAGE") == "1"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "restaurant_review",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "azureproject.urls"
WSGI_APPLICATION = "azureproject.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
if WEBSITE_HOSTNAME:
    STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
