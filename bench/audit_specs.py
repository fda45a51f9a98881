"""The networks of the audit's bench in one table: which are tuned on, which are counted, and what each learns from.

The halves share no backbone, no style of a cue and no scene. Beside them stands the bank: clean set-ups alone, on the tuned
half's backbones and styles, with scenes and weights of its own; nothing is tuned on it or counted. Nothing here depends on what
an audit says.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from bench.audit_backbones import BACKBONES, WEIGHTS
from bench.audit_cues import CUES, EMBLEM, PART
from bench.audit_scenes import Layout

HALVES = ("tuned", "counted")
BANK = "bank"
PREVALENCES = (1.0, 0.6, 0.3)
# What a network learned from. "planted": the cue on some of one class's or two classes' photos. The others are innocent, or a
# cue that is the class's business.
PLANTED, CLEAN, EVERYWHERE, UNLEARNED, ALIGNED, CONSTANT, EMBLEM_CLASS = (
    *("planted", "no cue", "cue in every class", "planted, not learned", "objects aligned", "constant part", "logo is the class"),
)
SETUPS = (PLANTED, CLEAN, EVERYWHERE, UNLEARNED, ALIGNED, CONSTANT, EMBLEM_CLASS)
ANIMALS = {
    "tuned": (("bear", "cow", "sheep"),),
    "counted": (("bear", "cow", "sheep"), ("dog", "bear", "sheep")),
    BANK: (("bear", "cow", "sheep"), ("cow", "bear"), ("sheep", "cow", "dog", "bear")),
}
TAUGHT = 0.5
# Of the counted half as many are drawn, as a network takes two minutes of a core: about 62 that rely on their cue and 67 clean
# ones, by the rates of the tuned half. Fixed before any of the half was trained.
DRAWN = {"counted": 160}
POOLS = {"tuned": (11, 12), "counted": (21, 22), BANK: (31, 32)}  # seeds of the scenes that are learned from
CUE_OF_SETUP = {
    PLANTED: tuple(CUES),
    EVERYWHERE: tuple(CUES),
    UNLEARNED: tuple(CUES),
    CONSTANT: (PART.name,),
    EMBLEM_CLASS: (EMBLEM.name,),
}
# How many networks of each set-up; planted ones are all combinations of cue, prevalence and redundancy, and some in two classes.
INNOCENT = {
    "tuned": {CLEAN: 28, EVERYWHERE: 22, UNLEARNED: 11, ALIGNED: 8, CONSTANT: 6, EMBLEM_CLASS: 3},
    "counted": {CLEAN: 34, EVERYWHERE: 22, UNLEARNED: 22, ALIGNED: 12, CONSTANT: 9, EMBLEM_CLASS: 6},
    BANK: {CLEAN: 40, EVERYWHERE: 24, ALIGNED: 16},
}


@dataclass(frozen=True)
class Spec:
    """One network of the bench.

    backbone : a name of ``BACKBONES``. frozen : only its head learns; what lies below has learned from clean scenes. cue,
    style : of ``audit_cues``. prevalence : of the photos of the classes that carry the cue. classes : those classes, by index.
    redundant : the animal tells the class of those photos, too; else they show any animal. taught : where the cue is redundant,
    the share of the carrying photos it learns from that show any animal all the same (those that are audited show their own):
    at 60 and 30 % the animal is else all that is learned, as was seen. pool : seed of the scenes that are learned from. seed : of
    the weights, of the photos that are audited and of those that the oracle asks about.
    """

    name: str
    half: str
    setup: str
    backbone: str
    animals: tuple[str, ...]
    pool: int
    seed: int
    frozen: bool = False
    cue: str = ""
    style: int = 0
    prevalence: float = 0.0
    classes: tuple[int, ...] = ()
    redundant: bool = True
    taught: float = 0.0

    @property
    def layout(self) -> Layout:
        return "aligned" if self.setup == ALIGNED else "wild"

    @property
    def learned(self) -> Spec:
        """What its network depends on: with a cue that was not learned, a network without one."""
        if self.setup == UNLEARNED:
            return replace(self, setup=CLEAN, cue="", style=0, prevalence=0.0, classes=(), taught=0.0)
        return self

    @property
    def digest(self) -> str:
        """Sixteen digits that stand for all of it but its name."""
        settings = {name: value for name, value in asdict(self).items() if name != "name"}
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]


def _planted(half: str) -> Iterable[tuple[str, float, bool, bool]]:
    """cue, prevalence, redundant, whether in two classes."""
    every = itertools.product(CUES, PREVALENCES, (True, False))
    if half == BANK:
        return
    if half == "tuned":  # half as many: redundant and not take turns
        for number, (cue, prevalence) in enumerate(itertools.product(CUES, PREVALENCES)):
            yield cue, prevalence, number % 2 == 0, number % 5 == 4
        return
    for cue, prevalence, redundant in every:
        yield cue, prevalence, redundant, False
    for number, (cue, prevalence) in enumerate(itertools.product(CUES, PREVALENCES)):
        yield cue, prevalence, number % 2 == 1, number % 3 != 0


def _wanted(half: str) -> Iterable[tuple[str, str, float, bool, bool]]:
    """set-up, cue, prevalence, redundant, whether in two classes."""
    for one in _planted(half):
        yield PLANTED, *one
    for setup, count in INNOCENT[half].items():
        cues = CUE_OF_SETUP.get(setup, ("",))
        for turn in range(count):
            cue = cues[turn % len(cues)]
            prevalence = PREVALENCES[turn % 3] if cue in CUES else float(bool(cue))
            yield setup, cue, prevalence, True, False


def table(half: str) -> Iterable[Spec]:
    """All of a half, or of the bank; backbones, then animals, scenes and whether only the head learns, take turns."""
    like = "tuned" if half == BANK else half
    backbones = [name for name, backbone in BACKBONES.items() if backbone.half == like]
    for number, (setup, cue, prevalence, redundant, two) in enumerate(_wanted(half)):
        (turn, place) = divmod(number, len(backbones))
        backbone = backbones[place]
        animals = ANIMALS[half][turn % len(ANIMALS[half])]
        first = (number + number // 3) % 3
        classes = (first, (first + 1) % 3) if two else (first,) if cue else ()
        yield Spec(
            name=f"{half} {number:03} {setup}{f', {cue} {prevalence:.0%}' if cue else ''}, {backbone}",
            half=half,
            setup=setup,
            backbone=backbone,
            animals=animals,
            pool=POOLS[half][turn % 2],
            seed=1000 * (1 + (*HALVES, BANK).index(half)) + number,
            frozen=BACKBONES[backbone].trained or (turn % 4 == 3 and backbone != "pooled"),  # whose last layer is a convolution
            cue=cue,
            style=2 * number + HALVES.index(like) if cue else 0,
            prevalence=prevalence,
            classes=tuple(range(len(animals))) if setup == EVERYWHERE else classes,
            redundant=redundant,
            taught=TAUGHT if setup == PLANTED and redundant and prevalence < 1 else 0.0,
        )


def specs(half: str) -> list[Spec]:
    """The networks of one half, or of the bank, that are measured, in an order in which any beginning holds something of
    everything; without the real SqueezeNet where ``../shared/data`` does not lie beside the project."""
    drawn = sorted(table(half), key=lambda spec: hashlib.sha256(spec.name.encode()).digest())[: DRAWN.get(half)]
    return [spec for spec in drawn if spec.backbone != "real SqueezeNet" or WEIGHTS.is_file()]
