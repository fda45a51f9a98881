"""Deletion and insertion beside torchcam, quantus and the bare passes; how long a check takes. ``python -m bench.evaluation``.

Random weights, one photo of 224×224, a Grad-CAM map, 64 steps. seewhy's curves include those of a random map and of a centre
blob; they are compared with as many bare passes as they took: the planned copy, 16 photos at once, nothing around it. torchcam
(deletion and insertion of one map, 32 at once, its default) and quantus (pixel flipping, which is deletion, one photo a pass) are
compared pass by pass, since they have no references. Each in a process of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

import seewhy
from bench.fresh import Contender, in_fresh_processes
from bench.perturbation import BATCH, PHOTOS, Job, Subject, naming
from bench.timing import Figure, console, options, ratios, save, show_figures

NETWORKS = ("squeezenet1_0", "resnet50")
STEPS = 64
GOAL_BARE, GOAL_CHECK = 1.1, {"squeezenet1_0": 3.0}
QUANTUS_VALUES = 3136  # flipped at a time, of 3 · 224 · 224: its number must divide 224 · 224, so there are 48 steps and not 64
CONTENDERS = ("bare", "seewhy", "torchcam", "quantus", "check")


class _Counted:
    """A job whose photos are counted while it runs."""

    def __init__(self, subject: Subject, job: Job) -> None:
        self.results: dict[str, int] = {}
        (self._subject, self._job) = (subject, job)

    def __call__(self) -> None:
        counts: list[int] = []
        handle = self._subject.network.register_forward_pre_hook(lambda network, inputs: counts.append(len(inputs[0])))
        try:
            self._job()
        finally:
            handle.remove()
        self.results["passes"] = sum(counts)


class _Evaluation:
    """seewhy's curves of one map, with both references."""

    def __init__(self, subject: Subject) -> None:
        self.results: dict[str, int] = {}
        self._subject = subject
        self._explanation = subject.explain("grad_cam")

    def __call__(self) -> None:
        metrics = ("deletion", "insertion")
        evaluation = seewhy.evaluate(self._subject.clf, self._explanation, metrics, STEPS, "black", progress=False)
        self.results["passes"] = evaluation.cost


def contender(name: str, network: str) -> Job:
    """One of them, ready to run; called by ``bench.fresh``."""
    subject = Subject(network)
    if name == "bare":
        return subject.bare(BATCH)
    if name == "seewhy":
        return _Evaluation(subject)
    explanation = subject.explain("grad_cam")
    if name == "check":
        return lambda: seewhy.check(subject.clf, explanation, progress=False)
    map_ = torch.from_numpy(explanation.on_input())
    return _Counted(subject, (_torchcam if name == "torchcam" else _quantus)(subject, map_))


def _torchcam(subject: Subject, map_: torch.Tensor) -> Job:
    from torchcam.methods import GradCAM
    from torchcam.metrics import DeletionInsertionMetric

    class OfMap(GradCAM):  # type: ignore[misc]
        """Gives the map that is there, so that only the metric is timed."""

        def __call__(self, *arguments: Any, **settings: Any) -> list[torch.Tensor]:
            return [map_]

    def work() -> None:
        with OfMap(subject.network, subject.explain("grad_cam").layer) as extractor:
            metric = DeletionInsertionMetric(extractor, lambda logits: logits.softmax(1), steps=STEPS)
            metric.update(subject.photo[None], subject.index)

    return work


def _quantus(subject: Subject, map_: torch.Tensor) -> Job:
    import numpy as np
    import quantus

    metric = quantus.PixelFlipping(
        features_in_step=QUANTUS_VALUES, perturb_baseline=0.0, normalise=False, abs=False, disable_warnings=True
    )
    arrays = (subject.photo[None].numpy(), np.array([subject.index]), map_[None].numpy())
    return lambda: metric(subject.network, *arrays, softmax=True)


def measure(networks: Sequence[str] = NETWORKS, rounds: int = 3) -> list[Figure]:
    """Every network, every contender, ``rounds`` processes each."""
    return [figure for network in networks for figure in _of_network(network, rounds)]


def _of_network(network: str, rounds: int) -> list[Figure]:
    contenders = {
        name: Contender("bench.evaluation:contender", {"name": name, "network": network}, calls=1) for name in CONTENDERS
    }
    measured = in_fresh_processes(contenders, rounds)
    each = {name: [1000 * s / measured[name].results["passes"] for s in measured[name].seconds] for name in CONTENDERS[1:4]}
    bare = [1000 * s / PHOTOS for s in measured["bare"].seconds]
    of = naming(f"evaluation/{network}")
    return [
        of("deletion and insertion, with references", measured["seewhy"].seconds, "s"),
        of("passes", [measured["seewhy"].results["passes"]], "photos"),
        of("bare passes", bare, "ms a pass"),
        of("over the bare passes", ratios(each["seewhy"], bare), "×", GOAL_BARE),
        *(of(name, each[name], "ms a pass") for name in each),
        *(of(f"over {name}", ratios(each[name], each["seewhy"]), "×", None, True) for name in ("torchcam", "quantus")),
        of("check", measured["check"].seconds, "s", GOAL_CHECK.get(network)),
    ]


def show(figures: Sequence[Figure]) -> None:
    show_figures("Deletion, insertion, check", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="processes for each contender")
    args = parser.parse_args()
    figures = measure(NETWORKS[:1] if args.quick else NETWORKS, 1 if args.quick else args.rounds)
    show(figures)
    console.print("over torchcam, over quantus: what one of their passes takes over one of seewhy's.", highlight=False)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
