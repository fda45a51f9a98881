"""What a report is about, in a few words: its title, and the line below it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seewhy.formatting import shortened
from seewhy.methods import METHODS
from seewhy.store.manifest import Manifest

LONGEST = 60  # letters of a name
HASH = 8  # digits of the weights' hash: enough to tell two files of weights apart


def photos_in_words(count: int) -> str:
    """ "1 photo", "1,540 photos"."""
    return f"{count:,} photo{'' if count == 1 else 's'}"


def title_of(photos: int, model: str) -> str:
    """The title of a report whose author gives none."""
    return f"{photos_in_words(photos)} as {shortened(model or 'the network', LONGEST)} sees {'it' if photos == 1 else 'them'}"


def about(
    manifest: Manifest, model: str, asked: Sequence[str], taken: Sequence[Sequence[str]], layers: Sequence[str]
) -> list[str]:
    """The photos' folder (its own name alone), the network with its weights' hash, the methods with their layer.

    model : the network's name, without a folder. taken : by each of the methods asked for, what it took.
    """
    folder = folder_name(str(manifest.photos.get("root") or ""))
    weights = manifest.model.get("weights")
    methods = ", ".join(method_in_words(name, found) for name, found in zip(asked, taken, strict=False))
    parts = [
        f"folder {shortened(folder, LONGEST)}" if folder else "",
        ", ".join(filter(None, [shortened(model, LONGEST), f"weights {weights[:HASH]}" if weights else ""])),
        f"{methods} at {layers_in_words(layers)}" if layers else methods,
    ]
    return [part for part in parts if part]


def folder_name(root: str) -> str:
    """The last part of a folder or URL; empty where that is no name."""
    last = re.split(r"[\\/]", root.rstrip("\\/"))[-1]
    return "" if last in (".", "..") or last.endswith(":") else last


def method_in_words(asked: str, taken: Sequence[str]) -> str:
    """ "Grad-CAM", "Grad-CAM (asked for: auto)"."""
    names = " and ".join(_title(name) for name in taken or [asked])
    return names if list(taken) in ([], [asked]) else f"{names} (asked for: {asked})"


def _title(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def layers_in_words(layers: Sequence[str]) -> str:
    """ "layer 10", "layers 3 and 10"."""
    names = " and ".join(filter(None, (", ".join(layers[:-1]), *layers[-1:])))
    return f"layer{'s' * (len(layers) > 1)} {names}"
