"""The options that commands share: which network, how photos are prepared for it."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

import seewhy
from seewhy.errors import ModelError, OptionError

DEFAULT_MODEL = "demo:honest"

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Photos = Annotated[list[str], typer.Argument(metavar="PHOTO", help="Files, globs or folders.")]
Model = Annotated[str | None, typer.Option(help="resnet50, path/model.py:build, demo:honest ... Default: the embedded demo.")]
Weights = Annotated[str | None, typer.Option(help="Your own .safetensors or .pth for that architecture.")]
Classes = Annotated[str | None, typer.Option(help="Class names, a file with one a line.")]
Size = Annotated[str | None, typer.Option(help="The network's input: 224, or ROWS,COLUMNS.")]
Mean = Annotated[str | None, typer.Option(help="Subtracted, in units of 0-1: 0.5, or one per channel: 0.485,0.456,0.406.")]
Std = Annotated[str | None, typer.Option(help="Divided by, like --mean.")]
Resize = Annotated[str | None, typer.Option(help="shorter, stretch, or the shorter side's pixels before the crop.")]
Crop = Annotated[bool | None, typer.Option("--crop/--no-crop", help="Cut the centre out, or keep the whole photo.")]
Head = Annotated[str | None, typer.Option(help="softmax, sigmoid (several labels), binary (one logit), none.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")]
Precision = Annotated[str, typer.Option(help="exact, or fast (bfloat16; the deviation is stated).")]
Trust = Annotated[bool, typer.Option("--trust", help="Unpickle weights that could run code. Only for files you trust.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Output = Annotated[str | None, typer.Option("-o", "--output", help="A file for one photo, a folder for several.")]


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """What says which network, and how photos are prepared for it."""

    model: str | None
    weights: str | None
    classes: str | None
    size: str | None
    mean: str | None
    std: str | None
    resize: str | None
    crop: bool | None
    head: str | None
    device: str | None
    precision: str
    trust: bool

    def load(self) -> seewhy.Classifier:
        """The classifier, its preparation changed where the options say so."""
        if self.model is None:
            if self.weights is not None:
                raise ModelError("--weights needs --model: of which architecture are they?")
            err.print(Text(f"No --model given: using the embedded demo network {DEFAULT_MODEL} (bear | cow | sheep)."))
        clf = seewhy.load(
            self.model or DEFAULT_MODEL,
            weights=self.weights,
            classes=self.classes,
            head=self.head,
            device=self.device,
            precision=self.precision,
            trust=self.trust,
        )
        given: dict[str, Any] = {
            "size": _size(self.size),
            "mean": _numbers("mean", self.mean),
            "std": _numbers("std", self.std),
            "resize": self._resize(),
            "crop": self.crop,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        if changes:
            return clf.with_preprocess(**changes)
        if clf.preprocess is None:
            raise OptionError("The model brings no preprocessing: say --size 224, and --mean and --std as in its training.")
        return clf

    def _resize(self) -> str | int | None:
        return int(self.resize) if self.resize is not None and self.resize.isdigit() else self.resize


def _numbers(name: str, text: str | None) -> float | list[float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"--{name} {text}: write a number, or one per channel with commas between.") from None
    return numbers if len(numbers) > 1 else numbers[0]


def _size(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    try:
        sides = [int(part) for part in text.replace("x", ",").split(",")]
    except ValueError:
        raise OptionError(f"--size {text}: write 224, or ROWS,COLUMNS.") from None
    return sides[0] if len(sides) == 1 else (sides[0], sides[-1])
