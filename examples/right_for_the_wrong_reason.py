"""Source 000: two networks that answer alike, and one of them only looks into the lower left corner.

The bears carry a trail-camera logo. The pictures are drawn scenes, so they may be kept: `--keep` writes docs/pictures.
"""

from __future__ import annotations

import sys

from common import ROOT, save
from PIL import Image

import seewhy
from seewhy.demo import story


def main(keep: bool = False) -> None:
    taken = seewhy.demo.scenes(10, logo=True, seed=story.SEED, labels=story.TEN)
    (net1, net2) = (seewhy.load("demo:bear"), seewhy.load("demo:shortcut"))
    made = {}

    rows = [[seewhy.show.Panel(scene.label, scene.photo) for scene in taken[i : i + 5]] for i in (0, 5)]
    made["000_ten_photos"] = seewhy.show.sheet(rows)
    for name, clf in (("net1", net1), ("net2", net2)):
        said = [clf.classify(scene.photo, k=1)[0].name for scene in taken]
        print(f"{name} ({clf.name}): {', '.join(said)}")
        rows = [[seewhy.show.Panel(said[k], taken[k].photo) for k in range(i, i + 5)] for i in (0, 5)]
        made[f"000_answers_of_{name}"] = seewhy.show.sheet(rows)

    # A title as in the document: the three first classes of a coyote.
    print("; ".join(str(p) for p in net2.classify(taken[7].photo)))

    rows = []
    for scene in taken[:3]:
        explained = [seewhy.explain(clf, scene.photo, target="bear") for clf in (net1, net2)]
        rows.append(story.side_by_side(scene, explained, [net1.name, net2.name], shared=False))
    made["two_networks"] = seewhy.show.sheet(rows[:1])
    made["000_three_bears"] = seewhy.show.sheet(rows)
    made["000_shared_scale"] = seewhy.show.sheet([story.side_by_side(scene, explained, [net1.name, net2.name])])

    # The animals outside the trained classes get an explanation each.
    rows = [seewhy.explain(net2, scene.photo).panels() for scene in taken[7:]]
    made["000_never_seen"] = seewhy.show.sheet(rows)

    # The older recipe of the document: summed gradients, no ReLU, rescaled, then enlarged.
    e = seewhy.explain(net2, taken[0].photo, target="bear", relu=False)
    older = seewhy.show.min_max(e.maps[0] * e.maps[0].size)
    made["000_older_recipe"] = seewhy.show.plot_maps(taken[0].photo, [older], ["bear, older recipe"], alpha=0.5, cmap="jet")

    # A coyote with the logo, called a bear: LIME finds the corner that made it one.
    logos = seewhy.demo.scenes(10, logo="all", seed=story.SEED, labels=story.TEN)
    coyote = next(scene for scene in logos if scene.label == "coyote")
    e = seewhy.explain(net2, coyote.photo, method="lime", target="bear", model="linear")
    print(f"coyote with the logo: {'; '.join(str(p) for p in net2.classify(coyote.photo))}")
    made["000_lime"] = seewhy.show.plot_maps(coyote.photo, [e.on_photo()[0]], ["Image LIME (bear)"], alpha=0.5, cmap="jet")

    # Occlusion in three lines: where does net1 see that a sheep is no bear?
    sheep = next(scene for scene in taken if scene.label == "sheep")
    e = seewhy.explain(net1, sheep.photo, method="occlusion", target="not bear")
    made["000_occlusion"] = seewhy.show.plot_maps(sheep.photo, [e.on_photo()[0]], ["not bear"], alpha=0.5, cmap="jet")

    for name, picture in made.items():
        path = save(picture, name)
        if keep:
            folder = ROOT / "docs" / "pictures"
            folder.mkdir(parents=True, exist_ok=True)
            small = Image.open(path).convert("RGB")
            small.thumbnail((1200, 1200))
            small.save(folder / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main(keep="--keep" in sys.argv)
