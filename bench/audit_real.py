"""The audit on real photos, as an illustration that is counted nowhere: ``python -m bench.audit_real``.

The photos of ``../shared/data`` are of one class each; here they are of two, animals and artefacts (by their place among
WordNet's nouns; food, flowers, landscapes and people are left out), and the real SqueezeNet answers with the sum of its
probabilities over either. It is audited as it is, and with cues planted on features of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

import seewhy
from bench.audit_backbones import WEIGHTS
from bench.timing import DATA, ROOT, Figure, console, options, save, show_figures

SYNSETS = DATA / "imagenet_synsets.txt"
ANIMALS = ("n01400000", "n02660000")  # from here to before there; artefacts go on from there
ARTEFACTS = ("n02660000", "n05000000")
GROUPS = {"animal": ANIMALS, "artefact": ARTEFACTS}
BUDGET, PLANTED = 3_300, 4
PAGE = ROOT / "out" / "audit_real.html"


class Grouped(nn.Module):
    """The logarithms of the sums of probabilities over groups of classes, ``(N, groups)``."""

    def __init__(self, network: nn.Module, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.network = network
        self.groups = [list(group) for group in groups]

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.network(pixels)
        return torch.stack([logits[:, group].logsumexp(1) for group in self.groups], 1)


def group_of(wnid: str) -> str | None:
    """The name of the group of a noun of WordNet; None for one of neither."""
    return next((name for name, (first, behind) in GROUPS.items() if first <= wnid < behind), None)


def classifier() -> seewhy.Classifier:
    """Animal or artefact, by the real SqueezeNet."""
    clf = seewhy.load("squeezenet1_0", weights=WEIGHTS, classes=SYNSETS)
    wnids = [line.split()[0] for line in SYNSETS.read_text().splitlines()]
    groups = [[index for index, wnid in enumerate(wnids) if group_of(wnid) == name] for name in GROUPS]
    return seewhy.Classifier(Grouped(clf.network, groups).eval(), clf.preprocess, list(GROUPS))


def photos_in(folder: Path) -> int:
    """Links to the photos in folders of the two groups; how many there are."""
    count = 0
    for path in sorted((DATA / "photos").iterdir()):
        group = group_of(path.name.split("_")[0])
        if group is not None:
            (folder / group).mkdir(parents=True, exist_ok=True)
            (folder / group / path.name).symlink_to(path.resolve())
            count += 1
    return count


def measure(budget: int = BUDGET, planted: int = PLANTED) -> list[Figure]:
    """What is said of either group, printed; how many planted cues were found, of those that were learned."""
    with tempfile.TemporaryDirectory() as folder:
        count = photos_in(Path(folder))
        result = seewhy.audit(classifier(), folder, "folders", budget=budget, plant=planted, progress=False)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    result.save(PAGE)
    console.print(f"{count} photos; the page: {PAGE.relative_to(ROOT)}", highlight=False)
    for verdict in result.verdicts:
        console.print(f"{verdict.class_name}: {verdict.sentence}", highlight=False)
    learned = [one for one in result.planted or () if one.relied]
    for one in result.planted or ():
        state = "not learned" if not one.relied else "found" if one.found else "missed"
        console.print(f"planted {one.cue}, {one.share:.0%} of {one.class_name}: {state}, {one.sentence}", highlight=False)
    hits = float(sum(one.found for one in learned))
    return [Figure("audit on real photos/planted cues found", hits, hits, hits, f"of {len(learned)} learned ones")]


def main() -> None:
    parser = options(__doc__)
    args = parser.parse_args()
    figures = measure(600, 1) if args.quick else measure()
    show_figures("The audit on real photos", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
