"""The Azure CLI accepts every `az` command in the documents, scripts and workflows."""

import os
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from azcli import AzureCli
from shell import az_commands, blocks

ROOT = Path(__file__).resolve().parents[2]
# The files, each with the least number of commands to find there: a search that finds none would check nothing.
DOCUMENTS = {"README.md": 0, "docs/tutorial.md": 30, "docs/operations.md": 20, "docs/*.md": 0}
SCRIPTS = {"infra/deploy.sh": 25, "infra/database.sh": 5, "infra/*.sh": 0, "infra/hooks/*.sh": 1, "examples/*.sh": 10}
WORKFLOWS = {".github/workflows/deploy.yml": 2, ".github/workflows/*.yml": 0}


@pytest.fixture(scope="session")
def cli():
    return AzureCli()


def run_steps(workflow):
    for job in yaml.safe_load(workflow)["jobs"].values():
        for step in job["steps"]:
            yield step.get("run", "")


def text_commands(path):
    text = path.read_text()
    if path.suffix == ".md":
        text = blocks(text)
    elif path.suffix == ".yml":
        text = "\n".join(run_steps(text))
    return az_commands(text)


@pytest.mark.parametrize("pattern,at_least", [*DOCUMENTS.items(), *SCRIPTS.items(), *WORKFLOWS.items()])
def test_the_cli_accepts_every_command(cli, pattern, at_least):
    found = [(path, command) for path in sorted(ROOT.glob(pattern)) for command in text_commands(path)]
    assert len(found) >= at_least, f"{pattern} has {len(found)} az commands, expected at least {at_least}"
    faults = [f"{path.relative_to(ROOT)}: az {' '.join(words)}\n    {fault}" for path, words in found if (fault := cli.fault(words))]
    assert not faults, "\n".join(faults)


def test_the_cli_accepts_every_command_of_a_dry_run(cli):
    output = subprocess.run(
        ["bash", "infra/deploy.sh", "--dry-run"],
        cwd=ROOT,
        env=os.environ | {"ADMIN_PRINCIPALS": "ada@example.com"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    commands = az_commands(output)
    assert len(commands) >= 40
    assert any(words[:1] == ["rest"] for words in commands)
    assert not [(words, fault) for words in commands if (fault := cli.fault(words))]


def first_cells(table):
    """The commands in the first column of a table of docs/local-azure.md, row by row."""
    _, rows = (ROOT / "docs/local-azure.md").read_text().split(f"\n| {table} |")
    for row in rows.splitlines()[2:]:
        if not row.startswith("|"):
            return
        yield re.findall("`([^`]*)`", row.split(" | ")[0])


def emulated():
    """The commands that a test of Local Azure runs, which another test verifies."""
    for cell in first_cells("Commands"):
        before = ""
        for command in cell:
            # `show` after `az group create`.
            before = command if command.startswith("az ") else f"{before.rpartition(' ')[0]} {command}"
            yield f"{before} *"


def test_local_azure_emulates_every_command_or_says_that_it_does_not():
    not_emulated = [f"{command.replace('…', '*')} *" for cell in first_cells("Not emulated") for command in cell]
    files = [ROOT / name for name in ("docs/tutorial.md", "docs/operations.md", "infra/deploy.sh", "infra/database.sh")]
    files += [ROOT / "infra/staff.sh", *ROOT.glob(".github/workflows/*.yml")]
    commands = [f"az {' '.join(words)} " for path in files for words in text_commands(path)]
    # `local-azure shell` is signed in.
    patterns = [*emulated(), *not_emulated, "az login "]
    unknown = [command for command in commands if not any(fnmatchcase(command, pattern) for pattern in patterns)]
    assert not unknown, "\n".join(unknown)
    unused = [pattern for pattern in not_emulated if not any(fnmatchcase(command, pattern) for command in commands)]
    assert not unused, "\n".join(unused)


# Spellings from the 2023 tutorial that the CLI no longer accepts, and other mistakes.
REJECTED = {
    "az postgres flexible-server create -g g -n n --active-directory-auth Enabled": "--active-directory-auth",
    "az postgres flexible-server ad-admin create -g g --server-name s --display-name d --object-id o": "no command",
    "az postgres flexible-server execute --name n --admin-user u --admin-password p --querytext q": "no command",
    "az role assignment create --assignee a --resource-group g --role r --scope s": "--resource-group",
    "az webapp up --resource-group g --name n --runtime PYTHON:3.9 --sku B1": "deprecated",
    "az storage account create --name a --resource-group g --sku Premium_XX": "Premium_XX",
    "az webapp deploy --src-path p --type zip": "required",
    "az group create --name g": "required",
    "az grupp create": "no command",
}


@pytest.mark.parametrize("line,message", REJECTED.items())
def test_a_rejected_command_is_reported(cli, line, message):
    [words] = az_commands(blocks(f"1. Do it:\n\n   ```sh\n   {line}\n   ```\n"))
    fault = cli.fault(words)
    assert fault and message in fault


def test_commands_are_found_everywhere_in_a_script():
    script = r"""
# az comment
run az one --a "b c" \
  --d $E 2>/dev/null
id=$(az two --q 'x(y)' --output tsv) || exit 1
if ! exists az three "${in_group[@]}"; then X=1 az four >out; fi
echo "$(az five "$(az six)")" | az seven -
need "az" "install az"
echo 'az nothing'; echo "az nothing"
"""
    assert az_commands(script) == [
        ["one", "--a", "b c", "--d", "value"],
        ["two", "--q", "x(y)", "--output", "tsv"],
        ["three", "--resource-group", "group"],
        ["four"],
        ["six"],
        ["five", "value"],
        ["seven", "-"],
    ]
