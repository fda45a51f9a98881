"""The audit: labelled photos and a network in, a verdict for each class out."""

from seewhy.audit.audit import audit
from seewhy.audit.planted import PlantedCue
from seewhy.audit.result import Audit, Verdict

__all__ = ["Audit", "PlantedCue", "Verdict", "audit"]
