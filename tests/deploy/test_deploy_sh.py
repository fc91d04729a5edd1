"""Runs infra/deploy.sh against fakes of az, psql and curl that record their calls."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the-token-is-secret"


class Deployment:
    """A copy of the files that the script needs, and an empty Azure."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        shutil.copytree(ROOT / "infra", folder / "infra")
        package = folder / "package.sh"
        package.write_text("#!/bin/sh\nmkdir -p dist && echo zip >dist/restaurant-review.zip\n")
        package.chmod(0o755)
        self.fake = folder / "fake"
        self.fake.mkdir()

    def run(self, *arguments, answer="", fakes=True, **variables):
        (self.fake / "count").unlink(missing_ok=True)
        (self.fake / "calls").write_text("")
        path = f"{ROOT / 'tests/deploy/fake'}:/usr/bin:/bin" if fakes else str(self.fake / "nothing")
        bash = shutil.which("bash")
        done = subprocess.run(
            [bash, "infra/deploy.sh", *arguments],
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "FAKE": str(self.fake), **variables},
            input=answer,
            capture_output=True,
            text=True,
            timeout=60,
        )
        for text in (done.stdout, done.stderr, self.calls):
            assert SECRET not in text
        return done

    @property
    def calls(self):
        return (self.fake / "calls").read_text()

    def call_count(self):
        return int((self.fake / "count").read_text())

    def fail_at(self, number):
        (self.fake / "fail-at").write_text(str(number))

    def stop_failing(self):
        (self.fake / "fail-at").unlink()

    def rules_left(self):
        """The firewall rules that still admit this machine."""
        return list((self.fake / "made").glob("*firewall-rule database-sh"))

    def azure_is_admitted(self):
        return (self.fake / "made/postgres flexible-server firewall-rule AllowAzureServices").exists()

    def state(self):
        return (self.folder / ".azure/deploy.env").read_text()


@pytest.fixture
def deployment(tmp_path):
    return Deployment(tmp_path)


def test_a_full_run_and_a_second_one(deployment):
    first = deployment.run()
    assert first.returncode == 0, first.stderr
    assert "The site is running: https://restaurant-review-" in first.stdout
    assert "-a1b2.eastus-01.azurewebsites.net" in first.stdout
    calls, state = deployment.calls, deployment.state()
    settings = next(line for line in calls.splitlines() if "appsettings set" in line)
    for setting in (
        "DBHOST=restaurant-review-db-",
        "DBNAME=restaurant",
        "DBUSER=restaurant-review-identity",
        "STORAGE_ACCOUNT_NAME=restaurantreview",
        "STORAGE_CONTAINER_NAME=photos",
        "AZURE_CLIENT_ID=22222222",
        "SCM_DO_BUILD_DURING_DEPLOYMENT=false",
    ):
        assert setting in settings
    assert "identity_oid=33333333" in calls
    assert "--password-auth Disabled" in calls
    assert "--client-affinity-enabled false" in calls
    assert "password" not in calls.replace("--password-auth", "").replace("--no-password", "").lower()
    # The code is deployed last, so that it starts with its settings.
    assert calls.index("appsettings set") < calls.index("webapp deploy")
    assert not deployment.rules_left()

    again = deployment.run()
    assert again.returncode == 0, again.stderr
    assert deployment.state() == state
    for command in ("postgres flexible-server create", "webapp create", "storage account create"):
        assert command in calls and command not in deployment.calls


def test_the_staff_pages_are_opened_only_if_somebody_is_named(deployment):
    assert deployment.run().returncode == 0
    for command in ("az ad app", "az ad sp", "az rest", "ADMIN_PRINCIPALS"):
        assert command not in deployment.calls
    # Named once, they stay named.
    for principals in ({"ADMIN_PRINCIPALS": "ada@example.com,Staff"}, {}):
        done = deployment.run(**principals)
        assert done.returncode == 0, done.stderr
        calls = deployment.calls
        assert "ADMIN_PRINCIPALS=ada@example.com\\,Staff OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID=22222222-" in calls
        name = next(line for line in deployment.state().splitlines() if line.startswith("APP_NAME=")).partition("=")[2]
        assert f"--web-redirect-uris https://{name}-a1b2.eastus-01.azurewebsites.net/.auth/login/aad/callback" in calls
        assert "azurewebsites" in calls and "secret" not in calls.replace("clientSecretSettingName", "").lower()
        trust = [line for line in calls.splitlines() if "ad app federated-credential create" in line]
        # One credential is enough.
        assert len(trust) == (1 if principals else 0)
        assert all("33333333-" in line and "55555555-" in line for line in trust)
        [settings] = [line for line in calls.splitlines() if line.startswith("az rest --method put")]
        assert "/config/authsettingsV2" in settings and "44444444-" in settings and "55555555-" in settings
        assert "_ID" not in settings.replace("ASSERTION_CLIENTID", "")
        # The settings come before authentication, which makes the site believe who is signed in.
        assert calls.index("ADMIN_PRINCIPALS=") < calls.index("az rest")
    assert deployment.run("--delete", answer="restaurant-review\n").returncode == 0
    assert "az ad app delete --id 44444444-" in deployment.calls


