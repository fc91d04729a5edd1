"""Checks the package: it is small, runs on old images, is the same from every checkout, and lists all its components."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

pytestmark = pytest.mark.release

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000
# The oldest glibc that the package must run on.
FLOOR = (2, 28)
MUSL = "x86_64-unknown-linux-musl"


def package(checkout, *words):
    """Runs package.sh in a checkout, reusing the crates compiled for this one. Returns the folder of the results."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    made = subprocess.run(
        ["./package.sh", *words],
        cwd=checkout,
        env={**os.environ, "CARGO_TARGET_DIR": str(Path(target).resolve())},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return checkout / "dist"


@pytest.fixture(scope="module")
def dist():
    return package(ROOT)


@pytest.fixture(scope="module")
def binary(dist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(dist / "restaurant-review.zip") as archive:
        archive.extractall(folder)
    (folder / "restaurant-review").chmod(0o755)
    return folder / "restaurant-review"


def glibc_versions(binary):
    symbols = subprocess.run(["readelf", "--version-info", "--wide", binary], capture_output=True, text=True, check=True)
    return {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([\d.]+)", symbols.stdout)}


def test_the_zip_holds_only_the_needed_files(dist):
    file = dist / "restaurant-review.zip"
    assert file.stat().st_size <= 9 * MEGABYTE
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        entries = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        assert entries == {"restaurant-review": 0o755, "start.sh": 0o755, "requirements.txt": 0o755}
        assert archive.read("start.sh") == (ROOT / "start.sh").read_bytes()
        assert b"\r" not in archive.read("start.sh")


def test_the_binary_is_small(binary):
    assert binary.stat().st_size <= 18 * MEGABYTE


def test_the_binary_runs_on_old_images(binary):
    versions = glibc_versions(binary)
    assert versions and max(versions) <= FLOOR, max(versions)
    needed = subprocess.run(["readelf", "--dynamic", binary], capture_output=True, text=True, check=True).stdout
    libraries = set(re.findall(r"Shared library: \[([^]]+)", needed))
    assert libraries <= {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2"}
    output = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    assert output.startswith("restaurant-review ")


@pytest.fixture(scope="module")
def debian_11():
    """The root folder of a Debian 11, the oldest system among App Service's images (glibc 2.31)."""
    if os.getuid() != 0:
        pytest.skip("debootstrap and chroot need root: run the tests as root to start the package in a Debian 11")
    folder = ROOT / "target/test-tools/debian-11"
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", "bullseye", new], capture_output=True, text=True
        )
        assert made.returncode == 0, made.stdout + made.stderr
        new.rename(folder)
    return folder


def test_the_package_starts_and_serves_in_an_old_system(binary, debian_11):
    system = subprocess.run(["chroot", debian_11, "ldd", "--version"], capture_output=True, text=True, check=True).stdout
    assert "2.31" in system.splitlines()[0]
    app = debian_11 / "app"
    shutil.rmtree(app, ignore_errors=True)
    shutil.copytree(binary.parent, app)
    # A zip made on Windows loses the execute permission. start.sh restores it.
    (app / "restaurant-review").chmod(0o644)
    environment = {"PATH": "/usr/bin:/bin", "PORT": "0", "HOST": "127.0.0.1", "DATA_DIR": "/tmp/data"}
    command = [shutil.which("chroot"), debian_11, "/bin/sh", "/app/start.sh"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as site:
        try:
            output = ""
            for line in site.stdout:
                output += line
                if listening := re.search(r"listening on (http://[\w.:]+)", line):
                    break
            else:
                pytest.fail(output)
            # The site listens at once, and is ready when its tables exist.
            for _ in range(600):
                try:
                    with urllib.request.urlopen(listening[1] + "/") as page:
                        assert b"</html>" in page.read()
                    break
                except urllib.error.HTTPError as error:
                    assert error.code == 503
                    time.sleep(0.1)
            else:
                pytest.fail("the site did not become ready")
        finally:
            site.terminate()
    assert site.returncode == 0, "the site did not stop cleanly at SIGTERM"


def test_the_binary_does_not_contain_build_paths(binary):
    content = binary.read_bytes()
    for folder in (ROOT, Path.home() / ".cargo", os.environ.get("CARGO_HOME")):
        if folder:
            assert str(folder).encode() + b"/" not in content, folder


def test_another_checkout_produces_the_same_bytes(dist, tmp_path):
    before = {path.name: path.read_bytes() for path in dist.glob("restaurant-review.*")}
    assert set(before) == {"restaurant-review.zip", "restaurant-review.cdx.json"}
    # Uncommitted changes are copied as well, so that the test works before a commit.
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    changed = subprocess.run(["git", "ls-files", "-mo", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, changed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "clone" / name).write_bytes((ROOT / name).read_bytes())
    again = package(tmp_path / "clone")
    for name, content in before.items():
        assert (again / name).read_bytes() == content, name


def test_the_component_list_is_valid_and_complete(dist):
    text = (dist / "restaurant-review.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text.replace('"components"', '"parts"', 1)) is not None
    components = {component["name"]: component for component in json.loads(text)["components"]}
    for name in ("axum", "sqlx", "azure_identity", "azure_storage_blob", "rustls"):
        assert components[name]["purl"].startswith(f"pkg:cargo/{name}@")
        assert components[name]["hashes"]
    assert not components.keys() & {"local-azure", "shared-features"}, "the emulator is not part of the site"
    assert str(ROOT) not in text


@pytest.fixture(scope="module")
def local_azure():
    """The folder with the program of Local Azure and the files beside it."""
    installed = subprocess.run(["rustc", "--print", "target-libdir", "--target", MUSL], capture_output=True, text=True, check=True)
    if not Path(installed.stdout.strip()).is_dir():
        pytest.skip(f"Local Azure needs Rust's standard library for musl: rustup target add {MUSL}")
    return package(ROOT, "local-azure")


def test_local_azure_is_one_file_that_needs_no_library(local_azure):
    program = local_azure / "local-azure-x86_64"
    dynamic = subprocess.run(["readelf", "--dynamic", "--program-headers", program], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in dynamic and "INTERP" not in dynamic
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    assert output.startswith("local-azure ")
    assert str(ROOT).encode() + b"/" not in program.read_bytes()
    checked = subprocess.run(["sha256sum", "--check", f"{program.name}.sha256"], cwd=local_azure, capture_output=True)
    assert checked.returncode == 0


def test_the_component_list_of_local_azure_is_valid_and_complete(local_azure):
    text = (local_azure / "local-azure-x86_64.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    names = {component["name"] for component in json.loads(text)["components"]}
    assert {"axum", "ldap3_proto", "rcgen", "sqlx"} <= names and "shared-features" not in names
    assert str(ROOT) not in text
