"""Checks what the Azure Developer CLI reads: azure.yaml and its hooks, according to azd's schema and source."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


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
