"""How much longer a whole ``seewhy explain`` takes than ``import torch``, in fresh processes that take turns."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from safetensors.torch import save_file

import seewhy
from bench.timing import DATA, Figure, options, ratios, save, show_figures
from seewhy.load import from_torchvision

GOALS = {"demo network": 1.6, "torchvision": 2.2}


def measure(repeats: int = 9) -> list[Figure]:
    """Seconds: the import, and one photo explained by each network; their ratios to the import, round by round."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {"import torch": ["-c", "import torch"]} | _commands(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(-1, repeats):  # the first round fills the file cache, and writes the compiled sources
            for name, command in commands.items():
                duration = _seconds(command)
                if turn >= 0:
                    seconds[name].append(duration)
    imported = seconds["import torch"]
    return [
        *(Figure.of(f"command/{name}", values, "s") for name, values in seconds.items()),
        *(Figure.of(f"command/{name} over import torch", ratios(seconds[name], imported), "", g) for name, g in GOALS.items()),
    ]


def _commands(folder: Path) -> dict[str, list[str]]:
    """``seewhy explain`` of a photo, by network; a drawn scene and random weights where there are no real ones."""
    (photo, weights) = (DATA / "photos" / "n02099601_golden_retriever.JPEG", DATA / "squeezenet1_0_imagenet.safetensors")
    if not photo.is_file():
        photo = folder / "scene.png"
        Image.fromarray(seewhy.demo.scenes(1)[0].photo).save(photo)
    if not weights.is_file():
        weights = folder / "squeezenet1_0.safetensors"
        save_file(from_torchvision.models().get_model("squeezenet1_0", weights=None).state_dict(), weights)
    explain = ["-m", "seewhy", "explain", str(photo), "--output", str(folder / "explained.png")]
    return {
        "demo network": [*explain, "--model", "demo:honest"],
        "torchvision": [*explain, "--model", "squeezenet1_0", "--weights", str(weights)],
    }


def _seconds(command: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    figures = measure(3 if args.quick else args.repeats)
    show_figures("Command", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
