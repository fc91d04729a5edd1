"""Checks the unit for virtual machines: its exposure by systemd's rules, and the site under a real systemd."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "infra/restaurant-review.service"
PHOTO = ROOT / "crates/local-azure/tests/up/orange.png"
INSTALLED = "/opt/restaurant-review/restaurant-review"
# The most that the unit may be exposed, on a scale of 0 to 10.
EXPOSURE = 1.2

# Starts systemd as the first process of namespaces of its own, in which only the site runs. All that it writes stays in
# memory: its root folder is a copy on write of the machine's.
START = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/written /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/written,workdir=/mnt/work /mnt/root
mkdir -p /mnt/root/opt/restaurant-review /mnt/root/mnt
cp "$1" /mnt/root/usr/lib/systemd/system/restaurant-review.service
cp "$2" /mnt/root/opt/restaurant-review/restaurant-review
echo PORT=8123 >/mnt/root/etc/restaurant-review.env
mkdir -p /mnt/root/etc/systemd/system/restaurant-review.service.d
printf '[Service]\\nStandardOutput=append:/run/site.log\\n' >/mnt/root/etc/systemd/system/restaurant-review.service.d/log.conf
cd /mnt/root
rm -rf etc/systemd/system/*.wants usr/lib/systemd/system/*.wants
for folder in dev run tmp; do mount -t tmpfs tmpfs "$folder"; done
mkdir dev/shm dev/mqueue dev/hugepages dev/pts
mount -t devpts -o newinstance devpts dev/pts
ln -s pts/ptmx dev/ptmx
for device in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
  mknod -m 666 "dev/${device%% *}" c ${device#* }
done
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
pivot_root . mnt
umount -l /mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --system --unit=restaurant-review.service --log-target=console
"""

# What a visitor does, in the network of the site.
VISIT = r"""
import http.client, sys
site = http.client.HTTPConnection("127.0.0.1", 8123, timeout=60)
def post(path, fields, photo=None):
    boundary = "b0undary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    if photo:
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="reviewImage"; filename="a.png"\r\n\r\n'.encode() + photo + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    site.request("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    answer = site.getresponse()
    answer.read()
    assert answer.status == 303, (path, answer.status)
    return answer.headers["Location"]
path = post("/add", {"restaurant_name": "Contoso", "street_address": "1 Road", "description": "Fish"})
photo = open(sys.argv[1], "rb").read()
post("/review" + path.rstrip("/"), {"user_name": "Ada", "rating": "5", "review_text": "Good"}, photo)
site.request("GET", path)
page = site.getresponse().read().decode()
assert "Ada" in page and "/photos/" in page, page
"""


def test_the_unit_gives_little_away():
    checked = subprocess.run(["systemd-analyze", "security", "--offline=true", UNIT], capture_output=True, text=True)
    exposure = re.search(r"Overall exposure level .*: ([\d.]+)", checked.stdout)
    assert exposure, checked.stdout + checked.stderr
    assert float(exposure[1]) <= EXPOSURE, checked.stdout


@pytest.fixture
def inside(tmp_path):
    """Runs a command in the namespaces of a systemd that runs the unit."""
    if os.geteuid() != 0:
        pytest.skip("systemd needs root: run the tests as root to run the site under systemd")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    binary = target / "debug/restaurant-review"
    subprocess.run(["cargo", "build", "--quiet"], cwd=ROOT, check=True)
    log = tmp_path / "systemd.log"
    namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup", "--net"]
    with log.open("w") as output:
        systemd = subprocess.Popen(["unshare", *namespaces, "sh", "-c", START, "sh", UNIT, binary], stdout=output, stderr=output)

    def run(*command, namespaces=("--mount", "--pid", "--net")):
        first = Path(f"/proc/{systemd.pid}/task/{systemd.pid}/children").read_text().strip()
        return subprocess.run(["nsenter", "--target", first, *namespaces, "--", *command], capture_output=True, text=True)

    try:
        # Four minutes, on any machine.
        for _ in range(480):
            assert systemd.poll() is None, log.read_text()
            answer = run("env", "PORT=8123", INSTALLED, "healthcheck")
            if answer.returncode == 0:
                break
            time.sleep(0.5)
        else:
            pytest.fail(answer.stderr + log.read_text() + run("cat", "/run/site.log").stdout)
        yield run
    finally:
        systemd.kill()
        systemd.wait()


def test_the_site_runs_under_the_restrictions(inside):
    def shown(name):
        answer = inside("systemctl", "show", "--property", name, "--value", "restaurant-review")
        return answer.stdout.strip()

    visited = inside("python3", "-c", VISIT, PHOTO, namespaces=("--net",))
    assert visited.returncode == 0, visited.stderr

    process = shown("MainPID")
    status = inside("cat", f"/proc/{process}/status").stdout
    assert re.search(r"^NoNewPrivs:\s1$", status, re.MULTILINE), status
    assert re.search(r"^Seccomp:\s2$", status, re.MULTILINE), status
    assert re.search(r"^CapBnd:\s0+$", status, re.MULTILINE), status
    assert int(re.search(r"^Uid:\s(\d+)", status, re.MULTILINE)[1]) > 0, status
    mounts = [line.split() for line in inside("cat", f"/proc/{process}/mountinfo").stdout.splitlines()]
    options = {fields[4]: fields[5].split(",") for fields in mounts}
    assert "ro" in options["/"], options
    data = "/var/lib/private/restaurant-review"
    assert "rw" in options[data], options

    modes = inside("find", data, "-printf", "%m %y %P\n").stdout
    for mode, kind, _ in (line.split(" ", 2) for line in modes.splitlines()):
        assert mode == ("700" if kind == "d" else "600"), modes
    assert "restaurants.sqlite3" in modes, modes

    # It ends by itself when it is told to.
    inside("systemctl", "stop", "restaurant-review")
    assert (shown("ActiveState"), shown("Result")) == ("inactive", "success")
