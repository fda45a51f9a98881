"""What it costs that a network comes as a file: beside loading and running it by hand, and beside bare onnxruntime."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import seewhy
from bench.timing import DATA, Figure, in_turns, options, ratios, save, show_figures
from seewhy.load import from_onnx, from_torchvision

GOAL_LOAD = 1.3  # seewhy's time over the time by hand
GOAL_ONNX = 1.1
NETWORK = "resnet50"

# In a process of its own, after the imports: from the file to the first Grad-CAM, and to the class by hand.
_BY_HAND = """
import sys, time
import torch, torchvision, PIL.Image
from safetensors.torch import load_file
start = time.perf_counter()
network = torchvision.models.resnet50(weights=None)
network.load_state_dict(load_file(sys.argv[1]))
network.eval()
transform = torchvision.models.ResNet50_Weights.DEFAULT.transforms()
taken = {}
def keep(module, args, out):
    taken["features"] = out
    out.register_hook(lambda gradient: taken.update(gradient=gradient))
network.layer4.register_forward_hook(keep)
logits = network(transform(PIL.Image.open(sys.argv[2]).convert("RGB"))[None])
logits[0, logits.argmax()].backward()
weights = taken["gradient"].mean(dim=(2, 3), keepdim=True)
map_ = torch.relu((weights * taken["features"]).sum(dim=1)).detach().numpy()
print(time.perf_counter() - start)
"""
_SEEWHY = """
import sys, time
import seewhy, torch
from seewhy.load import from_torchvision
from_torchvision.models()
start = time.perf_counter()
clf = seewhy.load("resnet50", weights=sys.argv[1])
map_ = seewhy.explain(clf, sys.argv[2], method="grad_cam").maps
print(time.perf_counter() - start)
"""
# torchvision's own part is built for CUDA; beside a CPU torch seewhy mends its import, here for both.
_MENDED = "from seewhy.load import from_torchvision\nfrom_torchvision.models()\n"


def measure(repeats: int = 9, masks: int = 400) -> list[Figure]:
    """(a) seconds from the file to the first map, and by hand, in fresh processes that take turns; (b) seconds of occlusion over
    an ONNX file, and of as many passes of onnxruntime alone in the same blocks."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return [*_loading(place, repeats), *_onnx(place, repeats, masks)]


def _photo(folder: Path) -> Path:
    photo = DATA / "photos" / "n02099601_golden_retriever.JPEG"
    if not photo.is_file():
        photo = folder / "scene.png"
        Image.fromarray(seewhy.demo.scenes(1)[0].photo).save(photo)
    return photo


def _loading(folder: Path, repeats: int) -> list[Figure]:
    weights = folder / "weights.safetensors"
    save_file(from_torchvision.models().get_model(NETWORK, weights=None).state_dict(), weights)
    programs = {"by hand": _MENDED + _BY_HAND, "seewhy": _SEEWHY}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(-1, repeats):  # the first round fills the file cache
        for name, program in programs.items():
            command = [sys.executable, "-c", program, str(weights), str(_photo(folder))]
            process = subprocess.run(command, capture_output=True, text=True, check=True)
            if turn >= 0:
                seconds[name].append(float(process.stdout))
    return [
        *(Figure.of(f"forms/{NETWORK} from its file, {name}", values, "s") for name, values in seconds.items()),
        Figure.of("forms/load and explain over by hand", ratios(seconds["seewhy"], seconds["by hand"]), "", GOAL_LOAD),
    ]


def _onnx(folder: Path, repeats: int, masks: int) -> list[Figure]:
    path = folder / "network.onnx"
    network = from_torchvision.models().get_model("squeezenet1_0", weights=None).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own parts
        torch.onnx.export(
            *(network, (torch.zeros(2, 3, 224, 224),), path),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    clf = seewhy.load(path)
    photo = clf.read(_photo(folder))
    side = round(masks**0.5)
    settings = {"mask_size": 45, "stride": -(-224 // side), "target": 0, "progress": False}
    passes = round(seewhy.explain(clf, photo, "occlusion", **settings).cost.forward)
    blocks = _blocks(clf, photo, settings)
    session = clf.network._session
    name = session.get_inputs()[0].name
    inputs = {size: np.random.default_rng(0).random((size, 3, 224, 224), np.float32) for size in set(blocks)}

    def bare() -> None:
        for size in blocks:
            session.run(None, {name: inputs[size]})

    seconds = in_turns(
        {"bare passes": bare, "occlusion": lambda: seewhy.explain(clf, photo, "occlusion", **settings)}, max(3, repeats // 2)
    )
    return [
        *(Figure.of(f"forms/onnx, {name}, {passes} passes", values, "s") for name, values in seconds.items()),
        Figure.of("forms/onnx occlusion over bare passes", ratios(seconds["occlusion"], seconds["bare passes"]), "", GOAL_ONNX),
    ]


def _blocks(clf: seewhy.Classifier, photo: seewhy.records.Photo, settings: dict[str, object]) -> list[int]:
    """How many photos onnxruntime is given at once, call by call, during one explanation."""
    sizes: list[int] = []
    run = from_onnx.OnnxNetwork._run

    def counting(network: from_onnx.OnnxNetwork, photos: np.ndarray) -> list[np.ndarray]:
        sizes.append(len(photos))
        return run(network, photos)

    from_onnx.OnnxNetwork._run = counting
    try:
        seewhy.explain(clf, photo, "occlusion", **settings)
    finally:
        from_onnx.OnnxNetwork._run = run
    return sizes


def main() -> None:
    parser: argparse.ArgumentParser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    figures = measure(*((3, 100) if args.quick else (args.repeats,)))
    show_figures("Forms", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
