"""The options that commands share: which network, how photos are prepared for it; and how messages spell them."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import inspect
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, get_type_hints

import typer
from rich.console import Console
from rich.text import Text
from typer import Option

import seewhy
from seewhy.errors import ModelError, OptionError

DEFAULT_MODEL = "demo:honest"
NO_WEIGHTS = "none"  # in place of a file, where each of several networks has its --weights

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Photos = Annotated[list[str], typer.Argument(metavar="PHOTO", help="Files, globs or folders.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Output = Annotated[str | None, typer.Option("-o", "--output", "--out", help="A file for one photo, a folder for several.")]
Text_ = str | None
Several = list[str] | None


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """What says which network, and how photos are prepared for it: each field is a flag of every command that takes one."""

    model: Annotated[
        Text_, Option(help="resnet50, my.py:build, net.onnx ... (seewhy models lists all forms). Default: the embedded demo.")
    ] = None
    weights: Annotated[Text_, Option(help="Your own .safetensors or .pth for that architecture.")] = None
    classes: Annotated[Text_, Option(help="Class names: a file with one a line, or .json (a list, or index to name).")] = None
    size: Annotated[Text_, Option(help="The network's input: 224, or ROWS,COLUMNS.")] = None
    mean: Annotated[Text_, Option(help="Subtracted, in units of 0-1: 0.5, or one per channel: 0.485,0.456,0.406.")] = None
    std: Annotated[Text_, Option(help="Divided by, like --mean.")] = None
    resize: Annotated[Text_, Option(help="shorter, stretch, or the shorter side's pixels before the crop.")] = None
    crop: Annotated[bool | None, Option("--crop/--no-crop", help="Cut the centre out, or keep the whole photo.")] = None
    range: Annotated[
        Text_, Option(help="The photo's numbers that become 0 and 1: 4095, or 0,10000. Default: by the file's bits.")
    ] = None
    display: Annotated[Text_, Option(help="Bands that pictures show, counted from 0: 3,2,1 (red,green,blue), or 7.")] = None
    order: Annotated[Text_, Option(help="Of the colours that the network reads: RGB or BGR (OpenCV's).")] = None
    head: Annotated[Text_, Option(help="softmax, sigmoid (several labels), binary (one logit: no, yes), none.")] = None
    device: Annotated[Text_, Option(help="cpu, cuda, cuda:1 ...")] = None
    precision: Annotated[str, Option(help="exact, or fast (bfloat16; the deviation is stated).")] = "exact"
    dimensions: Annotated[
        int | None,
        Option(help="3 for networks of volumes: a photo is then a .npy, .npz or .tif of slices × rows × columns."),
    ] = None
    trust: Annotated[bool, Option("--trust", help="Read weights and networks that could run code. Only for files you trust.")] = (
        False
    )

    def load(self, for_photos: bool = True) -> seewhy.Classifier:
        """The classifier, its preparation changed where the options say so. for_photos : photos follow, which need one."""
        if self.model is None and self.weights is not None:
            raise ModelError("--weights needs --model: of which architecture are they?")
        clf = seewhy.load(
            self.model or DEFAULT_MODEL,
            weights=self.weights,
            classes=self.classes,
            head=self.head,
            device=self.device,
            precision=self.precision,
            trust=self.trust,
            display=_bands(self.display),
            dimensions=self.dimensions,
        )
        if self.model is None:
            err.print(
                Text(
                    f"No --model given: {DEFAULT_MODEL} is used. It knows drawings only, of {' | '.join(clf.classes)}; what it "
                    "says of a real photo means nothing. Name your own network: --model resnet50, --model my.py:build."
                )
            )
        preparation: dict[str, Any] = {
            "size": size_of(self.size),
            "mean": _numbers("mean", self.mean),
            "std": _numbers("std", self.std),
            "range": _ends(self.range),
            "resize": self._resize(),
            "crop": self.crop,
            "order": self.order,
        }
        changes = {name: value for name, value in preparation.items() if value is not None}
        if changes:
            return clf.with_preprocess(**changes)
        if for_photos and clf.preprocess is None and clf.dimensions == 2:
            raise OptionError(
                "The model brings no preprocessing: say --size 224, and --mean and --std as in its training; for a network of "
                "volumes --dimensions 3."
            )
        return clf

    def _resize(self) -> str | int | None:
        return int(self.resize) if self.resize is not None and self.resize.isdigit() else self.resize


@dataclasses.dataclass(frozen=True)
class SeveralModels(ModelOptions):
    """The same for several networks: --model, and --weights where the same architecture was trained several times."""

    model: Annotated[Several, Option(help="Repeatable: each network that is compared.")] = None  # type: ignore[assignment]
    weights: Annotated[
        Several, Option(help="Repeatable: one for each --model, in order (none: it brings its own), or several for one --model.")
    ] = None  # type: ignore[assignment]

    def load_all(self) -> tuple[list[seewhy.Classifier], list[str]]:
        """The classifiers, and their names: as they were written.

        Raises OptionError: another number of weights than networks, but for several of one network.
        """
        models: list[str | None] = [*self.model] if self.model else [None]
        weights = [None if file == NO_WEIGHTS else file for file in self.weights or [NO_WEIGHTS] * len(models)]
        if len(models) == 1:
            models *= len(weights)
        if len(models) != len(weights):
            raise OptionError(
                f"{len(models)} --model and {len(weights)} --weights: write one --weights for each --model, in the same order; "
                f"--weights {NO_WEIGHTS} for a model that brings its own."
            )
        rest = {field.name: getattr(self, field.name) for field in dataclasses.fields(ModelOptions)}
        networks = [
            ModelOptions(**(rest | {"model": model, "weights": file})).load() for model, file in zip(models, weights, strict=True)
        ]
        shown = [
            " ".join(filter(None, (model or DEFAULT_MODEL, file if len(set(weights)) > 1 else None)))
            for model, file in zip(models, weights, strict=True)
        ]
        return networks, shown


def _numbers(name: str, text: str | None) -> float | list[float] | None:
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"--{name} {text}: write a number, or one per channel with commas between.") from None
    return numbers if len(numbers) > 1 else numbers[0]


def _ends(text: str | None) -> float | tuple[float, float] | None:
    numbers = _numbers("range", text)
    if isinstance(numbers, list) and len(numbers) != 2:
        raise OptionError(f"--range {text}: write the photo's number that becomes 1, or LOW,HIGH.")
    return (numbers[0], numbers[1]) if isinstance(numbers, list) else numbers


def _bands(text: str | None) -> list[int] | None:
    try:
        return None if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"--display {text}: write one band or three, counted from 0: 3,2,1.") from None


def size_of(text: str | None, flag: str = "--size", others: str = "") -> int | tuple[int, int] | None:
    """A number of pixels, or (rows, columns). others : what else the flag takes, for its message."""
    if text is None:
        return None
    try:
        sides = [int(part) for part in text.replace("x", ",").split(",")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise OptionError(f"{flag} {text}: write {others}224, or ROWS,COLUMNS.")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def targets_of(clf: seewhy.Classifier, texts: Sequence[str]) -> list[str]:
    """Classes as they are written on the command line, where digits that are no class's name are an index."""
    names = clf.given_classes
    return [f"#{text}" if text.isdecimal() and (names is None or text not in names) else text for text in texts]


