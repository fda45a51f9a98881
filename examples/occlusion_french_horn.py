"""Source 003: what part of the photo matters for its answer? So far: two grey squares set by hand, and Grad-CAM beside them."""

from __future__ import annotations

import numpy as np
from common import classifier, photo, save

import seewhy


def main() -> None:
    clf = classifier(resize="stretch")
    horn = clf.read(photo("French_horn", 2))
    size = horn.geometry.input
    pixels = horn.pixels.transpose(1, 2, 0).astype(np.uint8)  # as the network gets it, (H, W, 3)
    print(f"{size[0]}×{size[1]}: {'; '.join(str(p) for p in clf.classify(pixels))}")

    # The sides and the grey are the document's; the places are those of this photo's horn and of the wall beside it.
    side = round(71 * size[0] / 224)
    for name, (row, column) in {"on_the_horn": (72, 36), "beside_it": (15, 120)}.items():
        masked = pixels.copy()
        (top, left) = (round(row * size[0] / 224), round(column * size[1] / 224))
        masked[top : top + side, left : left + side] = 128
        print(f"square {name.replace('_', ' ')}, rows {top}-{top + side}: {'; '.join(str(p) for p in clf.classify(masked))}")
        save(masked, f"003_square_{name}")
    save(seewhy.explain(clf, photo("French_horn", 2)).image(), "003_grad_cam")


if __name__ == "__main__":
    main()
