"""Which method a network's own form asks for, so that nobody has to know it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seewhy.classifier import Classifier
from seewhy.engine.network import PlannedNetwork
from seewhy.errors import GradientError, LayerError, MethodError, setting
from seewhy.methods.base import flattens_grid
from seewhy.methods.grad_cam import GradCam
from seewhy.methods.hires_cam import HiResCam
from seewhy.methods.occlusion import Occlusion
from seewhy.records import Note

AUTO = "auto"
TAKEN = (GradCam.name, HiResCam.name, Occlusion.name)  # the methods that it chooses from
PASSES = 400  # of occlusion for one photo, where a person has set no budget


class ChoiceNote(Note):
    """A note on what "auto" took, and why: the same for all photos, so that who shows many of them says it once."""


@dataclass(frozen=True)
class Choice:
    """A method's name and why, as one clause. passes : the budget that it gets where none was set; None for no limit."""

    method: str
    reason: str
    passes: int | None = None

    @property
    def note(self) -> ChoiceNote:
        """For an explanation's notes."""
        return ChoiceNote(f"{setting('method', AUTO)} took {self.method}: {self.reason}")


def choose(clf: Classifier, planned: PlannedNetwork | None) -> Choice:
    """Grad-CAM where the head averages, HiResCAM where it reads each place by itself, occlusion where nothing can be watched.

    planned : None for a function. Raises OutputError where the network returns no class scores.
    """
    form = clf.executor.form
    if form.quantised is not None:
        return Choice(Occlusion.name, f"no gradient passes '{form.quantised}' (quantised to int8)", PASSES)
    if planned is None or not form.is_open:
        return Choice(Occlusion.name, f"this is {form.name}, whose inside cannot be watched", PASSES)
    try:
        step = planned.feature_step
    except (LayerError, GradientError, MethodError) as error:
        return Choice(Occlusion.name, f"no layer can be explained ({error.clause})", PASSES)
    layer = planned.trace.name(step)
    if not planned.averages_features or flattens_grid(planned, step):  # dead ReLUs have no gradient that could tell
        return Choice(HiResCam.name, f"the head reads each place of '{layer}' by itself")
    head = planned.trace.dense_head
    if head is not None and head.features == step.number:
        return Choice(GradCam.name, f"the head averages '{layer}'")
    return Choice(GradCam.name, f"the scores read all places of '{layer}' alike")


def choice_notes(notes: Iterable[str]) -> list[ChoiceNote]:
    """Those of the notes that say what "auto" took."""
    return [note for note in notes if isinstance(note, ChoiceNote)]
