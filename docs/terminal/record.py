#!/usr/bin/env python3
"""Runs Microsoft's tutorial in `local-azure shell` and draws what the terminal showed: docs/terminal/tutorial.svg.

    docs/terminal/record.py SITE        # while `local-azure up --empty` runs

SITE is the folder of the app that is deployed. The commands are those that the tests paste. They go to a shell in a
terminal, one after the other, and the first that fails ends the script. The picture shows some of them in full; "…"
stands for what it leaves out. The standard library suffices.
"""

import argparse
import html
import os
import pty
import re
import select
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [ROOT / "crates/local-azure/tests/azure_cli" / name for name in ("tutorial.sh", "tutorial_settings.sh")]
VISIT = "curl --silent https://$APP_SERVICE_NAME.azurewebsites.net | grep '<title>'"
CLEAN_UP = "az group delete --name msdocs-mi-web-app"

# The commands that the picture shows: how each begins, and which lines of its output it shows.
SHOWN = [
    ("az postgres flexible-server create", "Elsewhere, use|Creating PostgreSQL Server"),
    ("az webapp up", "Status: |You can launch"),
    ("az role assignment create", "Elsewhere, use"),
    ("az postgres flexible-server execute", "Success|rolname|isAdmin"),
    ("curl", "."),
    ("az group delete", ""),
]
COLUMNS = 106

# Each prompt prints it: the exit code of the command before.
MARK = re.compile(r"\x1b\]777;(\d+)\x07")
ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[\[(][0-9;?]*[A-Za-z=>]?")

STYLE = """
  svg { --back: #f6f8fa; --edge: #d1d9e0; --typed: #1f2328; --said: #59636e; --prompt: #0550ae; }
  @media (prefers-color-scheme: dark) {
    svg { --back: #151b23; --edge: #3d444d; --typed: #f0f6fc; --said: #9198a1; --prompt: #79c0ff; }
  }
  rect { fill: var(--back); stroke: var(--edge); }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }
  .prompt, .typed { fill: var(--typed); }
  tspan { fill: var(--prompt); }
  .said { fill: var(--said); }
"""
# The width of a character and the height of a line.
WIDTH, HEIGHT = 7.8, 18


def commands(file):
    """The commands of a shell script, each with the lines that continue it."""
    command = []
    for line in file.read_text().splitlines():
        if not command and (not line.strip() or line.startswith("#")):
            continue
        command.append(line)
        if not line.endswith("\\"):
            yield "\n".join(command)
            command = []


class Terminal:
    """A shell in a terminal."""

    def __init__(self, local_azure, folder):
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            prompts = {"PS1": "", "PS2": "", "PROMPT_COMMAND": r"printf '\033]777;%d\007' $?"}
            os.environ.update(prompts, TERM="xterm", COLUMNS=str(COLUMNS))
            shell = ["bash", "--norc", "--noediting", "-i"]
            os.execvp(local_azure[0], [*local_azure, "shell", "--", *shell])
        # The picture draws the prompts and what is typed.
        modes = termios.tcgetattr(self.terminal)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(self.terminal, termios.TCSANOW, modes)
        self.answer()

    def answer(self, limit=900):
        """What is printed before the next prompt, and the exit code of the command."""
        read, until = "", time.monotonic() + limit
        while not (mark := MARK.search(read)):
            ready, _, _ = select.select([self.terminal], [], [], max(0, until - time.monotonic()))
            try:
                more = os.read(self.terminal, 65536).decode(errors="replace") if ready else ""
            except OSError:
                more = ""
            if not more:
                sys.exit(f"The shell does not answer:\n{read}")
            read += more
        text = ESCAPES.sub("", read[: mark.start()]).replace("\r\n", "\n")
        # What a carriage return has overwritten, such as the progress that az shows, is gone.
        return re.sub(r"[^\n]*\r", "", text), int(mark[1])

    def run(self, command):
        """What the command prints."""
        print(f"$ {command}", flush=True)
        os.write(self.terminal, command.encode() + b"\n")
        said, code = self.answer()
        print(said, flush=True)
        if code:
            sys.exit(f"It ended with exit code {code}.")
        return said


def wrapped(line):
    """The lines of a terminal that a line takes."""
    return [line[at : at + COLUMNS] for at in range(0, len(line), COLUMNS)]


def shortened(said, wanted):
    """The wanted lines, wrapped as in a terminal. One "…" stands for all lines between two of them."""
    is_left_out = False
    for line in said.splitlines():
        if wanted and re.search(wanted, line):
            yield from ["…"] * is_left_out
            yield from wrapped(line)
            is_left_out = False
        else:
            is_left_out |= bool(line.strip())
    yield from ["…"] * is_left_out


def picture(recorded):
    """The lines of the picture, each with its kind."""
    shown, left_out = list(SHOWN), 0
    for command, said in recorded:
        if not shown or not command.startswith(shown[0][0]):
            left_out += 1
            continue
        if left_out:
            yield "said", f"… {left_out} more command{'s'[: left_out > 1]} …"
        left_out = 0
        first, *rest = (part for line in f"$ {command}".splitlines() for part in wrapped(line))
        yield from [("prompt", first), *(("typed", line) for line in rest)]
        yield from (("said", line) for line in shortened(said, shown.pop(0)[1]))
        yield "said", ""
    if shown:
        sys.exit(f"The commands of the tutorial have changed: change SHOWN, from {shown[0][0]!r} on.")


def svg(lines):
    """A picture of a terminal with these lines, in the colours that the reader's system prefers."""
    width, height = COLUMNS * WIDTH + 32, len(lines) * HEIGHT + 24
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">',
        "<title>Microsoft’s tutorial in local-azure shell</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="6"/>',
    ]
    for number, (kind, line) in enumerate(lines):
        text = html.escape(line, quote=False)
        if kind == "prompt":
            text = f'<tspan>$</tspan>{text[1:]}'
        if line:
            # The length of the text keeps its columns with every font.
            drawn.append(
                f'<text class="{kind}" x="16" y="{number * HEIGHT + 28}" textLength="{len(line) * WIDTH:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{text}</text>'
            )
    return "\n".join([*drawn, "</svg>\n"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", metavar="SITE", help="the folder of the app")
    parser.add_argument("--local-azure", default=str(ROOT / "target/debug/local-azure"), help="the program")
    parser.add_argument("--state", default=str(ROOT / ".local-azure"), help="the state folder")
    options = parser.parse_args()
    terminal = Terminal([options.local_azure, "--state", options.state], options.site)
    pasted = [command for script in SCRIPTS for command in commands(script)]
    recorded = [(command, terminal.run(command)) for command in [*pasted, VISIT, CLEAN_UP]]
    lines = list(picture(recorded))[:-1]
    file = Path(__file__).with_name("tutorial.svg")
    file.write_text(svg(lines))
    print(f"{file}: {len(lines)} lines")


if __name__ == "__main__":
    main()
