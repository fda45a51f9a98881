"""seewhy shows why an image classifier decided what it did, and catches it when it is right for the wrong reason.

>>> import seewhy
>>> clf = seewhy.load("demo:honest")
>>> scene = seewhy.demo.scenes(1)[0]
>>> explanation = seewhy.explain(clf, scene.photo)
>>> explanation.maps.shape
(1, 12, 16)
"""

from __future__ import annotations

from seewhy.startup import CtrlCEndsTheCommand, NoCollection

with CtrlCEndsTheCommand(keep=True), NoCollection():  # importing torch takes the first seconds of every command
    from seewhy import demo, edits, show, targets
    from seewhy.audit import audit
    from seewhy.classifier import Classifier
    from seewhy.compare import compare
    from seewhy.confusion import confusion
    from seewhy.doctor import doctor
    from seewhy.errors import SeewhyError
    from seewhy.evaluate import check, crop_test, evaluate
    from seewhy.explain import explain
    from seewhy.explanation import Explanation
    from seewhy.features import activations, deep_dream, embed, extremes
    from seewhy.live import live
    from seewhy.load import load
    from seewhy.methods import METHODS
    from seewhy.preprocess import Preprocess
    from seewhy.records import Prediction, Target
    from seewhy.run import run
    from seewhy.store import Store

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "Classifier",
    "Explanation",
    "Prediction",
    "Preprocess",
    "SeewhyError",
    "Store",
    "Target",
    "activations",
    "audit",
    "check",
    "compare",
    "confusion",
    "crop_test",
    "deep_dream",
    "demo",
    "doctor",
    "edits",
    "embed",
    "evaluate",
    "explain",
    "extremes",
    "live",
    "load",
    "run",
    "show",
    "targets",
]
