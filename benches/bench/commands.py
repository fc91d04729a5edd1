"""Runs commands in the root of the checkout, and records them for the document."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .paths import LOGS, ROOT


@dataclass
class Commands:
    """The commands that were run, by section."""

    sections: dict[str, list[str]] = field(default_factory=dict)
    section: str = "preparation"
    secrets: dict[str, str] = field(default_factory=dict)
    """Secrets that are not recorded, each with the name that replaces it."""

    def note(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Records a command, once in each section."""
        words = [f"{name}={shlex.quote(value)}" for name, value in (environment or {}).items()]
        line = " ".join([*words, shlex.join(command)]).replace(str(ROOT), "$PWD")
        for secret, name in self.secrets.items():
            line = line.replace(secret, name)
        lines = self.sections.setdefault(self.section, [])
        if line not in lines:
            lines.append(line)

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 3600) -> str:
        """Runs a command and returns its output. If it fails, the benchmark ends."""
        self.note(command, environment)
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        with open(LOGS / "commands.log", "a", encoding="utf-8") as log:
            log.write(f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}\n")
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout
