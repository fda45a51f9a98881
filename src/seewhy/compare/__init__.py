"""Several networks, or several methods of one network, on the same photos: do they look at the same thing?"""

from seewhy.compare.compare import compare
from seewhy.compare.comparison import Comparison, Omission

__all__ = ["Comparison", "Omission", "compare"]
