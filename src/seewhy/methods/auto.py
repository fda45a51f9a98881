"""Which method a network's own form asks for, so that nobody has to know it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

from seewhy.classifier import Classifier
from seewhy.engine.network import PlannedNetwork
from seewhy.errors import GradientError, LayerError, MethodError, SeewhyError, setting
from seewhy.methods.base import FeatureMethod, Method, flattens_grid
from seewhy.methods.grad_cam import GradCam
from seewhy.methods.hires_cam import HiResCam
from seewhy.methods.occlusion import Occlusion
from seewhy.records import Note

AUTO = "auto"
CHOICES: tuple[type[Method], ...] = (GradCam, HiResCam, Occlusion)  # what it chooses from
TAKEN = tuple(method.name for method in CHOICES)
PASSES = 200  # of occlusion for one photo, where a person has set no budget


class ChoiceNote(Note):
    """A note on what "auto" took, and why: the same for all photos, so that who shows many of them says it once."""


@dataclass(frozen=True)
class Choice:
    """A method's name and why, as one clause.

    passes : the budget that it gets where none was set; None for no limit. mixed : what the layer shows may lie at another place
    of the photo, or the scores see the photo by other paths, too, so that the map is held against what hiding takes. ``explain``
    takes a choice in place of a method: then it checks nothing.
    """

    method: str
    reason: str
    passes: int | None = None
    mixed: bool = False

    @property
    def note(self) -> ChoiceNote:
        """For an explanation's notes."""
        return ChoiceNote(f"{setting('method', AUTO)} took {self.method}: {self.reason}")


def choose(clf: Classifier, planned: PlannedNetwork | None, settings: Collection[str] = ()) -> Choice:
    """Grad-CAM where the head averages, HiResCAM where it reads each place by itself, occlusion where nothing can be watched.

    planned : None for a function. settings : the names of those that a person has given: only a method that has them all is
    taken, the one of the network's form where none has. Raises OutputError where the network returns no class scores.
    """
    by_form = _by_form(clf, planned)
    fitting = [method.name for method in CHOICES if set(settings) <= set(method.setting_names())]
    if not fitting or by_form.method in [*fitting, Occlusion.name]:  # where only occlusion is possible, no other helps
        return by_form
    given = ", ".join(settings)
    passes = PASSES if fitting[0] == Occlusion.name else None
    return Choice(fitting[0], f"of what it chooses from, the first with the setting{'s' * (len(settings) > 1)} {given}", passes)


def _by_form(clf: Classifier, planned: PlannedNetwork | None) -> Choice:
    form = clf.executor.form
    if form.quantised is not None:
        return Choice(Occlusion.name, f"no gradient passes '{form.quantised}' (quantised to int8)", PASSES)
    if planned is None or not form.is_open:
        return Choice(Occlusion.name, f"this is {form.name}, whose inside cannot be watched", PASSES)
    try:
        step = planned.feature_step
    except (GradientError, LayerError, MethodError) as error:
        return Choice(Occlusion.name, f"no layer can be explained ({error.clause})", PASSES)
    (trace, name) = (planned.trace, planned.trace.name(step))
    bypassed = trace.is_bypassed(step)
    around = ", and other paths lead around it" if bypassed else ""
    mixed = bypassed or planned.mixes_places(step)
    if not planned.averages(step) or flattens_grid(planned, step):  # dead ReLUs have no gradient that could tell
        return Choice(HiResCam.name, f"the head reads each place of '{name}' by itself{around}", mixed=mixed)
    if trace.dense_head is not None and trace.dense_head.features == step.number:
        return Choice(GradCam.name, f"the head averages '{name}'", mixed=mixed)
    return Choice(GradCam.name, f"the scores read all places of '{name}' alike{around}", mixed=mixed)


def mixed_notes(planned: PlannedNetwork, method: Method) -> list[Note]:
    """Of a map of a layer that nothing checks, where the layer may show a thing at another place than the photo; of the automatic
    layer also where it is not all that the scores depend on."""
    if not isinstance(method, FeatureMethod):
        return []
    with suppress(SeewhyError):  # the method itself says what is wrong with the layer
        step = planned.find_layer(method.layer)
        name = planned.trace.name(step)
        if planned.mixes_places(step):
            why = f"a place of '{name}' may hold what another place of the photo shows"
        elif method.layer is None and planned.trace.is_bypassed(step):
            why = f"the scores see the photo by paths around '{name}', too"
        else:
            return []
        return [Note(f"{why}, and nothing has checked this map: {setting('method', AUTO)} does, by hiding")]
    return []


def choice_notes(notes: Iterable[str]) -> list[ChoiceNote]:
    """Those of the notes that say what "auto" took."""
    return [note for note in notes if isinstance(note, ChoiceNote)]