class InterruptedCommandError(Exception):
    """Ctrl-C on its way through the parser, some versions of which turn it into an exit code of their own."""


def spread(function: Callable[..., None]) -> Callable[..., None]:
    """The command with its parameters that are dataclasses taken apart: each of their fields becomes a flag."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind)}
    flags: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in groups:
            inner = get_type_hints(groups[name], include_extras=True)
            flags += [
                inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=inner[field.name])
                for field in dataclasses.fields(groups[name])
            ]
        else:
            flags.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))

    @functools.wraps(function)
    def command(**arguments: Any) -> None:
        for name, kind in groups.items():
            arguments[name] = kind(**{field.name: arguments.pop(field.name) for field in dataclasses.fields(kind)})
        try:
            function(**arguments)
        except KeyboardInterrupt as interrupt:
            raise InterruptedCommandError(*interrupt.args) from None

    command.__signature__ = inspect.Signature(flags)  # type: ignore[attr-defined]
    command.__annotations__ = {flag.name: flag.annotation for flag in flags}
    return command


# A setting's name in Python -> its flag. Some are called otherwise; all others are learned.
FLAGS: dict[str, str] = {"metrics": "--metric", "mask": "--masks", "store": "--output"}
_own: set[str] = set()  # the flags of the command that runs; empty while none does
_OF_CLASSIFIER = ("output", "explain", "inputs")  # said in the function that builds a network, by no flag


@contextlib.contextmanager
def flags_of(program: Any, arguments: Sequence[str]) -> Iterator[None]:
    """Within it, messages name the flags of the command that the arguments begin with. Those of all commands are learned."""
    for parameter in (parameter for one in program.commands.values() for parameter in one.params):
        long = next((flag for flag in parameter.opts if flag.startswith("--")), None)
        if long is not None and parameter.name != "output":  # output= of Python is another thing than --output
            FLAGS.setdefault(parameter.name, f"-{parameter.name}" if len(parameter.name) == 1 else long)
    name = next((argument for argument in arguments if argument in program.commands), None)
    flags = {flag for parameter in program.commands[name].params for flag in parameter.opts} if name is not None else set()
    if "--model" in flags:  # one without a network, such as seewhy models, speaks of what others have
        _own.update(flags)
    try:
        yield
    finally:
        _own.clear()


def as_flag(name: str, value: str) -> str:
    """A setting in a message as the command that runs has it. value : its repr, or "".

    What it has no flag for is said to be one of Python.
    """
    if name in _OF_CLASSIFIER:
        return f"seewhy.Classifier(network, {name}={value or '...'}), returned by the function in --model file.py:function"
    flag = FLAGS.get(name)
    if flag is None or (_own and flag not in _own):
        return f"{name}={value} in Python"
    try:
        plain = ast.literal_eval(value) if value else ""
    except (ValueError, SyntaxError):
        plain = value
    if isinstance(plain, bool):
        return flag if plain else f"--no-{flag[2:]}"
    if plain is None:
        return f"no {flag}"
    if name == "classes" and isinstance(plain, list):  # names may have commas, and there are many
        return f"{flag} FILE, a file of the lines {', '.join(map(str, plain))}"
    if isinstance(plain, (tuple, list)):
        plain = ",".join(str(part) for part in plain)
    return f"{flag} {shlex.quote(str(plain))}" if value else flag
