"""Makes spellings of earlier Azure CLIs work in Local Azure's shell, where guides of that time are tried."""

from argparse import Action, Namespace
from functools import partial
from pathlib import Path

from azure.cli import command_modules
from azure.cli.core import AzCommandsLoader
from azure.cli.core.azclierror import RequiredArgumentMissingError
from azure.cli.core.commands import CliCommandType
from azure.cli.core.commands.client_factory import get_subscription_id
from azure.cli.core.commands.events import EVENT_INVOKER_POST_LOAD_ARGUMENTS
from azure.cli.core.commands.parameters import get_enum_type
from azure.cli.core.profiles import ResourceType
from knack.deprecation import Deprecated
from knack.help_files import helps
from knack.log import get_logger

logger = get_logger(__name__)

SERVER = "postgres flexible-server"
ASSIGN_ROLE = "role assignment create"
WEB_APP_UP = "webapp up"
# What replaced each option.
OPTIONS = {
    "--active-directory-auth": "--microsoft-entra-auth",
    "--resource-group": "--scope",
    "-g": "--scope",
}


def notice(earlier: str, today: str) -> str:
    """The notice for an earlier spelling."""
    return f"Today's Azure CLI has no '{earlier}', which works only in Local Azure's shell. Elsewhere, use {today}."


class EarlierOption(Action):
    """Stores the value of an option, with a notice if its spelling is an earlier one."""

    def __call__(self, parser, namespace, values, option_string=None):
        if today := OPTIONS.get(option_string):
            logger.warning(notice(f"{parser.prog} {option_string}", today))
        setattr(namespace, self.dest, values)


def add_earlier_options(_cli, commands_loader, **_) -> None:
    """Adds earlier names to the options of today's commands."""
    for name in (f"{SERVER} create", f"{SERVER} update"):
        command = commands_loader.command_table.get(name)
        if command and (argument := command.arguments.get("microsoft_entra_auth")):
            settings = argument.type.settings
            settings["options_list"] = ["--microsoft-entra-auth", "--active-directory-auth"]
            settings["action"] = EarlierOption


def take_group_as_scope(cmd, namespace: Namespace) -> None:
    """Turns the group into the scope, unless there is one."""
    from azure.cli.command_modules.role._validators import process_assignment_namespace

    process_assignment_namespace(cmd, namespace)
    group = namespace.resource_group_name
    # The command's own function knows only the scope.
    del namespace.resource_group_name
    if namespace.scope:
        return
    if not group:
        raise RequiredArgumentMissingError("the following arguments are required: --scope")
    namespace.scope = f"/subscriptions/{get_subscription_id(cmd.cli_ctx)}/resourceGroups/{group}"


def choose_region(group: str | None, cmd, sku: str, location: str | None) -> str:
    """Does what az's own function is meant to do. That of az 2.91 fails, because it passes arguments by position."""
    from azure.cli.command_modules.appservice._client_factory import web_client_factory
    from azure.cli.core.commands.client_factory import get_mgmt_service_client

    if not location and group:
        groups = get_mgmt_service_client(cmd.cli_ctx, ResourceType.MGMT_RESOURCE_RESOURCES).resource_groups
        location = next((one.location for one in groups.list() if one.name.lower() == group.lower()), None)
    if not location:
        regions = web_client_factory(cmd.cli_ctx).list_geo_regions(sku=sku, linux_workers_enabled=True)
        location = next(iter(regions)).name
    return location.replace(" ", "").lower()


def prepare_web_app_up(cmd, namespace: Namespace) -> None:
    """Makes `az webapp up` find a region, as the tutorial expects."""
    from azure.cli.command_modules.appservice import custom
    from azure.cli.command_modules.appservice._validators import validate_webapp_up

    custom.set_location = partial(choose_region, namespace.resource_group_name)
    validate_webapp_up(cmd, namespace)


def administrators(cli, *arguments):
    """The client for the administrators of servers."""
    # Imported only when it is used, because it would slow every `az role`.
    from azure.cli.command_modules.postgresql._client_factory import cf_postgres_flexible_admin

    return cf_postgres_flexible_admin(cli, *arguments)


