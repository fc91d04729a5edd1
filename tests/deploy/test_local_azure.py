"""Checks how Local Azure is distributed: its image, the compose file and the GitHub Action. There is no container engine and
no GitHub here, so linters and schemas read the files, and the steps run without the tool that they are for."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from dockerfile import copy_context, instructions

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CRATE = ROOT / "crates/local-azure"
STEPS = instructions(CRATE / "Dockerfile")
COMPOSE = yaml.safe_load((CRATE / "compose.yml").read_text())
# The user `node` of Node.js's images.
NODE = 1000
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def values(instruction):
    return [value for name, value in STEPS if name == instruction]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)


def test_the_dockerfile():
    checked = run(BIN / "hadolint", CRATE / "Dockerfile")
    assert checked.returncode == 0, checked.stdout
    assert values("USER") == [str(NODE)]
    assert len(values("HEALTHCHECK")) == 1
    build, base = values("FROM")
    # One version of Rust in both images, and the Node.js that the workflows test with.
    assert ("FROM", build) in instructions(ROOT / "Dockerfile")
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (node,) = (step["with"]["node-version"] for step in ci["jobs"]["test"]["steps"] if "setup-node" in step.get("uses", ""))
    assert re.fullmatch(rf"node:{node}-\w+-slim", base)
    # The version of PostgreSQL in the examples.
    assert "--version 17 " in (ROOT / "examples/create.sh").read_text() and "postgresql-17 " in values("RUN")[1]


def test_the_compose_file():
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", CRATE / "compose.yml")
    assert checked.returncode == 0, checked.stdout
    services = COMPOSE["services"]
    for service in services.values():
        assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("user", str(NODE)) == str(NODE)
        assert re.fullmatch(r"local-azure|[\w-]+:[\w.-]+", service["image"])
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (CRATE / source).is_dir(), volume
    build = services["local-azure"]["build"]
    context = (CRATE / build["context"]).resolve()
    assert context == ROOT and (context / build["dockerfile"]).samefile(CRATE / "Dockerfile")
    # What listens on loopback is reached from the app, and from no other container.
    assert services["app"]["network_mode"] == "service:local-azure"
    assert all(port.startswith("127.0.0.1:") for port in services["local-azure"]["ports"])
    # The state's volume is where the image has it.
    (state,) = values("VOLUME")
    assert all(f"state:{state}" in volume for service in services.values() for volume in service["volumes"][:1])


def test_the_action():
    file = CRATE / "action.yml"
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", file)
    assert checked.returncode == 0, checked.stdout
    action = yaml.safe_load(file.read_text())
    for step in action["runs"]["steps"]:
        # An expression in a script would be run by the shell; a variable is not.
        assert "${{" not in step["run"] and step["shell"] == "bash"
        (script,) = re.findall(r'"\$GITHUB_ACTION_PATH/([\w.]+)"', step["run"])
        assert os.access(CRATE / script, os.X_OK)
    options = (CRATE / "src/up/options.rs").read_text()
    assert action["inputs"]["options"]["default"] == "--empty" and "pub empty: bool" in options


class Runner:
    """A GitHub runner. Its programs do what their scripts here say."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("bin", "temp", "workspace"):
            (folder / name).mkdir()
        self.program("sudo", "exit 0")

    def program(self, name, script):
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def action(self, *words):
        environment = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "RUNNER_TEMP": f"{self.folder}/temp",
            "GITHUB_ACTION_PATH": str(CRATE),
            "GITHUB_PATH": f"{self.folder}/path",
            "GITHUB_WORKSPACE": f"{self.folder}/workspace",
            "REPOSITORY": "contoso/reviews",
        }
        return run(CRATE / "action.sh", *words, env=environment, timeout=60)


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


# Stands for `gh release download` and `gh attestation verify`.
GH = """
case $1 in
release) cd "$7" && echo "#!/bin/sh" >"$9" && sha256sum "$9" >"${11}" && WHEN_DOWNLOADED ;;
attestation) test "$5" = contoso/reviews && WHEN_VERIFIED ;;
esac
"""


def test_the_action_installs_a_release(runner):
    runner.program("gh", GH.replace("WHEN_DOWNLOADED", "true").replace("WHEN_VERIFIED", "true"))
    done = runner.action("install", "v0.1.0")
    assert done.returncode == 0, done.stderr
    folder = Path((runner.folder / "path").read_text().strip())
    assert os.access(folder / "local-azure", os.X_OK)


