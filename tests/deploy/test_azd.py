"""Checks what the Azure Developer CLI reads: azure.yaml and its hooks, according to azd's schema and source."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_azure_yaml():
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert set(project) == {"name", "metadata", "requiredVersions", "infra", "pipeline", "hooks", "services"}
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


def test_the_tutorials_service_in_a_container():
    [block] = re.findall(r"(?s)```yaml\n(web:.*?)```", (ROOT / "docs/tutorial.md").read_text())
    web = yaml.safe_load(block)["web"]
    # With these, azd pushes an image: Azure/azure-dev#8847. It packs no folder, so there is no `dist`.
    assert set(web) == {"project", "host", "language", "docker"}
    assert (web["host"], web["language"]) == ("appservice", "docker")
    assert set(web["docker"]) == {"path", "remoteBuild"} and (ROOT / web["docker"]["path"]).exists()


def test_azd_is_new_enough():
    needed = yaml.safe_load((ROOT / "azure.yaml").read_text())["requiredVersions"]["azd"]
    version = tuple(map(int, re.fullmatch(r">= (\d+)\.(\d+)\.(\d+)", needed).groups()))
    assert version >= (1, 20, 0), "language: custom"
    assert version >= (1, 31, 2), "a limit of the wait for the start: Azure/azure-dev#9489"
    assert f"azd {'.'.join(map(str, version))} or newer" in (ROOT / "docs/tutorial.md").read_text()


def test_the_pipeline_gets_every_variable_that_main_bicep_reads():
    """`azd pipeline config` looks for a workflow of that name."""
    [job] = yaml.safe_load((ROOT / ".github/workflows/azure-dev.yml").read_text())["jobs"].values()
    variables = yaml.safe_load((ROOT / "azure.yaml").read_text())["pipeline"]["variables"]
    # These are set by azd itself.
    by_azd = ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_ENV_NAME", "AZURE_LOCATION"]
    for name in by_azd + variables:
        assert job["env"].pop(name) == f"${{{{ vars.{name} }}}}"
    assert job["env"] == {"AZURE_PRINCIPAL_NAME": "restaurant-review-azd", "AZURE_PRINCIPAL_TYPE": "ServicePrincipal"}
    assert "azd pipeline config --principal-name restaurant-review-azd " in (ROOT / "docs/tutorial.md").read_text()
    read = re.findall(r"\$\{(\w+)", (ROOT / "infra/main.parameters.json").read_text())
    # azd knows the id of the account that is signed in.
    assert set(read) <= {*by_azd, *variables, *job["env"], "AZURE_PRINCIPAL_ID"}
    # An environment would give GitHub's token another subject than the one that azd makes Azure trust.
    assert "environment" not in job


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


@pytest.fixture
def postprovision(tmp_path):
    """Runs that hook against the fakes of az, psql and curl, and returns the calls of az."""
    (tmp_path / "made").mkdir()

    def run(**variables):
        (tmp_path / "calls").write_text("")
        outputs = re.findall(r"(?m)^output (\w+)", (ROOT / "infra/main.bicep").read_text())
        (tmp_path / "made/postgres flexible-server DB_SERVER_NAME").touch()
        done = subprocess.run(
            ["bash", "infra/hooks/postprovision.sh"],
            cwd=ROOT,
            env={
                **{name: name for name in outputs},
                "AZURE_PRINCIPAL_NAME": "ada@example.com",
                "PATH": f"{ROOT / 'tests/deploy/fake'}:/usr/bin:/bin",
                "FAKE": str(tmp_path),
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "calls").read_text()

    run.azures_rule = tmp_path / "made/postgres flexible-server firewall-rule AllowAzureServices"
    return run


def test_a_private_network_closes_the_database_to_azures_services(postprovision):
    postprovision.azures_rule.touch()
    calls = postprovision(PRIVATE_NETWORK="false")
    assert "identity_oid=IDENTITY_PRINCIPAL_ID" in calls and postprovision.azures_rule.exists()
    for _ in range(2):
        assert "psql" in postprovision(PRIVATE_NETWORK="true")
        assert not postprovision.azures_rule.exists()


def test_a_pipeline_leaves_the_directory_alone(postprovision):
    assert "az ad app update" in postprovision(ADMIN_PRINCIPALS="ada@example.com")
    assert "az ad " not in postprovision(ADMIN_PRINCIPALS="ada@example.com", CI="true")
