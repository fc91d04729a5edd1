"""Decodes pictures with Pillow (libjpeg-turbo, libwebp, LittleCMS and its own PNG), for tests to compare with.

Usage: reference.py HOW FOLDER. For each file FOLDER/NAME it writes FOLDER/NAME.decoded: a line "MODE WIDTH HEIGHT" and
the samples, or a line "refused REASON".

HOW is one of
- stored: the samples in the mode of the file ("L", "RGB", "RGBA", "CMYK" with 255 = full ink, ...);
- rgb: the same in RGB, without a look at profile and orientation;
- shown: as a browser shows it: upright, by the embedded profile in sRGB, on white where it is transparent.
"""

import io
import sys
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

Image.MAX_IMAGE_PIXELS = None
SRGB = ImageCms.createProfile("sRGB")
# The colour space of a profile that fits pictures of this mode.
SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def stored(picture):
    return picture


def rgb(picture):
    return picture.convert("RGB")


def shown(picture):
    profile = picture.info.get("icc_profile")
    picture = eight_bits(ImageOps.exif_transpose(picture))
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    colours = in_srgb(picture.convert({"LA": "L", "RGBA": "RGB"}.get(picture.mode, picture.mode)), profile)
    if alpha is None:
        return colours
    return Image.composite(colours, Image.new("RGB", colours.size, "white"), alpha)


def eight_bits(picture):
    """The picture as L, LA, RGB, RGBA or CMYK."""
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if picture.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        # The transparent colour of a PNG without an alpha channel becomes one.
        return picture.convert("RGBA") if "transparency" in picture.info else picture
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def in_srgb(picture, profile):
    if profile is not None:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if profile.profile.xcolor_space.strip() == SPACES[picture.mode]:
                return ImageCms.profileToProfile(
                    picture, profile, SRGB, renderingIntent=ImageCms.Intent.PERCEPTUAL, outputMode="RGB"
                )
        except (OSError, ImageCms.PyCMSError):
            pass  # a damaged profile does not apply
    return picture.convert("RGB")


def decoded(path, how):
    try:
        with Image.open(path) as picture:
            picture.load()
            picture = how(picture)
    except Exception as error:  # Pillow's plugins raise OSError, SyntaxError, ValueError, struct.error and more.
        return f"refused {error}\n".encode()
    return f"{picture.mode} {picture.width} {picture.height}\n".encode() + picture.tobytes()


def main():
    how = {"stored": stored, "rgb": rgb, "shown": shown}[sys.argv[1]]
    for path in list(Path(sys.argv[2]).iterdir()):
        path.with_name(path.name + ".decoded").write_bytes(decoded(path, how))


main()
