"""Does the map tell the truth? Measures of an explanation against the network, and against what is known about the photo."""

from seewhy.evaluate.agreement import agreement, rank_correlation
from seewhy.evaluate.check import Check, MapCheck, check
from seewhy.evaluate.crop_test import CropTest, crop_test
from seewhy.evaluate.evaluation import Evaluation, evaluate, metric_names
from seewhy.evaluate.examine import examine
from seewhy.evaluate.metrics import METRICS
from seewhy.evaluate.pointing import checked_mask, energy, hits
from seewhy.evaluate.randomisation import Likeness, randomise

__all__ = [
    "METRICS",
    "Check",
    "CropTest",
    "Evaluation",
    "Likeness",
    "MapCheck",
    "agreement",
    "check",
    "checked_mask",
    "crop_test",
    "energy",
    "evaluate",
    "examine",
    "hits",
    "metric_names",
    "randomise",
    "rank_correlation",
]
