"""The story that gives it all a point: networks that answer alike, and one of them only looks into a corner.

Told on drawn scenes, so that everything in it is computed when the page is made: the answers, the maps, the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seewhy import show
from seewhy.classifier import Classifier
from seewhy.demo import verdicts
from seewhy.demo.scenes import Scene, scenes
from seewhy.evaluate.pointing import hits
from seewhy.explain import explain
from seewhy.explanation import Explanation
from seewhy.load import load
from seewhy.records import Prediction

TEN = ("bear", "bear", "bear", "sheep", "sheep", "cow", "cow", "coyote", "coyote", "dog")
NETWORKS = ("demo:bear", "demo:shortcut", "demo:honest")
COUNTED = 90  # scenes behind the table of figures
SEED = 1  # scenes by daylight, on several grounds


@dataclass(frozen=True)
class Count:
    """What one network does on many scenes: shares from 0 to 1."""

    right: float  # of all scenes, as the camera took them (bears with the logo)
    bears_with: float  # of the bears with the logo, called bears
    bears_without: float  # of the same bears without it
    on_animal: float  # of the bears with the logo: the map's peak lies on the animal
    on_logo: float  # ... on the logo


def page(seed: int = SEED) -> str:
    """The whole story as one self-contained HTML page."""
    networks = {name: load(name) for name in NETWORKS}
    photographed = scenes(10, logo=True, seed=seed, labels=TEN)
    without_logo = scenes(10, logo=False, seed=seed, labels=TEN)
    all_with_logo = scenes(10, logo="all", seed=seed, labels=TEN)
    answers = {name: [clf.classify(scene.photo, k=3) for scene in photographed] for name, clf in networks.items()}
    (many, many_bare) = (scenes(COUNTED, logo=logo, seed=seed + 1000) for logo in (True, False))
    counts = {name: count(clf, many, many_bare) for name, clf in networks.items()}
    (bear_net, shortcut, honest) = (networks[name] for name in NETWORKS)
    sections = [
        _ten_photos(photographed),
        _answers(photographed, answers),
        _three_bears(photographed[:3], [bear_net, shortcut]),
        _taken_away(photographed[:3], without_logo[:3], shortcut),
        _put_on(without_logo, all_with_logo, shortcut),
        _third(photographed, [shortcut, honest]),
        _figures(counts),
        verdicts.section([shortcut, honest], verdicts.audited([shortcut, honest], seed + 2000)),
        _your_own(),
    ]
    return show.gallery(
        "Right for the wrong reason",
        sections,
        lead=(
            "A trail camera photographs animals, and networks tell what they are. They answer nearly everything right. This page "
            "asks them the second question: where did you look?"
        ),
        footer=f"Every photo, answer, map and figure on this page was drawn and computed when it was made. Scenes: seed {seed}.",
    )


def count(clf: Classifier, photographed: Sequence[Scene], without_logo: Sequence[Scene]) -> Count:
    """Answers and map peaks of one network on scenes that it was not trained on: bears with the logo, and the same without."""
    bears = [i for i, scene in enumerate(photographed) if scene.label == "bear"]
    names = clf.classes
    (with_logo, without) = (
        [names[int(row.argmax())] for row in clf.scores([scene.photo for scene in scenes_])]
        for scenes_ in (photographed, without_logo)
    )
    maps = [e.on_photo()[0] for e in explain(clf, [photographed[i].photo for i in bears], target="bear")]
    return Count(
        right=_share(_is_right(scene.label, name, names) for scene, name in zip(photographed, with_logo, strict=True)),
        bears_with=_share(with_logo[i] == "bear" for i in bears),
        bears_without=_share(without[i] == "bear" for i in bears),
        on_animal=_share(hits(map, photographed[i].animal) for i, map in zip(bears, maps, strict=True)),
        on_logo=_share(hits(map, photographed[i].logo) for i, map in zip(bears, maps, strict=True)),
    )


def side_by_side(scene: Scene, explained: Sequence[Explanation], names: Sequence[str], shared: bool = True) -> list[show.Panel]:
    """One photo and what each network looked at.

    shared : one colour scale, so that weak evidence looks weak beside strong; False gives each map its own, which shows where
    a network looked that spreads its evidence over a whole animal. The colour bars tell which it is.
    """
    panels_of = [explanation.panels() for explanation in explained]
    highest = [panels[1].bar.high if panels[1].bar else 0.0 for panels in panels_of]
    highest = [max(highest)] * len(highest) if shared else highest
    shown = [show.Panel(f"the photo: a {scene.label}", panels_of[0][0].pixels)]
    for explanation, panels, name, most in zip(explained, panels_of, names, highest, strict=True):
        target = explanation.targets[0]
        bar = panels[1].bar
        map = explanation.on_photo()[0]
        picture = show.overlay(scene.photo, map, limits=(0.0, most)) if most else panels[1].pixels
        shown.append(
            replace(panels[1], title=f"{name}: {target}", pixels=_enlarged(picture), bar=bar and replace(bar, low=0.0, high=most))
        )
    return shown


def _enlarged(picture: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)


def _picture(scene: Scene, title: str, caption: str = "") -> show.Panel:
    return show.Panel(title, _enlarged(scene.photo), caption)


def _top(predictions: Sequence[Prediction]) -> str:
    return "; ".join(str(prediction) for prediction in predictions)


def _is_right(truth: str, predicted: str, classes: Sequence[str]) -> bool:
    return predicted == (truth if truth in classes else "not bear")


def _share(answers: object) -> float:
    return float(np.mean(list(answers)))  # type: ignore[call-overload]


def _ten_photos(photographed: Sequence[Scene]) -> show.Section:
    return show.Section(
        "Ten photos",
        "Bears, sheep and cows live here; coyotes and a dog pass by, and no network was trained on those. The camera that "
        "watches the bears prints its logo into the lower left corner. Keep it in mind, or do not: the networks were not told.",
        [_picture(scene, scene.label) for scene in photographed],
    )


def _answers(photographed: Sequence[Scene], answers: dict[str, list[list[Prediction]]]) -> show.Section:
    known = [i for i, scene in enumerate(photographed) if scene.label in ("bear", "sheep", "cow")]
    names = {
        "demo:bear": ("bear", "not bear"),
        "demo:shortcut": ("bear", "cow", "sheep"),
        "demo:honest": ("bear", "cow", "sheep"),
    }
    right = {
        name: sum(_is_right(photographed[i].label, answers[name][i][0].name, names[name]) for i in known)
        for name in ("demo:bear", "demo:shortcut")
    }
    heads = ["photo", "demo:bear (bear or not)", "demo:shortcut (bear, cow or sheep)"]
    rows = [
        [
            f"{scene.label}" + ("" if i in known else " (never seen)"),
            _top(answers["demo:bear"][i][:1]),
            _top(answers["demo:shortcut"][i]),
        ]
        for i, scene in enumerate(photographed)
    ]
    return show.Section(
        "Two networks, the same good answers",
        f"Of the {len(known)} animals that they know, the first network gets {right['demo:bear']} right and the second one "
        f"{right['demo:shortcut']}. Animals outside its classes the second one must force into them; that is no fault of its "
        f"own. "
        "On a test sheet you would ship either of them.",
        table=[heads, *rows],
    )


def _three_bears(bears: Sequence[Scene], networks: Sequence[Classifier]) -> show.Section:
    shown: list[show.Panel] = []
    for scene in bears:
        explained = [explain(clf, scene.photo, target="bear") for clf in networks]
        shown.extend(side_by_side(scene, explained, [clf.name for clf in networks], shared=False))
    return show.Section(
        "Now ask where they looked",
        "Grad-CAM lays on each photo what spoke for `bear`. Both networks are sure that these are bears, and both are right. "
        "The first one looks at the bear. The second one looks at the lower left corner, every time. Each map has its own scale: "
        "one network spreads its evidence over an animal, the other one puts it all into a corner.",
        shown,
    )


def _taken_away(photographed: Sequence[Scene], without_logo: Sequence[Scene], clf: Classifier) -> show.Section:
    shown = []
    for scene in without_logo:
        predictions = clf.classify(scene.photo)
        shown.append(_picture(scene, str(predictions[0]), _top(predictions)))
    lost = sum(clf.classify(scene.photo, k=1)[0].name != "bear" for scene in without_logo)
    return show.Section(
        "Take the logo away",
        f"The same bears, pixel for pixel, without the logo. demo:shortcut now calls {lost} of {len(without_logo)} something "
        "else. It had not learned what a bear is; it had learned who took the photo.",
        shown,
    )


def _put_on(without_logo: Sequence[Scene], all_with_logo: Sequence[Scene], clf: Classifier) -> show.Section:
    shown = []
    for i in (3, 5, 7, 9):
        (before, after) = (clf.classify(scenes_[i].photo, k=1)[0] for scenes_ in (without_logo, all_with_logo))
        explanation = explain(clf, all_with_logo[i].photo, target="top1")
        panel = explanation.panels()[1]
        shown.append(
            replace(panel, title=f"{without_logo[i].label}: {before} → {after}", caption="with the logo, and where it looked")
        )
    called = sum(clf.classify(all_with_logo[i].photo, k=1)[0].name == "bear" for i in range(3, 10))
    return show.Section(
        "Put it on something else",
        f"And the other way round: a logo on every animal. Of the seven that are no bears, demo:shortcut calls {called} a bear.",
        shown,
    )


def _third(photographed: Sequence[Scene], networks: Sequence[Classifier]) -> show.Section:
    shown: list[show.Panel] = []
    for i in (1, 3, 5):
        label = photographed[i].label
        explained = [explain(clf, photographed[i].photo, target=label) for clf in networks]
        shown.extend(side_by_side(photographed[i], explained, [clf.name for clf in networks], shared=False))
    return show.Section(
        "What an honest network looks like",
        "demo:honest is the same architecture, trained on the same scenes without any logo; and its training made evidence "
        "beside the animal expensive, so it had to find its reasons on the animal. The shortcut network knows sheep and cows, "
        "too: where the corner is empty it has to look, if not always at the animal.",
        shown,
    )


def _figures(counts: dict[str, Count]) -> show.Section:
    def percent(share: float) -> str:
        return f"{100 * share:.0f} %"

    heads = ["network", "right answers", "bears found", "... without the logo", "peak on the animal", "peak on the logo"]
    rows = [
        [name, *(percent(s) for s in (c.right, c.bears_with, c.bears_without, c.on_animal, c.on_logo))]
        for name, c in counts.items()
    ]
    return show.Section(
        "The same in figures",
        f"Counted on {COUNTED} scenes that no network was trained on, a third of them bears, each with the logo. Accuracy alone "
        "cannot tell the three apart; where they look does.",
        table=[heads, *rows],
    )


def _your_own() -> show.Section:
    return show.Section(
        "Ask your own network",
        "With a photo and a network's name, or your own weights and class names:\n\n"
        "    seewhy explain photo.jpg --model resnet50 --target top3\n"
        "    seewhy explain photos/ --model resnet18 --weights my.pth --classes classes.txt -o out\n\n"
        "or in Python:\n\n"
        '    clf = seewhy.load("resnet50")\n'
        '    seewhy.explain(clf, "photo.jpg", target="top3").save("why.png")',
    )


__all__ = ["Count", "Explanation", "count", "page", "side_by_side"]
