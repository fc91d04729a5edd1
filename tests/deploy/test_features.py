"""Every build of the workspace shares its dependencies with the tests: no dependency is compiled twice."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def artifacts(*command):
    """The files of all dependencies that this cargo command uses. Their names differ if their features do."""
    done = subprocess.run(
        ["cargo", *command, "--locked", "--message-format=json"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    messages = map(json.loads, done.stdout.splitlines())
    return {
        name
        for message in messages
        if message["reason"] == "compiler-artifact" and "registry" in message["package_id"]
        for name in message["filenames"]
    }


@pytest.fixture(scope="module")
def of_tests():
    return artifacts("test", "--workspace", "--no-run")


@pytest.mark.parametrize(
    "selection", [["--package", "restaurant-review"], ["--package", "local-azure"], ["--workspace"]], ids=" ".join
)
def test_a_build_compiles_no_dependency_again(selection, of_tests):
    again = artifacts("build", *selection) - of_tests
    assert not again, "their features differ: name them in crates/shared-features/Cargo.toml"