def test_it_continues_after_a_failure_of_any_step(tmp_path):
    whole = Deployment(tmp_path / "whole")
    staff = {"ADMIN_PRINCIPALS": "ada@example.com"}
    assert whole.run(**staff).returncode == 0
    steps = whole.call_count()
    assert steps > 35

    def fail_and_continue(step):
        deployment = Deployment(tmp_path / str(step))
        deployment.fail_at(step)
        failed = deployment.run(**staff)
        assert failed.returncode != 0, f"step {step} failed, but the script did not"
        assert "The site is running:" not in failed.stdout
        assert failed.stderr.strip(), f"step {step} failed without a message"
        deployment.stop_failing()
        again = deployment.run(**staff)
        assert again.returncode == 0, f"after a failure at step {step}: {again.stderr}"
        assert not deployment.rules_left()
        assert deployment.azure_is_admitted()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail_and_continue, range(1, steps + 1)))


def test_a_failing_psql_closes_the_firewall_again(deployment):
    (deployment.fake / "psql-fails").touch()
    failed = deployment.run()
    assert failed.returncode != 0 and "connection refused" in failed.stderr
    assert not deployment.rules_left()
    (deployment.fake / "psql-fails").unlink()
    assert deployment.run().returncode == 0


def test_a_version_that_does_not_start_is_a_failure(deployment):
    (deployment.fake / "does-not-start").touch()
    failed = deployment.run()
    assert failed.returncode != 0 and "failed to start" in failed.stderr and "az webapp log tail" in failed.stderr
    # The version that ran before still answers, so the site must not be asked.
    assert "azurewebsites.net/readyz" not in deployment.calls
    (deployment.fake / "does-not-start").unlink()
    assert deployment.run().returncode == 0


def test_a_dry_run_runs_no_command(deployment):
    done = deployment.run("--dry-run", fakes=True)
    assert done.returncode == 0, done.stderr
    assert deployment.calls == ""
    assert not (deployment.folder / ".azure").exists()
    assert done.stdout.count("\naz ") > 25
    assert "infra/database.sql" in done.stdout


def test_names_can_be_chosen_and_are_kept(deployment):
    assert deployment.run(LOCATION="westeurope", APP_NAME="contoso-reviews").returncode == 0
    assert "APP_NAME=contoso-reviews" in deployment.state()
    assert deployment.run().returncode == 0
    assert "--location westeurope" in deployment.calls and "--name contoso-reviews" in deployment.calls


def test_f1_has_no_always_on(deployment):
    assert deployment.run(PLAN_SKU="F1").returncode == 0
    assert "--always-on false" in deployment.calls


def test_delete_asks_for_confirmation(deployment):
    nothing = deployment.run("--delete")
    assert nothing.returncode != 0 and "nothing to delete" in nothing.stderr
    assert deployment.run().returncode == 0
    for answer in ("", "y\n", "yes\n"):
        kept = deployment.run("--delete", answer=answer)
        assert kept.returncode != 0 and "Nothing was deleted" in kept.stderr
        assert "group delete" not in deployment.calls
    gone = deployment.run("--delete", answer="restaurant-review\n")
    assert gone.returncode == 0, gone.stderr
    assert "az group delete --name restaurant-review --yes" in deployment.calls
    assert not (deployment.folder / ".azure/deploy.env").exists()


def test_a_missing_program_is_named(deployment, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("dirname", "sed", "bash"):
        (tools / tool).symlink_to(shutil.which(tool))
    fakes = ROOT / "tests/deploy/fake"
    needed = ("az", "psql", "python3", "git", "curl")
    for missing in needed:
        for tool in needed:
            link = tools / tool
            link.unlink(missing_ok=True)
            if tool != missing:
                fake = fakes / tool
                link.symlink_to(fake if fake.exists() else shutil.which(tool))
        done = subprocess.run(
            [shutil.which("bash"), "infra/deploy.sh"],
            cwd=deployment.folder,
            env={"PATH": str(tools), "FAKE": str(deployment.fake)},
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0 and done.stderr.startswith(f"{missing} is not installed."), done.stderr
        assert not (deployment.folder / ".azure").exists()


def test_an_unknown_option_is_refused(deployment):
    done = deployment.run("--now")
    assert done.returncode != 0 and "unknown option: --now" in done.stderr
    assert "infra/deploy.sh --delete" in done.stderr
    assert os.listdir(deployment.folder).count(".azure") == 0
