"""Does the map tell the truth? Measures of an explanation against what is known about the photo or the network."""

from seewhy.evaluate.pointing import energy as energy
from seewhy.evaluate.pointing import hits as hits

__all__ = ["energy", "hits"]