@pytest.mark.parametrize("downloaded,verified", [('echo "exit 1" >>"$9"', "true"), ("true", "false")], ids=["changed", "not signed"])
def test_the_action_refuses_a_program_that_is_not_the_releases(downloaded, verified, runner):
    runner.program("gh", GH.replace("WHEN_DOWNLOADED", downloaded).replace("WHEN_VERIFIED", verified))
    assert runner.action("install", "v0.1.0").returncode != 0
    assert not (runner.folder / "path").exists()


def test_the_action_builds_the_program_of_its_commit(runner):
    runner.program("cargo", 'echo "$@" >"$RUNNER_TEMP/cargo"')
    done = runner.action("install", "")
    assert done.returncode == 0, done.stderr
    assert f"install --debug --locked --path {CRATE} " in (runner.folder / "temp/cargo").read_text()


def test_the_action_waits_until_it_runs(runner):
    runner.program("local-azure", 'case $1 in up) echo "$@"; touch up; sleep 2 ;; *) test -e up && echo "Local Azure is running." ;; esac')
    (runner.folder / "temp/local-azure").mkdir()
    done = runner.action("start", "--empty --store all")
    assert done.returncode == 0 and done.stdout == "up --empty --store all\n", done.stderr
    assert (runner.folder / "workspace/up").exists()


def test_the_action_shows_why_it_did_not_start(runner):
    runner.program("local-azure", '[ "$1" = up ] && echo "port 7443 is taken" >&2\nexit 1')
    (runner.folder / "temp/local-azure").mkdir()
    done = runner.action("start", "--empty")
    assert done.returncode == 1 and "port 7443 is taken" in done.stderr


# Makes the rest of the arguments process 1 of a container: namespaces, the image as the only file system, no
# capabilities, no way to any, and an environment of its own.
CONTAINER = """
root=$1 environment=$2; shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /dev dev
ip link set lo up
pivot_root . mnt
umount --lazy /mnt
cd /home/node
exec setpriv --reuid 1000 --regid 1000 --clear-groups --bounding-set -all --inh-caps -all --no-new-privs \
  env --ignore-environment $environment "$@"
"""


class Container:
    """A container of the image, which ends with the block."""

    def __init__(self, root, command):
        self.environment = " ".join([f"PATH={PATH}", *values("ENV")])
        self.output = root.parent / "output"
        namespaces = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*namespaces, "sh", "-euc", CONTAINER, "sh", root, self.environment, *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def first(self):
        """The id of process 1, as seen from outside."""
        while self.process.poll() is None:
            if children := Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                return children[0]
            time.sleep(0.05)
        pytest.fail(self.output.read_text())

    def run(self, script):
        """What `docker exec` does."""
        user = ["--setuid", str(NODE), "--setgid", str(NODE)]
        return run(
            "nsenter", "--target", self.first(), "--mount", "--pid", "--net", "--ipc", "--uts", "--root", *user,
            "env", "--ignore-environment", *self.environment.split(), "sh", "-euc", f"cd /home/node\n{script}",
        )

    def say(self, script):
        done = self.run(script)
        assert done.returncode == 0, done.stdout + done.stderr + self.output.read_text()
        return done.stdout

    def wait_until_healthy(self):
        (health,) = values("HEALTHCHECK")
        check = shlex.join(json.loads(health.split("CMD ", 1)[1]))
        for _ in range(600):
            assert self.process.poll() is None, self.output.read_text()
            if self.run(check).returncode == 0:
                return
            time.sleep(0.2)
        pytest.fail(self.output.read_text())

    def stop(self):
        """What `docker stop` does. Returns the exit code."""
        run("kill", "-s", "TERM", self.first())
        return self.process.wait(timeout=60)


