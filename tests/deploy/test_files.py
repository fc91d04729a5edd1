"""Checks scripts, workflows and other files that tools read."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
SCRIPTS = sorted(
    path
    for pattern in (
        "*.sh",
        ".ci/run",
        "benches/**/*.sh",
        "crates/*/src/**/*.sh",
        "infra/**/*.sh",
        "tests/deploy/*.sh",
        "tests/deploy/fake/*",
        "tests/tools/*.sh",
    )
    for path in ROOT.glob(pattern)
)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, **options)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_scripts(script):
    shell = "sh" if script.read_text().startswith("#!/bin/sh") else "bash"
    parsed = run(shell, "-n", script)
    assert parsed.returncode == 0, parsed.stderr
    checked = run(BIN / "shellcheck", "--external-sources", script)
    assert checked.returncode == 0, checked.stdout
    assert "set -x" not in script.read_text()


def test_an_unsafe_script_is_reported(tmp_path):
    script = tmp_path / "wrong.sh"
    script.write_text("#!/bin/sh\nrm -rf $1/*\n")
    assert run(BIN / "shellcheck", script).returncode != 0


def test_workflows():
    assert len(WORKFLOWS) == 3
    checked = run(BIN / "actionlint", "-shellcheck", BIN / "shellcheck", *WORKFLOWS)
    assert checked.returncode == 0, checked.stdout
    for schema in ("vendor.github-workflows", "custom.github-workflows-require-timeout"):
        checked = run(BIN / "check-jsonschema", "--builtin-schema", schema, *WORKFLOWS)
        assert checked.returncode == 0, checked.stdout


def test_a_wrong_workflow_is_reported(tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on: ubuntu-24.04", "runs-on: ubuntu-24.04\n    needs: nobody", 1))
    assert run(BIN / "actionlint", wrong).returncode != 0


def test_workflows_hold_no_secret_and_have_the_least_permissions():
    for path in WORKFLOWS:
        text = path.read_text()
        assert "secrets." not in text and "publish-profile" not in text
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert set(job.get("permissions", {})) <= {"id-token"}
        for action in re.findall(r"uses: (\S+)", text):
            assert re.fullmatch(r"[\w/-]+@(v\d+|[0-9a-f]{40})", action), action
    deploy = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]["deploy"]
    assert deploy["permissions"] == {"id-token": "write"}
    assert deploy["environment"]["name"] == "production"


def test_dependabot():
    path = ROOT / ".github/dependabot.yml"
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", path)
    assert checked.returncode == 0, checked.stdout
    # Dependabot checks every folder that has dependencies.
    manifests = {"npm": "package.json", "pip": "requirements.txt"}
    tracked = run("git", "ls-files").stdout.splitlines()
    for update in yaml.safe_load(path.read_text())["updates"]:
        if manifest := manifests.get(update["package-ecosystem"]):
            there = {f"/{Path(name).parent.as_posix()}" for name in tracked if Path(name).name == manifest}
            assert set(update["directories"]) == there


def test_azure_yaml():
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert set(project) == {"name", "metadata", "infra", "hooks", "services"}
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", project["name"])
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").exists()
    web = project["services"]["web"]
    # azd accepts no image, docker, k8s or env with the host appservice, and requires `dist` with the language custom.
    assert set(web) == {"project", "host", "language", "dist", "hooks"}
    assert (web["host"], web["language"]) == ("appservice", "custom")
    assert "'azd-service-name': 'web'" in (ROOT / "infra/modules/web.bicep").read_text()
    hooks = {**project["hooks"], **web["hooks"]}
    assert set(hooks) == {"preprovision", "postprovision", "prepackage"}
    for hook in hooks.values():
        assert set(hook) == {"shell", "run"} and hook["shell"] == "sh"
        script = ROOT / hook["run"]
        assert script.stat().st_mode & 0o111, f"{script} is not executable"
    assert web["dist"] in (ROOT / "infra/hooks/prepackage.sh").read_text()
    # main.bicep has an output for each variable that the hook reads.
    outputs = set(re.findall(r"(?m)^output (\w+)", (ROOT / "infra/main.bicep").read_text()))
    read = set(re.findall(r'"\$([A-Z_]+)"', (ROOT / "infra/hooks/postprovision.sh").read_text()))
    assert read and read <= outputs


def test_devcontainer():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["image"].startswith("mcr.microsoft.com/devcontainers/rust:")
    for feature in container["features"]:
        assert re.fullmatch(r"ghcr\.io/[\w-]+/[\w-]+(/[\w-]+)?:[\w.]+", feature)


def test_the_sql_is_in_one_file():
    for path in ("infra/deploy.sh", "infra/database.sh", "infra/hooks/postprovision.sh", "docs/tutorial.md"):
        text = (ROOT / path).read_text()
        assert "pgaadauth_create_principal_with_oid('" not in text
    assert "infra/database.sql" in (ROOT / "docs/tutorial.md").read_text()


def test_links_in_the_documents_have_a_target():
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        text = document.read_text()
        for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            path, _, fragment = target.partition("#")
            file = (document.parent / path) if path else document
            assert file.exists(), f"{document.name}: {target}"
            if fragment:
                text = file.read_text()
                headings = re.findall(r"(?m)^#+ (.+)$", text)
                anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
                anchors.update(re.findall(r'<a id="([^"]+)">', text))
                assert fragment in anchors, f"{document.name}: {target}"
