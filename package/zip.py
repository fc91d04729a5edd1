"""Writes a zip whose bytes depend only on its files: zip.py OUT.zip NAME[=FILE]...

Every file is executable. App Service ignores the permission where it does not need it, and a startup file without it is
a common fault.
"""

import os
import sys
import zipfile

# The earliest time that a zip can hold.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
EXECUTABLE = 0o100755 << 16
UNIX = 3


def main(out, *entries):
    new = out + ".new"
    with zipfile.ZipFile(new, "w") as archive:
        for entry in sorted(entries):
            name, _, file = entry.partition("=")
            info = zipfile.ZipInfo(name, TIMESTAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = EXECUTABLE
            info.create_system = UNIX
            with open(file or name, "rb") as content:
                archive.writestr(info, content.read(), compresslevel=9)
    os.replace(new, out)


main(*sys.argv[1:])
