"""The site, run by callgrind, and a client that counts what a request takes."""

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
    """The site's, with nothing of ours in it: a production instance with one worker, so that threads vary little."""
    return {
        "PATH": os.environ["PATH"],
        "WEBSITE_HOSTNAME": "restaurant-review.azurewebsites.net",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "TOKIO_WORKER_THREADS": "1",
        **settings,
    }


def fill(binary, settings):
    """Makes the tables and adds demo data, always the same."""
    subprocess.run([binary, "seed"], env=environment(settings), cwd="/", check=True)


class Site:
    def __init__(self, name, binary, settings):
        self.name, self.binary, self.environment = name, binary, environment(settings)
        self.dumps = 0

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        log = self.folder / "log"
        # vgdb's files are named after variables of the environment too, so vgdb is given the same.
        self.vgdb_files = f"--vgdb-prefix={self.folder}/vgdb"
        # On one processor, with its threads in turn, they wake each other in much the same way every time.
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
        """Connects once it listens, and waits until its store is ready."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            listening = re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text())
            if listening:
                self.connection = http.client.HTTPConnection("127.0.0.1", int(listening[1]), timeout=60)
                if self.answer("GET", "/readyz")[0].status == 200:
                    return
                self.connection.close()
            time.sleep(0.1)
        raise SystemExit(f"The site does not become ready:\n{log.read_text()}")

    # --- Asking ---------------------------------------------------------------------------------------------

    def answer(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def get(self, path, gzip=True, headers=None, status=200):
        headers = {"Accept-Encoding": "gzip" if gzip else "identity", **(headers or {})}
        response, body = self.answer("GET", path, headers=headers)
        if response.status != status:
            raise SystemExit(f"{self.name}: GET {path} answers {response.status}, not {status}")
        return Answer(body, response.headers["ETag"])

    def post_review(self, restaurant):
        """Adds a review without a photo, as a browser sends it."""
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
            raise SystemExit(f"{self.name}: a review is answered with {response.status}, not 303")

    # --- Counting -------------------------------------------------------------------------------------------

    def count(self, ask, requests):
        """Asks so many times; the instructions that the site took for each since the last count."""
        for _ in range(requests):
            ask()
        # callgrind writes down what it counted, and begins at zero.
        command = ["vgdb", f"--pid={self.process.pid}", self.vgdb_files, "--max-invoke-ms=10", "dump"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise SystemExit(f"callgrind does not answer: {done.stderr}")
        self.dumps += 1
        total = re.search(r"^summary: (\d+)$", self.last_dump().read_text(), re.MULTILINE)
        return round(int(total[1]) / requests)

    def last_dump(self):
        return Path(f"{self.folder}/dump.{self.dumps}")

    def keep_last_profile(self, file):
        file.write_bytes(self.last_dump().read_bytes())
