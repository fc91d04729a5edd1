"""Every build of the workspace shares its dependencies with the tests: no dependency is compiled twice."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def compiled(*command):
    """The packages that this cargo command compiles because no earlier command compiled them with the same features."""
    done = subprocess.run(
        ["cargo", *command, "--locked", "--message-format=json"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    messages = map(json.loads, done.stdout.splitlines())
    return {
        message["package_id"]
        for message in messages
        if message["reason"] == "compiler-artifact" and not message["fresh"] and "registry" in message["package_id"]
    }


@pytest.fixture(scope="module", autouse=True)
def tests_are_built():
    compiled("test", "--workspace", "--no-run")


@pytest.mark.parametrize(
    "selection", [["--package", "restaurant-review"], ["--package", "local-azure"], ["--workspace"]], ids=" ".join
)
def test_a_build_compiles_no_dependency_again(selection):
    again = compiled("build", *selection)
    assert not again, "their features differ: name them in crates/shared-features/Cargo.toml"
