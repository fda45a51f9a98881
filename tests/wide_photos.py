"""Photos of more bits and more bands than Pillow writes."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt


def png16(values: npt.NDArray[np.uint16]) -> bytes:
    """A 16-bit PNG of ``(H, W, C)``, C = 2 (grey and alpha), 3 or 4; every row but the first is filtered by the one above it."""
    (height, width, channels) = values.shape
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.vstack([rows[:1], rows[1:] - rows[:-1]])  # modulo 256
    lines = b"".join(bytes([2 if number else 0]) + line.tobytes() for number, line in enumerate(filtered))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def bands(channels: int = 13, size: tuple[int, int] = (24, 20), seed: int = 0) -> npt.NDArray[np.float32]:
    """Reflectances ``(H, W, C)`` from 0 to 10000, every band with a level of its own; no two axes are equally long."""
    random = np.random.default_rng(seed)
    levels = np.linspace(500, 6000, channels)
    return (levels + random.uniform(-400, 400, (*size, channels))).astype(np.float32)
