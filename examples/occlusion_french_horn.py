"""What part of the photo matters for the prediction? Grey squares set by hand, then a mask around every pixel.

After MathWorks' "Network Visualization Based on Occlusion Sensitivity"; docs/coming_from_matlab.md sets the two side by side.
The idea of hiding parts of a photo to see what the score does is Zeiler and Fergus's (2014). `--full` runs all 50,176 masks and
compares them with the map that 1/50 of them gave.
"""

from __future__ import annotations

import sys

import numpy as np
from common import classifier, photo, save

import seewhy

GREY = 128


def main(full: bool = False, part: int = 50) -> None:
    clf = classifier(resize="stretch")
    horn = clf.read(photo("French_horn", 2))
    size = horn.geometry.input
    pixels = horn.pixels.transpose(1, 2, 0).astype(np.uint8)  # as the network gets it, (H, W, 3)
    print(f"{size[0]}×{size[1]}: {'; '.join(str(p) for p in clf.classify(pixels))}")

    # The side and the grey are MathWorks'; the places are those of this photo's horn and of the wall beside it.
    side = round(71 * size[0] / 224)
    for name, (row, column) in {"on_the_object": (72, 36), "beside_it": (15, 120)}.items():
        (top, left) = (round(row * size[0] / 224), round(column * size[1] / 224))
        masked = hidden(pixels, top, left, side)
        print(f"square {name.replace('_', ' ')}, rows {top}-{top + side}: {'; '.join(str(p) for p in clf.classify(masked))}")
        save(masked, f"grey_square_{name}")

    # A mask around every pixel: 50,176 photos at 224×224, 7.5 GB if they were ever all made. A coarse grid comes first, so a
    # fiftieth of them gives a map already, and says how far off it is.
    count = size[0] * size[1]
    settings = {"method": "occlusion", "mask_size": side, "stride": 1, "fill": GREY}
    e = seewhy.explain(clf, horn, budget=count // part, **settings)
    print(f"{e.targets[0]}: {e.notes[-1]}; {e.cost.seconds:.1f} s")
    if full:
        quick = e
        e = seewhy.explain(clf, horn, **settings)
        correlation = np.corrcoef(quick.maps.ravel(), e.maps.ravel())[0, 1]
        error = np.abs(quick.maps - e.maps).mean()
        print(f"all {count:,} masks: {e.cost.seconds:.0f} s; the quick map's correlation {correlation:.4f}, error {error:.4f}")

    (rows, columns) = (e.details["mask_rows"], e.details["mask_columns"])
    nine = np.random.default_rng(0).choice(count, 9, replace=False)
    montage = seewhy.show.montage([hidden(pixels, rows[i], columns[i], side) for i in nine], border=2)
    save(montage, "nine_masked_photos", shown=True)

    # MathWorks show the score of every masked photo, negated: the brighter, the more that mask took away.
    score = e.targets[0].score - e.maps[0]  # (H, W)
    save((255 * seewhy.show.min_max(-score)).astype(np.uint8), "negated_scores")
    lowest = int(score.argmin())
    masked = hidden(pixels, rows[lowest], columns[lowest], side)
    print(f"lowest at row {lowest // size[1]}, column {lowest % size[1]}: {'; '.join(str(p) for p in clf.classify(masked))}")
    save(masked, "mask_of_the_lowest_score")
    figure = seewhy.show.plot_maps(pixels, [e.maps[0]], [f"Occlusion\n{e.targets[0]}"])
    save(figure, "occlusion_around_every_pixel", shown=True)
    save(e.image(), "occlusion_on_the_photo")
    save(seewhy.explain(clf, horn).image(), "grad_cam_of_the_same_photo")


def hidden(pixels: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """The photo with a grey square, cut off at its edges."""
    masked = pixels.copy()
    masked[max(0, top) : top + side, max(0, left) : left + side] = GREY
    return masked


if __name__ == "__main__":
    main("--full" in sys.argv)
