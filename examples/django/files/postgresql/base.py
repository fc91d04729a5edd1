"""Django's backend for PostgreSQL, with a token as the password of each new connection."""

from django.db.backends.postgresql import base

from files.identity import credential


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        token = credential.get_token("https://ossrdbms-aad.database.windows.net/.default")
        return super().get_connection_params() | {"password": token.token}
