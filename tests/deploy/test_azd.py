"""Checks what the Azure Developer CLI reads: azure.yaml and its hooks, according to azd's schema and source."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_azure_yaml():
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert set(project) == {"name", "metadata", "requiredVersions", "infra", "hooks", "services"}
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", project["name"])
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").exists()
    web = project["services"]["web"]
    # azd accepts no image, docker, k8s or env with the host appservice, and requires `dist` with the language custom.
    assert set(web) == {"project", "host", "language", "dist", "hooks"}
    assert (web["host"], web["language"]) == ("appservice", "custom")
    assert "'azd-service-name': 'web'" in (ROOT / "infra/modules/web.bicep").read_text()
    hooks = {**project["hooks"], **web["hooks"]}
    assert set(hooks) == {"preprovision", "postprovision", "prepackage"}
    for name, hook in hooks.items():
        # With both forms, azd accepts nothing beside them.
        assert set(hook) == {"posix", "windows"}
        assert hook["posix"] == {"shell": "sh", "run": f"./infra/hooks/{name}.sh"}
        assert (ROOT / hook["posix"]["run"]).stat().st_mode & 0o111, f"{name}.sh is not executable"
        # What is not the name of a file, azd runs as a script, in the folder of azure.yaml.
        assert hook["windows"] == {"shell": "pwsh", "run": f"./infra/hooks/run-in-wsl.ps1 {name}.sh"}
    assert web["dist"] in (ROOT / "infra/hooks/prepackage.sh").read_text()
    # main.bicep has an output for each variable that the hook reads.
    outputs = set(re.findall(r"(?m)^output (\w+)", (ROOT / "infra/main.bicep").read_text()))
    read = set(re.findall(r'"\$([A-Z_]+)"', (ROOT / "infra/hooks/postprovision.sh").read_text()))
    assert read and read <= outputs


def test_azd_is_new_enough():
    needed = yaml.safe_load((ROOT / "azure.yaml").read_text())["requiredVersions"]["azd"]
    version = tuple(map(int, re.fullmatch(r">= (\d+)\.(\d+)\.(\d+)", needed).groups()))
    assert version >= (1, 20, 0), "language: custom"
    assert version >= (1, 31, 2), "a limit of the wait for the start: Azure/azure-dev#9489"
    assert f"azd {'.'.join(map(str, version))} or newer" in (ROOT / "docs/tutorial.md").read_text()


def test_wsl_gets_every_variable_that_the_hooks_read():
    scripts = [*ROOT.glob("infra/hooks/*.sh"), *(ROOT / f"infra/{name}.sh" for name in ("database", "lib", "staff"))]
    code = "\n".join(re.sub(r"(?m)^ *#.*$", "", path.read_text()) for path in scripts)
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", code))
    # Bash's own, what one script sets for another, and what is read only on the machine that runs the hooks.
    own = {"BASH_SOURCE", "RANDOM", "ADMIN_NAME", "PGSSLROOTCERT", "DRY_RUN"}
    assert own <= read
    launcher = (ROOT / "infra/hooks/run-in-wsl.ps1").read_text()
    [listed] = re.findall(r"(?s)\$variables = @\((.*?)\)", launcher)
    assert set(re.findall(r"'(\w+)'", listed)) == read - own
    # The exit status of the script becomes azd's.
    assert "if ($LASTEXITCODE -ne 0) {\n    throw" in launcher
