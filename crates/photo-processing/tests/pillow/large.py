"""Writes photos of 48 to 67 megapixels, of every kind that needs much memory, into a folder: large.py FOLDER."""

import struct
import sys
import zlib
from pathlib import Path

from PIL import Image

Image.MAX_IMAGE_PIXELS = None
# The first row, the distance to the next, and the same of the columns of each pass of an interlaced PNG.
PASSES = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]


def png(path, width, height, colour_type, pixel, interlaced=False):
    """A PNG of one colour. `pixel` has 16 bits per sample if it is longer than the colour type needs."""
    depth = 16 if len(pixel) > {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type] else 8
    compress = zlib.compressobj(1)
    data = []
    for top, down, left, right in PASSES if interlaced else [(0, 1, 0, 1)]:
        row = b"\0" + pixel * len(range(left, width, right))
        data += [compress.compress(row) for _ in range(top, height, down)]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    chunks = [(b"IHDR", header)]
    if colour_type == 3:
        chunks.append((b"PLTE", bytes([200, 100, 50])))
    chunks += [(b"IDAT", b"".join(data) + compress.flush()), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, content in chunks:
            checksum = zlib.crc32(kind + content)
            file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))


def main(folder):
    detail = Image.effect_noise((128, 128), 60).resize((1024, 1024), Image.Resampling.BICUBIC)
    tile = Image.merge("RGB", [detail, detail.transpose(Image.Transpose.ROTATE_90), detail.transpose(Image.Transpose.ROTATE_180)])
    for width, height in [(8064, 6048), (9248, 6936), (8192, 8192)]:
        photo = Image.new("RGB", (width, height))
        for left in range(0, width, 1024):
            for top in range(0, height, 1024):
                photo.paste(tile, (left, top))
        size = f"{width}x{height}"
        photo.save(folder / f"sequential-{size}.jpg", quality=40)
        if width != 9248:
            photo.save(folder / f"progressive-444-{size}.jpg", quality=25, subsampling=0, progressive=True)
        if width == 8064:
            photo.convert("CMYK").save(folder / f"progressive-cmyk-{size}.jpg", quality=20, progressive=True)
            photo.crop((0, 0, 8000, 4000)).save(folder / "lossy-8000x4000.webp", quality=10, method=0)
        del photo
    png(folder / "rgb.png", 9248, 6936, 2, bytes([200, 100, 50]))
    png(folder / "rgba.png", 8192, 8192, 6, bytes([200, 100, 50, 230]))
    png(folder / "rgba16.png", 8000, 6000, 6, bytes([200, 1, 100, 1, 50, 1, 230, 1]))
    png(folder / "rgba16-interlaced.png", 8192, 8192, 6, bytes([200, 1, 100, 1, 50, 1, 230, 1]), interlaced=True)
    png(folder / "grey16.png", 9248, 6936, 0, bytes([100, 1]))
    png(folder / "palette-interlaced.png", 8192, 8192, 3, b"\0", interlaced=True)
    # Just below and above twice the size of a stored photo.
    png(folder / "rgba-4095.png", 4095, 4095, 6, bytes([200, 100, 50, 230]))
    png(folder / "rgba-6143.png", 6143, 6143, 6, bytes([200, 100, 50, 230]), interlaced=True)
    Image.new("RGBA", (4095, 4095), (200, 100, 50, 230)).save(folder / "lossless-4095.webp", lossless=True, quality=0, method=0)


main(Path(sys.argv[1]))
