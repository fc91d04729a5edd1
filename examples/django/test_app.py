"""The app on Local Azure: python3 -m pytest"""

import pytest

FILES = ["manage.py", "files", "requirements.txt"]
STARTUP_COMMAND = "python manage.py migrate && exec gunicorn files.wsgi"


@pytest.fixture(scope="session")
def site(deploy):
    return deploy("PYTHON:3.13", FILES, STARTUP_COMMAND)


def test_a_file_is_kept(site):
    assert site.request("PUT", "/hello.txt", b"Hello!") == (204, "")
    assert site.request("GET", "/") == (200, "hello.txt 6\n")
    assert site.request("GET", "/hello.txt") == (200, "Hello!")
    assert site.request("GET", "/other.txt")[0] == 404


def test_no_setting_is_a_secret(site):
    names = {"PGHOST", "PGDATABASE", "PGUSER", "STORAGE_URL", "SCM_DO_BUILD_DURING_DEPLOYMENT"}
    assert set(site.settings()) == names


def test_the_identity_needs_its_role(site, local_azure):
    local_azure("faults", "role=removed")
    assert site.request("GET", "/hello.txt")[0] == 500
    local_azure("faults", "--clear")
    assert site.request("GET", "/hello.txt") == (200, "Hello!")
