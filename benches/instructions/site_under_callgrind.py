"""Runs the site in callgrind, and counts the instructions of requests."""

import http.client
import os
import re
import subprocess
import tempfile
import time
import uuid
from collections import namedtuple
from pathlib import Path

Answer = namedtuple("Answer", "body etag")


def environment(settings):
    """The environment of a production instance, without our own variables. It has one worker, to limit variation."""
    return {
        "PATH": os.environ["PATH"],
        "WEBSITE_HOSTNAME": "restaurant-review.azurewebsites.net",
        "ALLOW_LOCAL_DATA": "1",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "TOKIO_WORKER_THREADS": "1",
        **settings,
    }


def fill(binary, settings):
    """Creates the tables and adds demo data, which is always the same."""
    subprocess.run([binary, "seed"], env=environment(settings), cwd="/", check=True)


class Site:
    def __init__(self, name, binary, settings):
        self.name, self.binary, self.environment = name, binary, environment(settings)
        self.dumps = 0

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        log = self.folder / "log"
        # vgdb derives the names of its files from environment variables too, so it gets the same environment.
        self.vgdb_files = f"--vgdb-prefix={self.folder}/vgdb"
        # On one processor with fair scheduling, the threads wake each other in nearly the same way every time.
        command = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
        command += ["valgrind", "-q", "--tool=callgrind", "--fair-sched=yes"]
        command += [f"--callgrind-out-file={self.folder}/dump", self.vgdb_files, self.binary]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            self.await_ready(log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.temporary.cleanup()

    def await_ready(self, log):
        """Connects once the site listens, and waits until its store is ready."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            listening = re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text())
            if listening:
                self.connection = http.client.HTTPConnection("127.0.0.1", int(listening[1]), timeout=60)
                if self.answer("GET", "/readyz")[0].status == 200:
                    return
                self.connection.close()
            time.sleep(0.1)
        raise SystemExit(f"The site did not become ready:\n{log.read_text()}")

    # --- Requests -------------------------------------------------------------------------------------------

    def answer(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def get(self, path, gzip=True, headers=None, status=200):
        headers = {"Accept-Encoding": "gzip" if gzip else "identity", **(headers or {})}
        response, body = self.answer("GET", path, headers=headers)
        if response.status != status:
            raise SystemExit(f"{self.name}: GET {path} answered {response.status} instead of {status}")
        return Answer(body, response.headers["ETag"])

    def post_review(self, restaurant):
        """Posts a review without a photo, as a browser does."""
        fields = {
            "form_id": str(uuid.uuid4()),
            "user_name": "Ada",
            "rating": "5",
            "review_text": "The bread is warm, the soup is thick, and nobody hurries you. We shall come back.",
        }
        part = '--boundary\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        body = "".join(part.format(name, value) for name, value in fields.items()) + "--boundary--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=boundary"}
        response, _ = self.answer("POST", f"/review/{restaurant}", body.encode(), headers)
        if response.status != 303:
            raise SystemExit(f"{self.name}: POST /review/{restaurant} answered {response.status} instead of 303")

    # --- Counting -------------------------------------------------------------------------------------------

    def count(self, request, requests):
        """Calls `request` this many times. Returns the instructions per request since the last count."""
        for _ in range(requests):
            request()
        # callgrind writes its counts to a file and resets them.
        command = ["vgdb", f"--pid={self.process.pid}", self.vgdb_files, "--max-invoke-ms=10", "dump"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise SystemExit(f"callgrind did not answer: {done.stderr}")
        self.dumps += 1
        total = re.search(r"^summary: (\d+)$", self.last_dump().read_text(), re.MULTILINE)
        return round(int(total[1]) / requests)

    def last_dump(self):
        return Path(f"{self.folder}/dump.{self.dumps}")

    def keep_last_profile(self, file):
        file.write_bytes(self.last_dump().read_bytes())
