"""Source 003: what part of the photo matters for its answer? Grey squares set by hand, then a mask around every pixel.

`--full` runs all 50,176 masks and compares them with the map that 1/50 of them gave. The idea of hiding parts of a photo to see
what the score does is Zeiler and Fergus's (2014).
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

    # The sides and the grey are the document's; the places are those of this photo's horn and of the wall beside it.
    side = round(71 * size[0] / 224)
    for name, (row, column) in {"on_the_horn": (72, 36), "beside_it": (15, 120)}.items():
        (top, left) = (round(row * size[0] / 224), round(column * size[1] / 224))
        masked = hidden(pixels, top, left, side)
        print(f"square {name.replace('_', ' ')}, rows {top}-{top + side}: {'; '.join(str(p) for p in clf.classify(masked))}")
        save(masked, f"003_square_{name}")

    # A mask around every pixel: 50,176 photos at 224×224, 7.5 GB if they were ever all made. Coarse places come first, so a
    # fiftieth of them gives a map already, and says how far off it is.
    count = size[0] * size[1]
    settings = {"method": "occlusion", "mask_size": side, "stride": 1, "fill": GREY}
    e = seewhy.explain(clf, horn, budget=count // part, **settings)
    print(f"{e.targets[0]}: {e.notes[-1]}; {e.cost.seconds:.1f} s")
    if full:
        quick = e
        e = seewhy.explain(clf, horn, **settings)
        alike = np.corrcoef(quick.maps.ravel(), e.maps.ravel())[0, 1]
        missed = np.abs(quick.maps - e.maps).mean()
        print(f"all {count:,} masks: {e.cost.seconds:.0f} s; the quick map's correlation {alike:.4f}, mean error {missed:.4f}")

    (rows, columns) = (e.details["mask_rows"], e.details["mask_columns"])
    chosen = np.random.default_rng(0).choice(count, 9, replace=False)
    save(seewhy.show.montage([hidden(pixels, rows[i], columns[i], side) for i in chosen], border=2), "003_nine_masked_photos")

    # The document shows the score of every masked photo, negated: the brighter, the more that mask took away.
    score = e.targets[0].score - e.maps[0]  # (H, W)
    save((255 * seewhy.show.min_max(-score)).astype(np.uint8), "003_negated_scores")
    worst = int(score.argmin())
    masked = hidden(pixels, rows[worst], columns[worst], side)
    print(f"lowest at row {worst // size[1]}, column {worst % size[1]}: {'; '.join(str(p) for p in clf.classify(masked))}")
    save(masked, "003_where_it_hurts_most")
    save(seewhy.show.plot_maps(pixels, [e.maps[0]], [f"Occlusion\n{e.targets[0]}"]), "003_occlusion")
    save(e.image(), "003_on_the_photo")
    save(seewhy.explain(clf, horn).image(), "003_grad_cam")


def hidden(pixels: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    """The photo with a grey square, cut off at its edges."""
    masked = pixels.copy()
    masked[max(0, top) : top + side, max(0, left) : left + side] = GREY
    return masked


if __name__ == "__main__":
    main("--full" in sys.argv)
