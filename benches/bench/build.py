"""Builds the programs to measure."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from .commands import Commands
from .paths import OUT
from .plan import Plan


@dataclass(frozen=True)
class Built:
    programs: Path
    """The folder with the site's binary and `examples/`."""
    size: int
    seconds: float | None
    """The duration of the clean build, or `None` if the build was not clean."""


def build(commands: Commands, plan: Plan) -> Built:
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target")) if plan.quick else OUT / "build"
    environment = {} if plan.quick else {"CARGO_TARGET_DIR": str(target)}
    if not plan.quick and target.exists():
        shutil.rmtree(target)
    commands.run(["cargo", "fetch", "--locked"])
    start = time.monotonic()
    # As it is deployed: without the features that only the tests share.
    commands.run(
        ["cargo", "build", "--release", "--locked", "--offline", "--no-default-features", "--package", "restaurant-review"],
        environment,
    )
    seconds = time.monotonic() - start
    commands.run(["cargo", "build", "--release", "--locked", "--offline", "--no-default-features", "--examples"], environment)
    programs = target / "release"
    size = (programs / "restaurant-review").stat().st_size
    return Built(programs, size, None if plan.quick else seconds)
