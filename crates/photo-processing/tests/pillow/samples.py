"""Writes pictures that Rust crates cannot write, for tests to decode: lossy and animated WebP, and JPEG with profiles.

Usage: samples.py FOLDER
"""

import struct
import sys
from pathlib import Path

from PIL import Image, ImageCms, ImageDraw

WHITE = (0.9642, 1.0, 0.8249)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def picture(width, height, mode="RGB"):
    """Gradients and, if there is room, shapes."""
    x = Image.linear_gradient("L").rotate(90).resize((width, height))
    y = Image.linear_gradient("L").resize((width, height))
    colours = Image.merge("RGB", (x, y, x.point(lambda value: 255 - value)))
    if width > 20 and height > 20:
        draw = ImageDraw.Draw(colours)
        draw.ellipse((width // 4, height // 4, width // 2, height // 2), fill=(200, 30, 40))
        draw.rectangle((width // 2, height // 2, width - 5, height - 5), fill=(20, 180, 60))
    if mode == "RGBA":
        colours.putalpha(y.point(lambda value: value * 3 % 256))
    return colours if mode == "RGBA" else colours.convert(mode)


def inks(width, height):
    """All combinations of inks: black grows from left to right in each of 16 fields."""
    picture = Image.new("CMYK", (width, height))
    for field in range(16):
        cyan, magenta, yellow = field % 4 * 85, field // 4 * 85, (field * 5) % 4 * 85
        for x in range(width // 16):
            column = field * (width // 16) + x
            picture.paste((cyan, magenta, yellow, x * 255 // (width // 16)), (column, 0, column + 1, height))
    return picture


def profile(space, pcs, device_class, tags):
    """An ICC profile, version 2.4."""
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    header = struct.pack(">I4xI4s4s4s12x4s", start + len(body), 0x02400000, device_class, space, pcs, b"acsp")
    header = header.ljust(68, b"\0") + xyz(*WHITE)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(*values):
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def table(function, length=64):
    values = [round(function(place / (length - 1)) * 65535) for place in range(length)]
    return b"curv\0\0\0\0" + struct.pack(f">I{length}H", length, *values)


def grey_profile(curve):
    return profile(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": xyz(*WHITE), b"kTRC": curve})


def rgb_profile(*curves):
    """The primaries of Adobe RGB."""
    tags = {b"wtpt": xyz(*WHITE), b"rXYZ": xyz(0.6097, 0.3111, 0.0195)}
    tags |= {b"gXYZ": xyz(0.2053, 0.6257, 0.0609), b"bXYZ": xyz(0.1492, 0.0632, 0.7446)}
    return profile(b"RGB ", b"XYZ ", b"mntr", tags | dict(zip((b"rTRC", b"gTRC", b"bTRC"), curves, strict=True)))


def cmyk_profile():
    """A table from inks to Lab, with three steps of each ink."""
    grid = []
    for place in range(3**4):
        cyan, magenta, yellow, black = (place // 3**ink % 3 / 2 for ink in (3, 2, 1, 0))
        light = (1 - 0.35 * cyan) * (1 - 0.5 * magenta) * (1 - 0.1 * yellow) * (1 - 0.85 * black)
        left = 1 - black
        grid += [light, 0.5 + (0.28 * magenta - 0.14 * cyan) * left, 0.5 + (0.36 * yellow - 0.18 * cyan) * left]
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 3, 0)) + struct.pack(">9i", *(65536 if n % 4 == 0 else 0 for n in range(9)))
    lut += ramp * 4 + bytes(round(value * 255) for value in grid) + ramp * 3
    tags = {b"wtpt": xyz(*WHITE), b"A2B0": lut, b"A2B1": lut}
    return profile(b"CMYK", b"Lab ", b"prtr", tags)


def exif(orientation):
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + struct.pack("<II", orientation, 0)


def main():
    folder = Path(sys.argv[1])

    def save(name, picture, **options):
        picture.save(folder / name, **options)

    for width, height in ((1, 1), (2, 3), (15, 17), (16, 16), (33, 50), (200, 151), (2100, 70), (40, 4200)):
        for mode in ("RGB", "RGBA"):
            shown = picture(width, height, mode)
            name = f"{mode}-{width}x{height}"
            save(f"{name}-lossless.webp", shown, lossless=True)
            for quality in (5, 80):
                save(f"{name}-{quality}.webp", shown, quality=quality, alpha_quality=quality)
    for orientation in range(1, 9):
        for prefix in (b"", b"Exif\0\0"):
            name = f"orientation-{orientation}-{len(prefix)}.webp"
            save(name, picture(60, 30), exif=prefix + exif(orientation), lossless=orientation % 2 == 0)
    noise = Image.merge("RGB", [Image.effect_noise((128, 128), 60) for _ in range(3)])
    for quality in (1, 30, 60):
        save(f"noise-{quality}.webp", noise, quality=quality, method=0)
    # Its parts differ so much that the encoder writes a group of codes for each.
    parts = picture(400, 300)
    parts.paste(noise, (250, 20))
    parts.paste(noise.resize((200, 200), Image.Resampling.BICUBIC).convert("L").convert("RGB"), (20, 80))
    for method in (0, 4):
        save(f"parts-{method}-lossless.webp", parts, lossless=True, method=method)
    red = Image.new("RGBA", (80, 40), "red")
    for lossless in (False, True):
        name = f"animation-{lossless}.webp"
        save(name, picture(80, 40), save_all=True, append_images=[red], lossless=lossless)
    dot = Image.new("RGBA", (80, 40))
    dot.paste((0, 0, 255, 255), (20, 10, 50, 30))
    save("animation-part.webp", dot, save_all=True, append_images=[red], lossless=True, minimize_size=True)

    curves = {"linear": gamma(1.0), "1.8": gamma(1.8), "2.2": gamma(2.2), "table": table(lambda value: value**1.5)}
    for name, curve in curves.items():
        save(f"grey-{name}.jpg", picture(64, 48, "L"), quality=95, icc_profile=grey_profile(curve))
        rgb = rgb_profile(curve, curve, curve)
        save(f"rgb-{name}.jpg", picture(64, 48), quality=95, icc_profile=rgb)
        for mode in ("RGB", "RGBA"):
            save(f"{mode}-{name}.webp", picture(64, 48, mode), quality=95, icc_profile=rgb)
            save(f"{mode}-{name}-lossless.webp", picture(64, 48, mode), lossless=True, icc_profile=rgb)
            save(f"{mode}-{name}.png", picture(64, 48, mode), icc_profile=rgb)
        save(f"grey-{name}.png", picture(64, 48, "L"), icc_profile=grey_profile(curve))
    save("rgb-mixed.jpg", picture(64, 48), quality=95, icc_profile=rgb_profile(*list(curves.values())[:3]))
    save("cmyk-plain.jpg", inks(256, 32), quality=95)
    save("cmyk-profile.jpg", inks(256, 32), quality=95, icc_profile=cmyk_profile())
    # Profiles that do not fit, and one that is damaged.
    grey, damaged = grey_profile(gamma(1.0)), rgb_profile(gamma(1.0), gamma(1.0), gamma(1.0))[:200]
    for name, other in {"grey": grey, "lab": LAB, "cmyk": cmyk_profile(), "damaged": damaged}.items():
        save(f"unfit-{name}.jpg", picture(64, 48), quality=95, icc_profile=other)
        save(f"unfit-{name}.webp", picture(64, 48), lossless=True, icc_profile=other)
        save(f"unfit-{name}.png", picture(64, 48), icc_profile=other)
    save("unfit-rgb.jpg", inks(256, 32), quality=95, icc_profile=SRGB)


main()
