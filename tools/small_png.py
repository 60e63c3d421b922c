"""Make a picture of a page small: at most 256 colors, written as a palette; text and lines stay sharp."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Runs in a browser, which can read pictures: frequent colors that differ, and the nearest for each pixel.
_COUNT = """async address => {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob());
  const [width, height] = [bitmap.width, bitmap.height];
  const pen = new OffscreenCanvas(width, height).getContext('2d');
  pen.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(pen.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const parts = color => [color & 255, (color >> 8) & 255, (color >> 16) & 255];
  const sorted = [...counts].sort((one, other) => other[1] - one[1] || one[0] - other[0]);
  const distance = (one, other) => one.reduce((sum, part, place) => sum + (part - other[place]) ** 2, 0);
  const palette = [];
  for (const [color] of sorted) {
    const found = parts(color);
    if (palette.length < 256 && palette.every(item => distance(item, found) > 120)) palette.push(found);
  }
  const nearest = new Map();
  for (const color of counts.keys()) {
    const far = palette.map(item => distance(item, parts(color)));
    nearest.set(color, far.indexOf(Math.min(...far)));
  }
  let text = '';
  for (const pixel of pixels) text += String.fromCharCode(nearest.get(pixel));
  return {width, height, palette: palette.flat(), pixels: btoa(text)};
}"""


def small_png(page: Any, picture: bytes) -> bytes:
    """Return a PNG with at most 256 colors.

    Args:
        page: A page of a browser that is on no site: its policy would forbid to read the picture.
        picture: A PNG.
    """
    found = page.evaluate(_COUNT, f"data:image/png;base64,{base64.b64encode(picture).decode()}")
    width, height = found["width"], found["height"]
    pixels = base64.b64decode(found["pixels"])
    lines = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (
        (b"IHDR", head),
        (b"PLTE", bytes(found["palette"])),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