def words(instruction):
    (value,) = values(instruction)
    return json.loads(value)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program that the first stage builds."""
    context = tmp_path_factory.mktemp("context")
    copy_context(context)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    built = run(
        "sh", "-ec", values("RUN")[0],
        cwd=context, env={**os.environ, "CARGO_TARGET_DIR": str(target), "MEMORY_SERVE_QUIET": "1"},
    )
    assert built.returncode == 0, built.stderr
    return target / "release/local-azure"


@pytest.fixture(scope="module")
def image(program, tmp_path_factory):
    """The root folder of the image, after the steps of its last stage. A Debian 13 with this machine's Node.js and the user
    `node` stands for its base."""
    if os.getuid() != 0:
        pytest.skip("debootstrap and namespaces need root: run the tests as root to start the image's files")
    base = ROOT / "target/test-tools/debian-13"
    if not base.exists():
        new = base.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(parents=True, exist_ok=True)
        made = run("debootstrap", "--variant=minbase", "trixie", new)
        assert made.returncode == 0, made.stdout + made.stderr
        new.rename(base)
    root = tmp_path_factory.mktemp("image") / "root"
    root.parent.parent.chmod(0o755)
    root.parent.chmod(0o755)
    assert run("cp", "--archive", base, root).returncode == 0
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copy(shutil.which("node"), root / "usr/local/bin/node")
    npm = Path(shutil.which("npm")).resolve().parents[1]
    shutil.copytree(npm, root / "usr/local/lib/node_modules/npm", symlinks=True)
    (root / "usr/local/bin/npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")
    assert run("chroot", root, "useradd", "--create-home", "--uid", NODE, "node").returncode == 0
    environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
    if authorities := os.environ.get("NODE_EXTRA_CA_CERTS"):
        # Those of this machine's network.
        shutil.copy(authorities, root / "tmp/authorities.pem")
        environment["NODE_EXTRA_CA_CERTS"] = "/tmp/authorities.pem"
    user, folder = "0", "/"
    for name, value in STEPS[[step[0] for step in STEPS].index("FROM", 1) :]:
        match name:
            case "USER":
                user = value
            case "ENV":
                environment |= [value.split("=", 1)]
            case "WORKDIR":
                folder = value
            case "COPY":
                shutil.copy(program, root / value.split()[-1].lstrip("/"))
            case "RUN":
                script = 'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot --userspec "$1:$1" "$0" sh -ec "cd $2; $3"'
                done = run("unshare", "--mount", "sh", "-ec", script, root, user, folder, value, env=environment)
                assert done.returncode == 0, done.stdout + done.stderr
    return root


# A program of the app beside Local Azure: it signs in with its identity, and uses both stores.
APP = r"""
. .local-azure/files.sh
token() {
  node -e 'fetch(`${process.env.IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=${process.argv[1]}`,
    {headers: {"X-IDENTITY-HEADER": process.env.IDENTITY_HEADER}})
    .then((answer) => answer.json()).then((token) => console.log(token.access_token))' "$1"
}
PGPASSWORD=$(token https://ossrdbms-aad.database.windows.net) PGSSLMODE=verify-full \
  psql --no-psqlrc --quiet --command "create table if not exists note ()"
node -e 'fetch(`${process.env.STORAGE_URL}/files/hello.txt`, {method: "PUT", body: "Hello!", headers: {
  authorization: `Bearer ${process.argv[1]}`, "x-ms-version": "2025-01-05", "x-ms-blob-type": "BlockBlob"}})
  .then((answer) => console.log(answer.status))' "$(token https://storage.azure.com)"
"""


@pytest.mark.release
def test_it_runs_without_capabilities_by_addresses(image):
    command = words("ENTRYPOINT") + words("CMD")
    assert "--addresses" in command
    (settings,) = COMPOSE["services"]["settings"]["command"]
    for _ in range(2):  # a stopped container continues with its state
        with Container(image, command) as container:
            container.wait_until_healthy()
            assert container.say("id --user").strip() == str(NODE)
            assert container.say("grep CapEff /proc/self/status").split()[1].strip("0") == ""
            container.say(settings.replace("$$", "$"))
            assert container.say(APP) == "201\n"
            assert container.stop() == 0, container.output.read_text()


@pytest.mark.release
def test_it_runs_with_azures_names_where_namespaces_are_allowed(image):
    with Container(image, [*words("ENTRYPOINT"), "up", "--empty"]) as container:
        container.wait_until_healthy()
        said = container.say("local-azure shell -- node -e 'fetch(\"https://management.azure.com/subscriptions?api-version=2022-12-01\")"
                             ".then((answer) => console.log(answer.status))'")
        assert said == "401\n"
        assert container.stop() == 0, container.output.read_text()
