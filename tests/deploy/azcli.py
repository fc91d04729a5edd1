"""The Azure CLI's own parser: is a command one that `az` takes?

Nothing is run and nobody is asked: the CLI's table of commands is loaded once, and each command line goes through
the parser that `az` itself would give it to.
"""

import contextlib
import copy
import io
import logging
import os
import tempfile

# Before the CLI is loaded: its own folder, no telemetry, no look for extensions.
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
    """The CLI with its table of commands loaded, which takes some seconds."""

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
            raise RuntimeError(f"the Azure CLI has {len(self._table)} commands only")

    def _parser(self, name):
        """The parser of one command, made as `az` makes it."""
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
        """What is wrong with a command line, given as the words after `az`; None if nothing is."""
        name = self._command_name(words)
        if name is None:
            return f"there is no command az {' '.join(word for word in words if not word.startswith('-'))}"
        parser = self._parser(name)
        said = io.StringIO()
        handler = logging.StreamHandler(said)
        logger = logging.getLogger("cli")
        logger.addHandler(handler)
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                parsed = parser.parse_args(copy.copy(words))
                self._cli.raise_event(EVENT_INVOKER_POST_PARSE_ARGS, command=parsed.command, args=parsed)
        except CLIError as error:  # what can be given by --ids, and is not
            return str(error)
        except SystemExit:
            lines = [line for line in said.getvalue().splitlines() if line.strip() not in ("", "NoneType: None")]
            return lines[0] if lines else "the command line is refused"
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
        """The longest beginning of the words that is a command."""
        for length in range(len(words), 0, -1):
            name = " ".join(words[:length])
            if name in self._table:
                return name
        return None

