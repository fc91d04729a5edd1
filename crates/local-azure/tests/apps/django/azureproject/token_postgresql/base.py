"""Django's PostgreSQL backend, with a token as the password of each new connection. Tokens expire, so the password
cannot be a constant in the settings."""

from django.db.backends.postgresql import base

from azureproject.identity import database_token


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        return super().get_connection_params() | {"password": database_token()}
