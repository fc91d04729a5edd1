"""Local Azure for the tests of an app in Python. A session of pytest starts one of its own."""

import http.client
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

CREATE = Path(__file__).with_name("create.sh")
NAME = "files-of-a-test"
PARTS = ("https", "http", "entra", "identity", "blob", "postgres")
# Seconds. The first start installs Azurite.
START_LIMIT = 300


class Site:
    """The deployed app."""

    def __init__(self, local_azure):
        self.local_azure = local_azure
        # The name localhost stands for the only app.
        self.port = int(re.search(r"http://localhost:(\d+)", local_azure("status")).group(1))

    def request(self, method, path, body=None):
        """The status and the text of the answer."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=60)
        connection.request(method, path, body)
        answer = connection.getresponse()
        if answer.status >= 500:
            # pytest shows it if the test fails.
            print(self.local_azure("logs", NAME, "-n", "20"))
        return answer.status, answer.read().decode()

    def settings(self):
        lines = self.local_azure("app", "settings", NAME).splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="session")
def local_azure():
    """A function that runs `local-azure` with these words and returns the output. The subscription is empty, and all
    ports are free ones."""
    with tempfile.TemporaryDirectory() as folder:
        program = ["local-azure", "--state", f"{folder}/state"]

        def run(*words):
            done = subprocess.run([*program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        def is_running():
            status = subprocess.run([*program, "status"], capture_output=True, text=True)
            return "Local Azure is running." in status.stdout

        ports = [f"--{part}-port=0" for part in PARTS]
        up = subprocess.Popen([*program, "up", "--empty", *ports], stdout=subprocess.DEVNULL)
        try:
            start = time.monotonic()
            while not is_running():
                assert up.poll() is None and time.monotonic() - start < START_LIMIT, "local-azure does not start"
                time.sleep(0.2)
            yield run
        finally:
            up.terminate()
            up.wait()


@pytest.fixture(scope="session")
def deploy(local_azure):
    """A function that creates what an app needs, deploys these files of the present folder, and returns the site."""

    def deploy(runtime, files, startup_command=""):
        local_azure("shell", "--", str(CREATE), NAME, runtime, startup_command)
        with tempfile.TemporaryDirectory() as folder:
            package = f"{folder}/app.zip"
            subprocess.run([sys.executable, "-m", "zipfile", "--create", package, *files], check=True)
            local_azure("deploy", NAME, package)
        return Site(local_azure)

    return deploy
