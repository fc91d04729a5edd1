"""Checks `az` command lines with the Azure CLI's own parser.

No command is run and no service is contacted. The CLI's table of commands is loaded once, and each command line is
parsed as `az` itself would parse it.
"""

import contextlib
import copy
import io
import logging
import os
import tempfile

# Set before the CLI is loaded: a separate folder, no telemetry, no search for extensions.
_folder = tempfile.TemporaryDirectory(prefix="az-")
os.environ["AZURE_CONFIG_DIR"] = _folder.name
os.environ["AZURE_EXTENSION_DIR"] = os.path.join(_folder.name, "extensions")
os.environ["AZURE_CORE_COLLECT_TELEMETRY"] = "false"
os.environ["AZURE_EXTENSION_USE_DYNAMIC_INSTALL"] = "no"
os.environ["AZURE_CORE_USE_COMMAND_INDEX"] = "false"

from azure.cli.core import get_default_cli  # noqa: E402
from azure.cli.core.parser import AzCliCommandParser  # noqa: E402
from knack.util import CLIError  # noqa: E402
from knack.events import (  # noqa: E402
    EVENT_INVOKER_CMD_TBL_LOADED,
    EVENT_INVOKER_POST_CMD_TBL_CREATE,
    EVENT_INVOKER_POST_PARSE_ARGS,
)
from azure.cli.core.commands.events import (  # noqa: E402
    EVENT_INVOKER_POST_LOAD_ARGUMENTS,
    EVENT_INVOKER_PRE_LOAD_ARGUMENTS,
)


class AzureCli:
    """The CLI with its table of commands. Loading the table takes several seconds."""

    def __init__(self):
        cli = get_default_cli()
        cli.logging.configure([])
        cli.invocation = cli.invocation_cls(
            cli_ctx=cli,
            parser_cls=cli.parser_cls,
            commands_loader_cls=cli.commands_loader_cls,
            help_cls=cli.help_cls,
        )
        self._cli = cli
        self._loader = cli.invocation.commands_loader
        self._loader.load_command_table(None)
        self._table = dict(self._loader.command_table)
        self._parsers = {}
        if len(self._table) < 1000:
            raise RuntimeError(f"the Azure CLI loaded only {len(self._table)} commands")

    def _parser(self, name):
        """The parser of one command, built as `az` builds it."""
        if name not in self._parsers:
            invocation, loader = self._cli.invocation, self._loader
            loader.command_table = {name: self._table[name]}
            loader.command_name = name
            invocation.data["command_string"] = name
            self._event(EVENT_INVOKER_PRE_LOAD_ARGUMENTS)
            loader.load_arguments(name)
            self._event(EVENT_INVOKER_POST_LOAD_ARGUMENTS)
            self._event(EVENT_INVOKER_POST_CMD_TBL_CREATE)
            parser = AzCliCommandParser(
                cli_ctx=self._cli,
                cli_help=invocation.help,
                prog="az",
                parents=[invocation._global_parser],
            )
            parser.load_command_table(loader)
            self._cli.raise_event(EVENT_INVOKER_CMD_TBL_LOADED, cmd_tbl=loader.command_table, parser=parser)
            self._parsers[name] = parser
        return self._parsers[name]

    def _event(self, which):
        self._cli.raise_event(which, commands_loader=self._loader)

    def fault(self, words):
        """Why `az` rejects a command line, given as the words after `az`, or None if it accepts the line."""
        name = self._command_name(words)
        if name is None:
            return f"there is no command az {' '.join(word for word in words if not word.startswith('-'))}"
        parser = self._parser(name)
        output = io.StringIO()
        handler = logging.StreamHandler(output)
        logger = logging.getLogger("cli")
        logger.addHandler(handler)
        try:
            with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
                parsed = parser.parse_args(copy.copy(words))
                self._cli.raise_event(EVENT_INVOKER_POST_PARSE_ARGS, command=parsed.command, args=parsed)
        except CLIError as error:  # an option that --ids could replace is missing
            return str(error)
        except SystemExit:
            lines = [line for line in output.getvalue().splitlines() if line.strip() not in ("", "NoneType: None")]
            return lines[0] if lines else "the command line is rejected"
        finally:
            logger.removeHandler(handler)
        for argument in self._table[name].arguments.values():
            used = getattr(parsed, argument.name, None)
            if argument.type.settings.get("deprecate_info") and used not in (None, argument.type.settings.get("default")):
                return f"{argument.name} is deprecated"
        if self._table[name].deprecate_info:
            return f"az {name} is deprecated"
        return None

    def _command_name(self, words):
        """The longest prefix of the words that names a command."""
        for length in range(len(words), 0, -1):
            name = " ".join(words[:length])
            if name in self._table:
                return name
        return None

