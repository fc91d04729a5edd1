"""Checks the Dockerfile with a linter, and by running its steps without a container engine."""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dockerfile import copy_context, instructions

ROOT = Path(__file__).resolve().parents[2]
HADOLINT = Path(sys.executable).with_name("hadolint")
INSTRUCTIONS = instructions(ROOT / "Dockerfile")
# The user `nonroot` of distroless images.
NONROOT = 65532


def values(instruction):
    return [value for name, value in INSTRUCTIONS if name == instruction]


def test_the_linter_finds_nothing(tmp_path):
    checked = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian\nRUN cd /tmp && sudo apt-get install curl\n")
    assert subprocess.run([HADOLINT, wrong], capture_output=True).returncode != 0


def test_it_runs_unprivileged_and_has_a_health_check():
    assert values("USER") == [str(NONROOT)]
    assert len(values("HEALTHCHECK")) == 1
    assert values("FROM")[-1].endswith(":nonroot")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A root folder with the files of the last stage: the binary and the libraries that it loads."""
    context = tmp_path_factory.mktemp("context")
    copy_context(context)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    (build,) = values("RUN")
    # .cargo/config.toml is not copied. It does not affect what is built.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "MEMORY_SERVE_QUIET": "1"}
    built = subprocess.run(build, shell=True, cwd=context, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (copied,) = (value for value in values("COPY") if value.startswith("--from=build"))
    source, destination = copied.split()[1:]
    root = tmp_path_factory.mktemp("image")
    root.chmod(0o755)
    binary = root / destination.lstrip("/")
    binary.parent.mkdir(parents=True)
    shutil.copy2(target / source.removeprefix("/src/target/"), binary)
    loaded = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+)", loaded):
        (root / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library.lstrip("/"))
    home = root / "home/nonroot"
    home.mkdir(parents=True)
    if os.getuid() == 0:
        os.chown(home, NONROOT, NONROOT)
    return root


@pytest.mark.release
def test_its_files_start_and_pass_the_health_check(image):
    if os.getuid() != 0:
        pytest.skip("chroot needs root: run the tests as root to start the container's files")
    environment = dict(value.split("=", 1) for value in values("ENV"))
    environment |= {"HOST": "127.0.0.1"}
    (health,) = values("HEALTHCHECK")
    check = re.findall(r'"([^"]+)"', health.split("CMD", 1)[1])
    (entry,) = values("ENTRYPOINT")
    entry = re.findall(r'"([^"]+)"', entry)

    def inside(command):
        return [shutil.which("chroot"), f"--userspec={NONROOT}:{NONROOT}", image, *command]

    # The health check must know the port in advance. If another program takes it first, the next port is tried.
    for port in random.sample(range(20000, 30000), 20):
        environment["PORT"] = str(port)
        before = subprocess.run(inside(check), env=environment, capture_output=True, text=True)
        assert before.returncode == 1 and "not up" in before.stderr, before.stderr
        with subprocess.Popen(inside(entry), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as site:
            try:
                for _ in range(600):
                    checked = subprocess.run(inside(check), env=environment, capture_output=True, text=True)
                    if checked.returncode == 0 or site.poll() is not None:
                        break
                    time.sleep(0.1)
            finally:
                site.terminate()
                output = site.communicate()[0].decode()
        if "cannot listen on" not in output:
            break
    assert checked.returncode == 0, checked.stderr
    assert site.returncode == 0, output
