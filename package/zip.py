"""Writes a zip whose bytes depend on its files alone: zip.py OUT.zip NAME[=FILE]...

Every file may be run: App Service ignores what it does not need, and a startup file that lost its right to run is a
frequent fault.
"""

import os
import sys
import zipfile

# The oldest moment that a zip can name.
MOMENT = (1980, 1, 1, 0, 0, 0)
RUNNABLE = 0o100755 << 16
UNIX = 3


def main(out, *entries):
    new = out + ".new"
    with zipfile.ZipFile(new, "w") as archive:
        for entry in sorted(entries):
            name, _, file = entry.partition("=")
            info = zipfile.ZipInfo(name, MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = RUNNABLE
            info.create_system = UNIX
            with open(file or name, "rb") as content:
                archive.writestr(info, content.read(), compresslevel=9)
    os.replace(new, out)


main(*sys.argv[1:])
