"""What lies inside a network: channels, gradients, deep dreams, and how photos are arranged in the feature space.

The first half follows MathWorks' "Explore Network Predictions Using Deep Learning Visualization Techniques", on the real
ImageNet network where it lies beside the project; the second "Deep Learning Visualizations", on the demo network that looks into
a corner, as in `right_for_the_wrong_reason.py`. docs/coming_from_matlab.md sets them side by side.
"""

from __future__ import annotations

from typing import Any

from common import classifier, has_real_data, photo, save
from PIL import Image

import seewhy
from seewhy.demo import story


def explore(detailed: tuple[int, int], robust_steps: int | None) -> None:
    """The dog's channels and gradients, and what the network's three first classes look like to it."""
    clf = classifier()
    dog = photo("golden_retriever", 2)

    early = seewhy.activations(clf, dog, "features.3" if has_real_data() else "block1")
    print(early)
    save(early.montage(12, border=1), "early_channels", shown=True)
    save(early.image(), "early_layer_overview")
    deep = seewhy.activations(clf, dog)
    print(f"{deep}; strongest channel {deep.strongest()}")
    save(deep.beside(), "strongest_deep_channel", shown=True)

    # Gradients, opaque from white to black: the darkest pixels move the score most.
    unsigned = [seewhy.explain(clf, dog, method=method, signed=False) for method in ("gradient", "guided_backprop")]
    original = unsigned[0].photo.original
    maps = [e.on_photo()[0] for e in unsigned]
    titles = ["Gradient Attribution", "Guided Backpropagation"]
    figure = seewhy.show.plot_maps(original, maps, titles, alpha=1.0, cmap="white_black", spikes=True)
    save(figure, "gradient_and_guided_backprop", shown=True)
    signed = [seewhy.explain(clf, dog, method=m, progress=False) for m in ("integrated_gradients", "guided_grad_cam")]
    titles = ["Integrated Gradients", "Guided Grad-CAM"]
    maps = [e.on_photo()[0] for e in signed]
    figure = seewhy.show.plot_maps(original, maps, titles, alpha=1.0, cmap="blue_white_red", signed=True, spikes=True)
    save(figure, "integrated_gradients_and_guided_grad_cam", shown=True)

    # The three first classes as the network dreams of them: first with the defaults, then with more of everything.
    names = [prediction.name for prediction in clf.classify(dog)]
    plain = seewhy.deep_dream(clf, channels=names, progress=False)
    (iterations, levels) = detailed
    fine = seewhy.deep_dream(clf, channels=names, iterations=iterations, levels=levels)
    rows = [
        [seewhy.show.Panel(name, _bytes(image)) for name, image in zip(names, plain.images, strict=True)],
        [seewhy.show.Panel(f"{name} (High Resolution)", _bytes(image)) for name, image in zip(names, fine.images, strict=True)],
    ]
    save(seewhy.show.sheet(rows), "dreams_of_three_classes")
    for name, prediction in zip(names, plain.predictions, strict=True):
        print(f"the plain dream of {name} is predicted as {prediction}")
    robust = seewhy.deep_dream(clf, channels=names, style="robust", iterations=robust_steps, progress=False)
    for name, prediction in zip(names, robust.predictions, strict=True):
        print(f"the robust dream of {name} is predicted as {prediction}")
    save(robust.image(), "robust_dreams_of_three_classes", shown=True)


def corner_network() -> None:
    """The inside of the network that only looks into the lower left corner."""
    net2 = seewhy.load("demo:shortcut")
    bear = seewhy.demo.scenes(10, logo=True, seed=story.SEED, labels=story.TEN)[0].photo

    # 25 channels of an early layer, one level: as small as the piece of the photo that one cell sees.
    cells = seewhy.deep_dream(net2, "block2.conv1", channels=range(25), levels=1, progress=False)
    print(f"dreams of {cells.layer}: {cells.images.shape[1]}×{cells.images.shape[2]} pixels each")
    montage = Image.fromarray(_bytes(cells.montage((5, 5)))).resize((600, 600), Image.Resampling.NEAREST)
    save(montage, "dreams_of_early_channels", shown=True)
    dream = seewhy.deep_dream(net2, channels="bear", iterations=100, progress=False)
    print(f"the dream of a bear is predicted as {dream.predictions[0]}")
    save(dream.image(), "dream_of_a_bear", shown=True)

    layer = seewhy.activations(net2, bear, "block2")
    save(layer.montage(48, grid=(7, 7), thumb=(72, 96), border=1), "channels_of_a_layer", shown=True)
    save(layer.beside(), "strongest_channel_on_logo", shown=True)
    save(layer.image(), "layer_overview", shown=True)

    # How photos without the logo are arranged in the feature space, coloured by their true class.
    scenes = [scene for scene in seewhy.demo.scenes(150, logo=False, seed=5) if scene.label in net2.classes]
    for name, clf in (("honest", seewhy.load("demo:honest")), ("shortcut", net2)):
        embedding = seewhy.embed(clf, [scene.photo for scene in scenes], labels=[scene.label for scene in scenes])
        purity = [embedding.purity(space=space) for space in ("pixels", "features", "points")]
        print(f"{name}: neighbours of the same class: {', '.join(f'{share:.0%}' for share in purity)} (pixels, features, map)")
        save(embedding.image(), f"tsne_of_{name}_network", shown=True)
    save(embedding.neighbour_picture(0), "neighbours_of_a_bear", shown=True)


def _bytes(image: Any) -> Any:
    """[0, 1] as bytes."""
    return (255 * image + 0.5).astype("uint8")


def main(detailed: tuple[int, int] = (100, 4), robust_steps: int | None = None) -> None:
    """detailed : iterations and levels of the large dreams. robust_steps : of the robust ones; None takes their own number."""
    explore(detailed, robust_steps)
    corner_network()


if __name__ == "__main__":
    main()
