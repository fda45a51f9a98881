"""Explore a prediction: the top three, Grad-CAM at two layers, occlusion coarse and fine, LIME for two classes.

After the first half of MathWorks' "Explore Network Predictions Using Deep Learning Visualization Techniques"; `look_inside.py`
has the second, and docs/coming_from_matlab.md sets them side by side.
"""

from __future__ import annotations

import numpy as np
import torch
from common import classifier, has_real_data, photo, save
from torch.nn.functional import adaptive_avg_pool2d

import seewhy


def main() -> None:
    clf = classifier()  # MathWorks stretch their photo (resize="stretch"); stretched, this tall one is no retriever any more
    dog = photo("golden_retriever", 2)
    for rank, prediction in enumerate(clf.classify(dog), start=1):
        print(f"{rank}. {prediction.name:25s} {prediction.score:.5f}")

    deep = seewhy.explain(clf, dog)
    early = "features.3" if has_real_data() else "block1"
    shallow = seewhy.explain(clf, dog, layer=early)
    print(f"deep: {deep.layer} {deep.maps.shape[1:]}, shallow: {shallow.layer} {shallow.maps.shape[1:]}")
    figure = seewhy.show.plot_maps(
        deep.photo.original,
        [deep.on_photo()[0], shallow.on_photo()[0]],
        ["Deep Layer", "Shallow Layer"],
        alpha=0.5,
        cmap="jet",
    )
    save(figure, "deep_and_shallow_layer", shown=True)
    save(seewhy.explain(clf, dog, target="top3").image(), "top_three_classes", shown=True)

    # Occlusion, first with its defaults, then with a smaller mask: more detail, more noise, more passes.
    (height, width) = clf.input_size
    coarse = seewhy.explain(clf, dog, method="occlusion")
    (mask_size, stride) = ((side * height // 224, side * width // 224) for side in (15, 10))
    fine = seewhy.explain(clf, dog, method="occlusion", mask_size=mask_size, stride=stride)
    for e in (coarse, fine):
        (rows, columns) = e.maps.shape[1:]
        (mask_size, stride) = (e.details["mask_size"], e.details["stride"])
        print(f"mask {mask_size}, stride {stride}: {rows}×{columns} places, {e.cost.forward:.0f} passes, {e.cost.seconds:.2f} s")
    titles = ["Occlusion sensitivity\n(defaults)", "Occlusion sensitivity\n(small mask, small stride)"]
    maps = [e.on_photo()[0] for e in (coarse, fine)]
    figure = seewhy.show.plot_maps(deep.photo.original, maps, titles, alpha=0.5, cmap="jet")
    save(figure, "occlusion_coarse_and_fine", shown=True)

    # LIME for the two first classes, from the same samples, with the settings that MathWorks use.
    settings = {"model": "tree", "features": 49, "samples": 1000, "score": "probability"}
    lime = seewhy.explain(clf, dog, method="lime", target="top2", **settings)
    print(f"LIME: {lime.details['importance'].shape[0]} segments, R² {lime.details['r2_fit'][0]:.2f} on its own samples")
    titles = [f"LIME ({target.name})" for target in lime.targets]
    figure = seewhy.show.plot_maps(lime.photo.original, list(lime.on_photo()), titles, cmap="jet")
    save(figure, "lime_top_two_classes", shown=True)

    # Three mechanisms: do they agree? Rank correlation on one coarse grid.
    grids = {e.method: adaptive_avg_pool2d(torch.from_numpy(e.on_input()[:1]), 11).numpy().ravel() for e in (deep, coarse, lime)}
    ranks = {name: grid.argsort().argsort() for name, grid in grids.items()}
    pairs = [("grad_cam", "occlusion"), ("grad_cam", "lime"), ("occlusion", "lime")]
    print("; ".join(f"{a} and {b}: {np.corrcoef(ranks[a], ranks[b])[0, 1]:.2f}" for a, b in pairs))


if __name__ == "__main__":
    main()