class EarlierSpellings(AzCommandsLoader):
    """Adds what is missing to the commands of az itself."""

    def load_command_table(self, _args):
        if not Path(command_modules.__path__[0], "postgresql", "commands").is_dir():
            # This az is itself an earlier one.
            return self.command_table

        self.cli_ctx.register_event(EVENT_INVOKER_POST_LOAD_ARGUMENTS, add_earlier_options)
        self.add_administrators()
        self.add_sql()
        self.add_roles()
        self.add_web_app_up()
        return self.command_table

    def add_administrators(self) -> None:
        """Adds `ad-admin`, with the texts of today's group."""
        admins = CliCommandType(
            operations_tmpl="azure.cli.command_modules.postgresql.commands.microsoft_entra_commands#{}",
            client_factory=administrators,
        )
        admin, entra_admin = f"{SERVER} ad-admin", f"{SERVER} microsoft-entra-admin"
        for name in [name for name in helps if name.startswith(entra_admin)]:
            helps[name.replace(entra_admin, admin)] = helps[name].replace(entra_admin, admin)
        earlier = self.earlier(admin, f"'az {entra_admin}'")
        function = "flexible_server_microsoft_entra_admin_{}".format
        with self.command_group(admin, custom_command_type=admins) as group:
            group.custom_command("create", function("set"), supports_no_wait=True, deprecate_info=earlier)
            group.custom_command(
                "delete", function("delete"), supports_no_wait=True, confirmation=True, deprecate_info=earlier
            )
            group.custom_command("list", function("list"), deprecate_info=earlier)
            group.custom_show_command("show", function("show"), deprecate_info=earlier)
            group.custom_wait_command("wait", function("show"), deprecate_info=earlier)

    def add_sql(self) -> None:
        """Adds the commands of the module `sql`."""
        sql = CliCommandType(operations_tmpl="azext_local_azure.sql#{}")
        with self.command_group(SERVER, custom_command_type=sql) as group:
            for name in ("execute", "connect"):
                group.custom_command(name, name, deprecate_info=self.earlier(f"{SERVER} {name}", "psql"))

    def add_roles(self) -> None:
        """Replaces the command that assigns a role by one that takes a group too."""
        roles = CliCommandType(operations_tmpl="azure.cli.command_modules.role.custom#{}")
        with self.command_group("role assignment", custom_command_type=roles) as group:
            group.custom_command("create", "create_role_assignment", validator=take_group_as_scope)

    def add_web_app_up(self) -> None:
        """Replaces the command by one that finds a region."""
        apps = CliCommandType(operations_tmpl="azure.cli.command_modules.appservice.custom#{}")
        with self.command_group("webapp", custom_command_type=apps, resource_type=ResourceType.MGMT_APPSERVICE) as group:
            group.custom_command("up", "webapp_up", validator=prepare_web_app_up)

    def earlier(self, command: str, today: str) -> Deprecated:
        """Makes az print the notice when the command runs."""
        return self.deprecate(redirect=today, message_func=lambda _: notice(f"az {command}", today))

    def load_arguments(self, command):
        if command == ASSIGN_ROLE:
            self.load_role_arguments(command)
            return
        if command == WEB_APP_UP:
            from azure.cli.command_modules.appservice._params import load_arguments

            load_arguments(self, command)
            self.command_table[command].command_source.overrides_command = False
            return

        server = {"metavar": "NAME", "id_part": "name", "help": "Name of the server."}
        with self.argument_context(f"{SERVER} ad-admin") as context:
            context.argument("server_name", options_list=["--server-name", "-s"], **server)
            context.argument("sid", options_list=["--object-id", "-i"], help="Object ID of the administrator.")
            context.argument("login", options_list=["--display-name", "-u"], help="Display name of the administrator.")
            context.argument(
                "principal_type",
                get_enum_type(["User", "Group", "ServicePrincipal", "Unknown"], default="User"),
                options_list=["--type", "-t"],
                help="Type of the administrator.",
            )
        for name in ("execute", "connect"):
            with self.argument_context(f"{SERVER} {name}") as context:
                context.argument("server_name", options_list=["--name", "-n"], metavar="NAME", help=server["help"])
                context.argument("user", options_list=["--admin-user", "-u"], help="Name of the role.")
                context.argument(
                    "password", options_list=["--admin-password", "-p"], help="Its password, or an Entra token."
                )
                context.argument("database_name", options_list=["--database-name", "-d"], help="Name of the database.")
                context.argument("querytext", options_list=["--querytext", "-q"], help="The SQL to run.")
                context.argument("file_path", options_list=["--file-path", "-f"], help="A file with the SQL to run.")
                context.argument("interactive", action="store_true", help="Open psql.")

    def load_role_arguments(self, command: str) -> None:
        """Adds a group to the arguments of a role assignment."""
        from azure.cli.command_modules.role._params import load_arguments

        # An extension's command starts without the arguments of the one that it replaces.
        load_arguments(self, command)
        with self.argument_context(command) as context:
            context.argument("scope", required=False)
            context.extra(
                "resource_group_name",
                options_list=["--resource-group", "-g"],
                help="The group to take as the scope, if there is no --scope.",
                action=EarlierOption,
                # Its value is gone when az would remember it.
                local_context_attribute=None,
            )
        # az would say that this extension alters the command, but without an earlier spelling it does not.
        self.command_table[command].command_source.overrides_command = False


COMMAND_LOADER_CLS = EarlierSpellings
