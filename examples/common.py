"""What the examples share: a real ImageNet network and photos where they lie beside the project, else the demo's.

Each example runs by itself (`python examples/cam_in_a_few_lines.py`) and writes its pictures to out/. With `--keep` it draws the
demo's scenes, which may be shown anywhere, and those pictures that the documentation shows also go to docs/pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import seewhy

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "out"
PICTURES = ROOT / "docs" / "pictures"
DATA = ROOT.parent / "shared" / "data"
KEEP = "--keep" in sys.argv


def has_real_data() -> bool:
    """Whether the examples use the real network and its photos."""
    return not KEEP and (DATA / "squeezenet1_0_imagenet.safetensors").is_file()


def squeezenet() -> seewhy.Classifier:
    """The real SqueezeNet with its 1000 classes, from the files beside the project."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    return seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")


def classifier(**preprocess: Any) -> seewhy.Classifier:
    """The real SqueezeNet, or the demo network. preprocess: changes to how photos are prepared."""
    if has_real_data():
        clf = squeezenet()
    else:
        clf = seewhy.load("demo:honest")
        preprocess = {name: value for name, value in preprocess.items() if name != "size"}
    return clf.with_preprocess(**preprocess) if preprocess else clf


def photo(name: str, scene: int) -> Any:
    """The real photo whose file name holds ``name``, or a demo scene's pixels."""
    if has_real_data():
        return next((DATA / "photos").glob(f"*_{name}.JPEG"))
    return seewhy.demo.scenes(scene + 1, seed=4)[scene].photo


def save(picture: Any, name: str, shown: bool = False) -> None:
    """A figure, a PIL image or pixels as out/NAME.png, and a line that says so. shown: the documentation shows this picture."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.png"
    if hasattr(picture, "savefig"):
        picture.savefig(path, dpi=100)
    else:
        (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path)
    print(f"wrote {path.relative_to(ROOT)}")
    if shown and KEEP:
        with Image.open(path) as image:
            small = image.convert("RGB")
        small.thumbnail((1200, 1200))
        small.save(PICTURES / f"{name}.jpg", quality=88)


def cam_figure(clf: seewhy.Classifier, photo: Any, target: Any = "top1") -> Any:
    """The classical CAM figure: the photo, `cam_show` beside it, and the three first classes as its title."""
    from matplotlib.figure import Figure

    e = seewhy.explain(clf, photo, method="cam", target=target)
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    (left, right) = figure.subplots(1, 2)
    left.imshow(e.photo.original)
    right.imshow(seewhy.show.cam_show(e.photo.original, np.nan_to_num(e.on_photo()[0], nan=e.maps.min())))
    right.set_title("\n".join(f"{p.name}, {p.score:.3f}" for p in e.predictions[:3]), fontsize=11)
    left.set_title(f"map of: {e.targets[0]}", fontsize=11)
    for axes in (left, right):
        axes.set_axis_off()
    return figure
