"""What the page and the server send each other.

A message of the page is binary: the length of its head (4 bytes, little endian), the head as JSON, and a JPEG, PNG or WebP.
An answer is built alike: its head, padded to a multiple of four bytes, then the raw map as float32, little endian, row by row.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from seewhy.errors import OptionError, PhotoError, is_whole_number
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import drawable, shows_pixels
from seewhy.formatting import format_score
from seewhy.geometry import Geometry, SampleGrid
from seewhy.photo import Picture, open_picture
from seewhy.records import Prediction
from seewhy.show.colour import limits

MOST_BYTES = 16 << 20  # of a message
MOST_HEAD = 1024
MOST_PIXELS = 16_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
SUFFIXES = (".npz", ".json")  # of a record that is kept


@dataclass(frozen=True)
class FrameRequest:
    """What the page asks for.

    sequence : its own number for the frame. target : a class, None for the first choice. method : None for the server's choice.
    keep : the suffix of the record of that frame; "" where a frame is to be explained.
    """

    sequence: int
    target: int | None = None
    method: str | None = None
    keep: str = ""


def read_message(message: bytes, classes: int, methods: Collection[str]) -> tuple[FrameRequest, bytes]:
    """The request, and the picture's bytes. Raises OptionError for what is no message of the page."""
    if len(message) > MOST_BYTES:
        raise OptionError(f"The message has {len(message):,} bytes: at most {MOST_BYTES:,} are read.")
    length = struct.unpack_from("<I", message)[0] if len(message) >= 4 else 0
    if not 0 < length <= min(MOST_HEAD, len(message) - 4):
        raise OptionError("The message has no head: write its length in 4 bytes, little endian, then JSON, then the picture.")
    try:
        head = json.loads(message[4 : 4 + length].decode())
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or not head.keys() <= {"sequence", "target", "method", "keep"}:
        raise OptionError("The message's head is no JSON object with sequence, target, method and keep.")
    request = FrameRequest(**{"sequence": -1, **head})
    if not is_whole_number(request.sequence) or not 0 <= request.sequence < 2**53:
        raise OptionError("The message has no sequence: write a whole number, 0 or more.")
    if request.target is not None and (not is_whole_number(request.target) or not 0 <= request.target < classes):
        raise OptionError(f"The message's target is not one of the network's {classes} classes: write an index, or null.")
    if request.method is not None and (not isinstance(request.method, str) or request.method not in methods):
        raise OptionError("The message's method is not one that seewhy knows.")
    if request.keep not in ("", *SUFFIXES):
        raise OptionError(f"The message's keep is not one of {', '.join(SUFFIXES)}.")
    return request, message[4 + length :]


def read_picture(content: bytes) -> Picture:
    """A JPEG, PNG or WebP of bounded size. Its size is read, and refused, before a pixel is decoded.

    Raises PhotoError: something else, too many pixels, broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound is lower
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                (width, height) = image.size
    except Image.DecompressionBombError:
        raise PhotoError(f"The picture says that it is far larger than {MOST_PIXELS:,} pixels.") from None
    except Exception:  # whatever a decoder stumbles over
        raise PhotoError("This is not a picture that can be read: JPEG, PNG and WebP can.") from None
    if width * height > MOST_PIXELS:
        raise PhotoError(f"The picture has {width:,} × {height:,} pixels: at most {MOST_PIXELS:,} are read. Reduce it first.")
    return open_picture(content)


def pack(head: dict[str, Any], content: bytes = b"") -> bytes:
    """An answer."""
    text = json.dumps(head, ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + content


def refusal(sequence: int | None, reason: str) -> bytes:
    """The answer to what cannot be explained. reason : a sentence for the person at the page."""
    return pack({"kind": "refusal", "sequence": sequence, "reason": reason})


def answer(request: FrameRequest, explanation: Explanation, **more: Any) -> bytes:
    """An explanation's first map, with all that the page needs to draw it. more : values for the head."""
    map = explanation.maps[0]
    (target, geometry) = (explanation.targets[0], explanation.photo.geometry)
    seen = drawable(map, explanation.units)
    ((low, high),) = limits([seen], signed=explanation.signed, spikes=shows_pixels(explanation))
    ((_, most),) = limits([seen], signed=explanation.signed)
    head = {
        "kind": "map",
        "sequence": request.sequence,
        "predictions": [_as_json(prediction) for prediction in explanation.predictions],
        "target": {"index": target.index, "name": target.name, "text": format_score(target.score), "rank": target.rank},
        "by_class": explanation.by_class,
        "method": explanation.method,
        "layer": explanation.layer,
        "units": explanation.units,
        "signed": explanation.signed,
        "low": float(low),
        "high": float(high),  # both 0: no evidence
        "open": bool(high < most),
        "grid": list(map.shape),
        "rows": axis_of(geometry, 0, map.shape[0], explanation.sample_grid),
        "columns": axis_of(geometry, 1, map.shape[1], explanation.sample_grid),
        "photo": list(geometry.photo),
        "partial": explanation.partial,
        "notes": [str(note) for note in explanation.notes],
        **more,
    }
    return pack(head, np.ascontiguousarray(map, dtype="<f4").tobytes())


def axis_of(geometry: Geometry, axis: int, count: int, grid: SampleGrid | None) -> dict[str, Any]:
    """How an axis of the map lies on the photo: ``sample = scale * part + offset``, part from 0 to 1 along the photo.

    Sample k covers k to k + 1. from, to : the part that the network saw. clamp : the outermost samples go on beyond themselves,
    instead of being mirrored.
    """
    (scale, offset) = (geometry.rows, geometry.columns)[axis]
    (photo, input) = (geometry.photo[axis], geometry.input[axis])
    if grid is None:
        (first, step) = (0.0, input / count)
    else:
        (first, step) = (grid.rows, grid.columns)[axis]
        first -= step / 2  # its sample lies in the middle of what it covers
    return {
        "scale": photo / scale / step,
        "offset": (-offset / scale - first) / step,
        "from": offset / photo,
        "to": (offset + scale * input) / photo,
        "clamp": grid is not None,
    }


def _as_json(prediction: Prediction) -> dict[str, Any]:
    text = format_score(prediction.score)
    return {"index": prediction.index, "name": prediction.name, "score": float(prediction.score), "text": text}
