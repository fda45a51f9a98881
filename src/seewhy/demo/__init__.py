"""Wildlife scenes with exact masks, drawn on the spot, and the training of the demo networks (`train`)."""

from seewhy.demo.scenes import Scene as Scene
from seewhy.demo.scenes import scenes as scenes

__all__ = ["Scene", "scenes"]
