"""Which classes are taken for which."""

from seewhy.confusion.confusion import Confusion, check_normalise
from seewhy.confusion.counting import confusion

__all__ = ["Confusion", "check_normalise", "confusion"]
