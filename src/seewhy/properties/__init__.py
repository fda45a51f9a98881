"""Properties of a photo that a network may see a class by: what they measure, and the photo with other values of them.

Photos are numbers as they were opened, ``(H, W)`` or ``(H, W, C)``: see ``photo.Picture``. All but blockiness are measured on the
photo reduced to what a network is shown, and the edits are scaled accordingly. A new one is a property in one of the files, and a
name in ``table.py``.
"""

from seewhy.properties.base import Direction, Property
from seewhy.properties.table import PROPERTIES, measured, places

__all__ = ["PROPERTIES", "Direction", "Property", "measured", "places"]
