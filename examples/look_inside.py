"""Sources 000 and 002, what lies inside: channels, gradients, deep dreams, and how the classes lie in the feature space.

The second source's pictures are of the real ImageNet network where it lies beside the project; the first one's are of the demo
network that looks into a corner, as in `right_for_the_wrong_reason.py`. `--keep` writes those to docs/pictures.
"""

from __future__ import annotations

import sys
from typing import Any

from common import ROOT, classifier, has_real_data, photo, save
from PIL import Image

import seewhy
from seewhy.demo import story


def explore(detailed: tuple[int, int], robust_steps: int | None) -> dict[str, Any]:
    """Source 002: the dog's channels and gradients, and what the network thinks its three classes look like."""
    made: dict[str, Any] = {}
    clf = classifier()
    dog = photo("golden_retriever", 2)

    early = seewhy.activations(clf, dog, "features.3" if has_real_data() else "block1")
    print(early)
    made["002_early_channels"] = early.montage(12, border=1)
    deep = seewhy.activations(clf, dog)
    print(f"{deep}; strongest channel {deep.strongest()}")
    made["002_strongest_channel"] = deep.beside()
    made["002_early_layer"] = early.image()

    # Gradients, opaque from white to black: the darkest pixels move the score most.
    found = [seewhy.explain(clf, dog, method=method, signed=False) for method in ("gradient", "guided_backprop")]
    original = found[0].photo.original
    maps = [e.on_photo()[0] for e in found]
    titles = ["Gradient Attribution", "Guided Backpropagation"]
    made["002_gradients"] = seewhy.show.plot_maps(original, maps, titles, alpha=1.0, cmap="white_black", spikes=True)
    signed = [seewhy.explain(clf, dog, method=m, progress=False) for m in ("integrated_gradients", "guided_grad_cam")]
    titles = ["Integrated Gradients", "Guided Grad-CAM"]
    maps = [e.on_photo()[0] for e in signed]
    look = {"cmap": "blue_white_red", "signed": True, "spikes": True}
    made["002_signed_gradients"] = seewhy.show.plot_maps(original, maps, titles, alpha=1.0, **look)

    # The three first classes as the network dreams of them: first with what it takes by itself, then with more of everything.
    names = [prediction.name for prediction in clf.classify(dog)]
    plain = seewhy.deep_dream(clf, channels=names, progress=False)
    (iterations, levels) = detailed
    fine = seewhy.deep_dream(clf, channels=names, iterations=iterations, levels=levels)
    rows = [
        [seewhy.show.Panel(name, _bytes(image)) for name, image in zip(names, plain.images, strict=True)],
        [seewhy.show.Panel(f"{name} (High Resolution)", _bytes(image)) for name, image in zip(names, fine.images, strict=True)],
    ]
    made["002_dreams"] = seewhy.show.sheet(rows)
    for name, seen in zip(names, plain.predictions, strict=True):
        print(f"the plain dream of {name} is seen as {seen}")
    robust = seewhy.deep_dream(clf, channels=names, style="robust", iterations=robust_steps, progress=False)
    for name, seen in zip(names, robust.predictions, strict=True):
        print(f"the robust dream of {name} is seen as {seen}")
    made["002_robust_dreams"] = robust.image()
    return made


def two_networks() -> dict[str, Any]:
    """Source 000: the inside of the network that only looks into the lower left corner."""
    made: dict[str, Any] = {}
    net2 = seewhy.load("demo:shortcut")
    bear = seewhy.demo.scenes(10, logo=True, seed=story.SEED, labels=story.TEN)[0].photo

    # 25 channels of an early layer, one level: as small as the piece of the photo that one cell sees.
    cells = seewhy.deep_dream(net2, "block2.conv1", channels=range(25), levels=1, progress=False)
    print(f"dreams of {cells.layer}: {cells.images.shape[1]}×{cells.images.shape[2]} pixels each")
    made["000_early_dreams"] = Image.fromarray(_bytes(cells.montage((5, 5)))).resize((600, 600), Image.Resampling.NEAREST)
    dreamed = seewhy.deep_dream(net2, channels="bear", iterations=100, progress=False)
    print(f"the dream of a bear is seen as {dreamed.predictions[0]}")
    made["000_dream_of_a_bear"] = dreamed.image()

    layer = seewhy.activations(net2, bear, "block2")
    made["000_channels"] = layer.montage(48, grid=(7, 7), thumb=(72, 96), border=1)
    made["000_strongest_channel"] = layer.beside()
    made["000_layer"] = layer.image()

    # How the classes lie: photos with and without the logo, coloured by their true class.
    taken = seewhy.demo.scenes(150, logo=False, seed=5)
    kept = [scene for scene in taken if scene.label in net2.classes]
    for name, clf in (("honest", seewhy.load("demo:honest")), ("shortcut", net2)):
        lie = seewhy.embed(clf, [scene.photo for scene in kept], labels=[scene.label for scene in kept])
        purity = [lie.purity(space=space) for space in ("pixels", "features", "points")]
        print(f"{name}: neighbours of the same class: {', '.join(f'{share:.0%}' for share in purity)} (pixels, features, map)")
        made[f"000_tsne_{name}"] = lie.image()
    made["000_neighbours"] = lie.neighbour_picture(0)
    return made


def _bytes(image: Any) -> Any:
    """[0, 1] as bytes."""
    return (255 * image + 0.5).astype("uint8")


def main(detailed: tuple[int, int] = (100, 4), robust_steps: int | None = None, keep: bool = False) -> None:
    """detailed : iterations and levels of the large dreams. robust_steps : of the robust ones; None takes their own number."""
    for made in (explore(detailed, robust_steps), two_networks()):
        for name, picture in made.items():
            path = save(picture, name)
            if keep and name.startswith("000"):
                folder = ROOT / "docs" / "pictures"
                folder.mkdir(parents=True, exist_ok=True)
                small = Image.open(path).convert("RGB")
                small.thumbnail((1200, 1200))
                small.save(folder / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main(keep="--keep" in sys.argv)
