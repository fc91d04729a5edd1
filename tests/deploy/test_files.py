"""Checks scripts and other files that tools read."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SCRIPTS = sorted(
    path
    for pattern in (
        "*.sh",
        ".ci/run",
        "benches/**/*.sh",
        "crates/*/*.sh",
        "crates/*/src/**/*.sh",
        "examples/*.sh",
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


def test_devcontainer():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["image"].startswith("mcr.microsoft.com/devcontainers/rust:")
    for feature in container["features"]:
        assert re.fullmatch(r"ghcr\.io/[\w-]+/[\w-]+(/[\w-]+)?:[\w.]+", feature)
    # The ports of `cargo run`, and of the app on Local Azure.
    options = (ROOT / "crates/local-azure/src/up/options.rs").read_text()
    front_end = re.findall(r"default_value_t = (\d+)\)\]\n    pub https?_port:", options)
    assert sorted(map(str, container["forwardPorts"])) == sorted(["8000", *front_end]) and len(front_end) == 2
    assert set(container["portsAttributes"]) == set(map(str, container["forwardPorts"]))
    # What lets an ordinary user make namespaces: no seccomp, no AppArmor, and a /proc that can be mounted again.
    assert {option.partition("=")[0] for option in container["securityOpt"]} == {"seccomp", "apparmor", "systempaths"}
    # ./test.sh finds what it needs. The image and its features have the rest.
    test = (ROOT / "test.sh").read_text()
    needed = set(re.findall(r'(?m)^  "\S+ (\S+) .*"$', test[: test.index("# Only root")].replace("${POSTGRESQL_VERSION:+-$POSTGRESQL_VERSION}", "")))
    missing = needed - set(container["postCreateCommand"].split())
    assert missing <= {"npm", "python3", "openssl", "binutils", "valgrind", "g++"}, missing


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
