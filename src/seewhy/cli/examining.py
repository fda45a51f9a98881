"""What ``explain`` does beside the map: does it hold, what does the network say without it, what do other methods say."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import seewhy
from seewhy.cli.files import Batch, Names
from seewhy.cli.options import as_flag, targets_of
from seewhy.cli.report import Report, joined
from seewhy.compare import Comparison
from seewhy.engine.runner import Progress
from seewhy.errors import OptionError
from seewhy.evaluate import CropTest, examine


class Examined:
    """Adds the check and the crop test to explanations; their results stand in notes and details."""

    def __init__(self, clf: seewhy.Classifier, check: bool, crop_test: bool, seed: int) -> None:
        (self._clf, self._check, self._crop_test, self._seed) = (clf, check, crop_test, seed)
        self._pictures: deque[CropTest | None] = deque()

    def one(self, explanation: seewhy.Explanation) -> seewhy.Explanation:
        """An explanation with what was found out about it."""
        (explanation, test) = examine(
            self._clf, explanation, with_check=self._check, with_crop_test=self._crop_test, seed=self._seed
        )
        self._pictures.append(test)
        return explanation

    def save(self, place: Path, report: Report) -> None:
        """Write the picture of the next explanation's crop test, if it has one, beside the explanation's own, and say of what."""
        test = self._pictures.popleft() if self._pictures else None
        if test is not None:
            picture = test.save(place.with_name(f"{place.stem}-crop-test.png"))
            report.line(f"  crop test of '{test.target.text}' → {picture}")


def refuse_beside_methods(flags: Mapping[str, Any]) -> None:
    """Raises OptionError for flags that say nothing where several methods are compared. flags : name -> value as given."""
    for name, value in flags.items():
        if value not in (None, False):
            raise OptionError(f"{as_flag(name, '')} goes with one --method: several are only laid side by side.")


def refuse_for_volumes(clf: seewhy.Classifier, flags: Mapping[str, Any]) -> None:
    """Raises OptionError, before the work, for what is done with maps of photos alone. flags : name -> value as given."""
    given = [as_flag(name, "") for name, value in flags.items() if value]
    if clf.dimensions == 2 or not given:
        return
    if given[0] == "--method":
        raise OptionError("Several --method compare maps of photos, and this classifier is one of volumes: name one.")
    raise OptionError(f"{given[0]} measures maps of photos, and this classifier is one of volumes: leave it out.")


def explain_by_methods(
    files: Mapping[Path, Path],
    names: Names,
    methods: Sequence[str],
    targets: Sequence[str],
    settings: Mapping[str, Any],
    clf: seewhy.Classifier,
    as_json: bool,
) -> None:
    """A picture per photo with the maps of several methods side by side, and how alike they are."""
    if len(targets) > 1:
        raise OptionError(f"{len(targets)} --target and {len(methods)} --method: several methods explain one class.")
    (target,) = targets_of(clf, list(targets))
    with Report(clf, as_json, len(files)) as report, Progress(None, len(files), "Comparison") as bar:
        rows = report.record["comparisons"] = []
        batch = Batch(clf, list(files), report)

        def compare(path: Path) -> Comparison:
            progress = False if rows else None  # the first photo's maps say how long each takes
            return seewhy.compare(clf, [path], list(methods), target, progress=progress, **settings)

        for path, comparison in batch.each(compare):
            bar.advance(1)
            place = comparison.save(names.of(path, "comparison"))
            rows.append(comparison.record() | {"photo": str(path), "output": str(place)})
            explanation = comparison.explanations[0][0]
            if explanation is not None:
                report.line(f"{path}: {'; '.join(str(prediction) for prediction in explanation.predictions[:3])}")
                report.line(f"  {joined(comparison.columns)} of {explanation.targets[0]} → {place}")
            report.line(f"  {comparison.sentence}")
            report.notes([*comparison.notes, *comparison.notes_of(0)])
