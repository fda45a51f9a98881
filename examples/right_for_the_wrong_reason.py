"""Two networks that predict alike, and one of them only looks into the lower left corner.

After MathWorks' "Deep Learning Visualizations"; docs/coming_from_matlab.md sets the two side by side. The bears carry a
trail-camera logo; all pictures are drawn scenes.
"""

from __future__ import annotations

from common import save

import seewhy
from seewhy.demo import story


def main() -> None:
    scenes = seewhy.demo.scenes(10, logo=True, seed=story.SEED, labels=story.TEN)
    (net1, net2) = (seewhy.load("demo:bear"), seewhy.load("demo:shortcut"))

    rows = [[seewhy.show.Panel(scene.label, scene.photo) for scene in scenes[i : i + 5]] for i in (0, 5)]
    save(seewhy.show.sheet(rows), "ten_photos", shown=True)
    for clf, classes in ((net1, "bear_or_not"), (net2, "bear_cow_sheep")):
        names = [clf.classify(scene.photo, k=1)[0].name for scene in scenes]
        print(f"{clf.name}: {', '.join(names)}")
        rows = [[seewhy.show.Panel(names[k], scenes[k].photo) for k in range(i, i + 5)] for i in (0, 5)]
        save(seewhy.show.sheet(rows), f"predictions_{classes}", shown=True)

    # The three first classes of a coyote, as the titles write them.
    print("; ".join(str(p) for p in net2.classify(scenes[7].photo)))

    rows = []
    for scene in scenes[:3]:
        explanations = [seewhy.explain(clf, scene.photo, target="bear") for clf in (net1, net2)]
        rows.append(story.side_by_side(scene, explanations, [net1.name, net2.name], shared=False))
    save(seewhy.show.sheet(rows[:1]), "two_networks", shown=True)
    save(seewhy.show.sheet(rows), "three_bears_with_logo", shown=True)
    one_scale = story.side_by_side(scene, explanations, [net1.name, net2.name])
    save(seewhy.show.sheet([one_scale]), "two_networks_on_one_scale", shown=True)

    # The animals outside the trained classes get an explanation each.
    rows = [seewhy.explain(net2, scene.photo).panels() for scene in scenes[7:]]
    save(seewhy.show.sheet(rows), "animals_never_trained_on", shown=True)

    # An older recipe of Grad-CAM: summed gradients, no ReLU, rescaled, then enlarged.
    e = seewhy.explain(net2, scenes[0].photo, target="bear", relu=False)
    older = seewhy.show.min_max(e.maps[0] * e.maps[0].size)
    figure = seewhy.show.plot_maps(scenes[0].photo, [older], ["bear, older recipe"], alpha=0.5, cmap="jet")
    save(figure, "bear_by_older_grad_cam", shown=True)

    # A coyote with the logo, called a bear: LIME finds the corner that made it one.
    with_logo = seewhy.demo.scenes(10, logo="all", seed=story.SEED, labels=story.TEN)
    coyote = next(scene for scene in with_logo if scene.label == "coyote")
    e = seewhy.explain(net2, coyote.photo, method="lime", target="bear", model="linear")
    print(f"coyote with the logo: {'; '.join(str(p) for p in net2.classify(coyote.photo))}")
    figure = seewhy.show.plot_maps(coyote.photo, [e.on_photo()[0]], ["Image LIME (bear)"], alpha=0.5, cmap="jet")
    save(figure, "coyote_by_lime", shown=True)

    # Occlusion in three lines: where does net1 see that a sheep is no bear?
    sheep = next(scene for scene in scenes if scene.label == "sheep")
    e = seewhy.explain(net1, sheep.photo, method="occlusion", target="not bear")
    figure = seewhy.show.plot_maps(sheep.photo, [e.on_photo()[0]], ["not bear"], alpha=0.5, cmap="jet")
    save(figure, "sheep_by_occlusion", shown=True)


if __name__ == "__main__":
    main()
