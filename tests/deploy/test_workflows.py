"""Checks GitHub's workflows, and the trust that Azure has in them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shell import blocks

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))


def run(*command):
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)


def test_workflows():
    assert [path.stem for path in WORKFLOWS] == ["azure-dev", "ci", "deploy", "release"]
    checked = run(BIN / "actionlint", "-shellcheck", BIN / "shellcheck", *WORKFLOWS)
    assert checked.returncode == 0, checked.stdout
    for schema in ("vendor.github-workflows", "custom.github-workflows-require-timeout"):
        checked = run(BIN / "check-jsonschema", "--builtin-schema", schema, *WORKFLOWS)
        assert checked.returncode == 0, checked.stdout


def test_a_wrong_workflow_is_reported(tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on: ubuntu-24.04", "runs-on: ubuntu-24.04\n    needs: missing", 1))
    assert run(BIN / "actionlint", wrong).returncode != 0


def unpinned(workflow):
    """The actions that are not named by a commit, with the version as a comment, which Dependabot keeps up to date."""
    actions = re.findall(r"uses: *(.*)", workflow)
    return [action for action in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)]


def test_an_action_without_a_commit_is_reported():
    for action in ("actions/checkout@v7", f"actions/checkout@{'0' * 40}", f"actions/checkout@{'0' * 39} # v7.0.1", "./here"):
        assert unpinned(f"    steps:\n      - uses: {action}\n") == [action]


def test_an_action_has_one_version_in_all_workflows():
    named = {use for path in WORKFLOWS for use in re.findall(r"uses: (.*)", path.read_text())}
    assert len(named) == len({use.partition("@")[0] for use in named}), sorted(named)


# The only job that writes: it adds files to a release.
PUBLISH = {"contents": "write", "id-token": "write", "attestations": "write"}


def test_workflows_hold_no_secret_and_have_the_least_permissions():
    for path in WORKFLOWS:
        text = path.read_text()
        assert "secrets." not in text and "publish-profile" not in text
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            permissions = job.get("permissions", {})
            if (path.stem, name) == ("release", "publish"):
                assert permissions == PUBLISH
                # Nothing that was built or installed runs with these permissions.
                assert not any("checkout" in step.get("uses", "") for step in job["steps"])
            else:
                assert set(permissions.items()) <= {("contents", "read"), ("id-token", "write")}
        assert unpinned(text) == []
    deploy = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]["deploy"]
    assert deploy["permissions"] == {"id-token": "write"}
    assert deploy["environment"]["name"] == "production"


def test_a_release_gets_the_programs_of_local_azure():
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    machines = jobs["local-azure"]["strategy"]["matrix"]["machine"]
    publish = jobs["publish"]
    # Only what has passed the tests, and only for a tag.
    assert set(publish["needs"]) == {"release", "local-azure"} and publish["if"] == "github.ref_type == 'tag'"
    (signed,) = (step["with"]["subject-path"] for step in publish["steps"] if "subject-path" in step.get("with", {}))
    assert signed.split() == [f"dist/local-azure-{machine}" for machine in machines]
    # The names that package.sh writes, and that the action downloads.
    assert "name=local-azure-$machine" in (ROOT / "package.sh").read_text()
    assert "name=local-azure-$(uname -m)" in (ROOT / "crates/local-azure/action.sh").read_text()


def test_the_tests_run_with_each_version_of_postgresql():
    test = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test"]
    versions = test["strategy"]["matrix"]["postgresql"]
    assert versions == [15, 17, 18]
    in_azure = re.search(r"version: '(\d+)'", (ROOT / "infra/modules/database.bicep").read_text()).group(1)
    assert int(in_azure) in versions
    steps = {step.get("name"): step for step in test["steps"]}
    assert steps["Run the tests"]["env"]["POSTGRESQL_VERSION"] == "${{ matrix.postgresql }}"
    # Two jobs must not store an artifact of the same name.
    assert "${{ matrix.postgresql }}" in steps["Keep the output of failed tests"]["with"]["name"]


def test_a_version_of_postgresql_that_is_not_installed_is_named(tmp_path):
    install = tmp_path / "apt-get"
    install.write_text("#!/bin/sh\nexit 1\n")
    install.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "POSTGRESQL_VERSION": "99"}
    done = subprocess.run([ROOT / "test.sh"], env=environment, capture_output=True, text=True, timeout=60)
    # Root installs it, and others are told to.
    assert done.returncode != 0 and "postgresql-99" in done.stdout + done.stderr


# What GitHub answers with for a repository, and the subject of its tokens.
SUBJECTS = {
    "repo:contoso@5544123/reviews@821093847": "repo:contoso@5544123/reviews@821093847:environment:production",
    "": "repo:contoso/reviews:environment:production",
}


@pytest.mark.parametrize("answer,subject", SUBJECTS.items(), ids=["immutable", "by name"])
def test_azure_trusts_the_subject_that_github_sends(answer, subject, tmp_path):
    github = tmp_path / "gh"
    github.write_text(f'#!/bin/sh\n[ "$1 $2" = "api repos/contoso/reviews/actions/oidc/customization/sub" ] && echo "{answer}"\n')
    github.chmod(0o755)
    tutorial = (ROOT / "docs/tutorial.md").read_text()
    [commands] = [block for block in tutorial.split("```") if "sub_claim_prefix" in block]
    commands = commands.removeprefix("sh\n").replace("<owner>/<repository>", "contoso/reviews")
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-ec", commands], env={"PATH": path}, capture_output=True, text=True)
    assert done.stdout == f"{subject}\n", done.stderr
    assert '--subject "$SUBJECT"' in blocks(tutorial)
    # The workflow runs in the environment that the subject names.
    deploy = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]["deploy"]
    assert subject.endswith(f":environment:{deploy['environment']['name']}")
