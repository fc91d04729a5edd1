"""`az postgres flexible-server execute` and `connect`, by means of psql."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from azure.cli.core.azclierror import MutuallyExclusiveArgumentError, RequiredArgumentMissingError
from knack.log import get_logger
from knack.util import CLIError

logger = get_logger(__name__)

# The exit code of psql for a connection that failed.
NO_CONNECTION = 2


def execute(cmd, server_name, user, password, database_name="postgres", querytext=None, file_path=None):
    """Run SQL on a flexible server, and show the rows of its last result that has any."""
    if querytext and file_path:
        raise MutuallyExclusiveArgumentError("Use either --querytext or --file-path, not both.")
    if not querytext and not file_path:
        raise RequiredArgumentMissingError("Use --querytext or --file-path.")
    psql = Psql(cmd, server_name, user, password, database_name)
    sql = f"--command={querytext}" if querytext else f"--file={file_path}"
    rows = psql.rows(sql)
    logger.warning("Ran Database Query: '%s'", querytext or file_path)
    logger.warning("Closed the connection to %s", server_name)
    return rows


def connect(cmd, server_name, user, password, database_name="postgres", interactive=False):
    """Check that a flexible server accepts a connection, or open psql."""
    psql = Psql(cmd, server_name, user, password, database_name)
    psql.rows("--command=")
    if interactive:
        psql.open()
    logger.warning("Closed the connection to %s", server_name)


class Psql:
    """psql with the settings of a connection."""

    def __init__(self, cmd, server_name: str, user: str, password: str, database_name: str):
        self.server_name = server_name
        self.program = find()
        # Leaves out the user's own settings, such as PGSERVICE.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.environment |= {
            "PGHOST": server_name + cmd.cli_ctx.cloud.suffixes.postgresql_server_endpoint,
            "PGUSER": user,
            "PGPASSWORD": password,
            "PGDATABASE": database_name,
            "PGSSLMODE": "verify-full",
            # The file that the shell makes az itself trust.
            "PGSSLROOTCERT": os.environ.get("REQUESTS_CA_BUNDLE", "system"),
            "PGCLIENTENCODING": "UTF8",
        }

    def rows(self, sql: str) -> list[dict[str, str | None]] | None:
        """Runs the SQL of an option of psql, and returns the last rows."""
        # psql's formats do not separate results from each other, or NULL from text. Random words do.
        title, end, null = (secrets.token_hex(16) for _ in range(3))
        done = subprocess.run(
            [
                *(self.program, "--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1"),
                *("--no-align", "--field-separator-zero", f"--record-separator={end}"),
                *("--pset=footer=off", f"--pset=title={title}", f"--pset=null={null}"),
                sql,
            ],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        message = done.stderr.strip()
        if done.returncode == NO_CONNECTION:
            raise CLIError(f"Unable to connect to flexible server: {message}")
        logger.warning("Successfully connected to %s.", self.server_name)
        if done.returncode:
            raise CLIError(f"Unable to execute query: {message}")
        if message:
            logger.warning(message)
        for result in reversed(done.stdout.split(title + end)[1:]):
            names, *rows = [record.split("\0") for record in result.removesuffix("\n").split(end)]
            if rows:
                return [dict(zip(names, (None if value == null else value for value in row))) for row in rows]
        return None

    def open(self) -> None:
        """Opens psql in the terminal."""
        subprocess.run([self.program], env=self.environment, check=False)


def find() -> str:
    """The program psql, of the newest version if it is not on PATH."""
    folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    usual = os.pathsep.join(sorted(folders, key=lambda folder: (len(folder), folder), reverse=True))
    program = shutil.which("psql") or shutil.which("psql", path=usual)
    if not program:
        raise CLIError("psql is not installed. Install it, for example by: sudo apt-get install postgresql-client")
    return program
