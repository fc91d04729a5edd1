"""The size of the program, and the duration of a clean build."""

from ..build import Built
from ..results import Goal, Row
from ..samples import number


def row(built: Built) -> Row:
    megabytes = built.size / 1e6
    took = "not measured" if built.seconds is None else f"clean release build in {number(built.seconds)} s"
    return Row(
        name="binary",
        what="Binary, stripped; clean release build",
        measured=f"{number(megabytes)} MB<br>{took}",
        goals=[
            Goal("≤ 18 MB", f"{number(megabytes)} MB", megabytes <= 18),
            Goal("build time reported", took, None),
        ],
        how="one build, with the crates already downloaded",
        text="All other rows are measured with this binary. 1 MB is 1,000,000 bytes.",
        figures={"bytes": built.size, "build_seconds": built.seconds},
    )
