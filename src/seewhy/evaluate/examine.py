"""An explanation with what was found out about it: whether it holds, what the network says without it."""

from __future__ import annotations

from dataclasses import replace

from seewhy.classifier import Classifier
from seewhy.errors import OptionError
from seewhy.evaluate.check import check
from seewhy.evaluate.crop_test import CropTest, crop_test
from seewhy.explanation import Explanation
from seewhy.records import Note


def examine(
    clf: Classifier, explanation: Explanation, *, with_check: bool, with_crop_test: bool, seed: int = 0
) -> tuple[Explanation, CropTest | None]:
    """The explanation with the results among its notes and details, and the first crop test, which has a picture of its own.

    Each map is tested, and its sentence stands at it. A map that cannot be tested (it is empty) is told so in the notes.
    """
    first = None
    if with_check:
        explanation = check(clf, explanation, seed=seed, progress=False).noted(explanation)
    if with_crop_test:
        several = len(explanation.maps) > 1
        for number in range(len(explanation.maps)):
            try:
                tested = crop_test(clf, explanation, number=number, seed=seed, progress=False)
            except OptionError as error:
                note = Note(f"no crop test: {error.message.marked.rstrip('.')}", number if several else None)
                explanation = replace(explanation, notes=[*explanation.notes, note])
            else:
                explanation = tested.noted(explanation)
                first = first or tested
    return explanation, first
