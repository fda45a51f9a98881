"""Wildlife scenes with exact masks, drawn on the spot, the training of the demo networks (`train`), and their story as a page."""

from __future__ import annotations

import os
from pathlib import Path

from seewhy.demo.scenes import Scene, scenes


def write_story(path: str | os.PathLike[str], seed: int | None = None) -> Path:
    """Write the page that tells the story of the demo networks, as one self-contained .html; takes about half a minute.

    seed : which scenes are drawn; None takes those of the documentation.
    """
    from seewhy.demo import story  # it stands on everything else
    from seewhy.files import write_whole

    return write_whole(Path(path), story.page(story.SEED if seed is None else seed).encode())


__all__ = ["Scene", "scenes", "write_story"]
