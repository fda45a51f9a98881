"""Every architecture by the same call: ``python -m bench.architectures`` writes docs/architectures.md.

Networks of torchvision, timm and transformers with random weights. Each is explained by the same calls; a map must be finite, of
the right shape, and vary. Where captum can compute the same at the same layer, the two are compared. Each row is kept as soon as
it is there, under ``out/architectures``; a run that is cut off goes on. ``make test`` tries one network of each layout.
"""

from __future__ import annotations

import copy
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import seewhy
from bench.timing import ROOT, console, options, sources, table
from seewhy.errors import SeewhyError
from seewhy.files import write_whole

PLACE = ROOT / "out" / "architectures"
PAGE = ROOT / "docs" / "architectures.md"
CLASSES = 10
CLOSE = 1e-5  # to captum, over the largest value, in double precision
AWAKE = 1e-5  # how far two photos' logits are apart, over the largest
COLUMNS = ("auto", "grad_cam", "hires_cam", "gradient", "guided_backprop", "occlusion", "lime", "attention_rollout")
LIME = {"segments": "grid", "features": 16, "samples": 48, "model": "linear"}
EQUAL, BY_DIFFERENCES, WORKS, REFUSED, FAILED = "=", "d", "+", "-", "FAILED"


@dataclass(frozen=True)
class Architecture:
    """A network that is made when it is tried. size : its input, rows and columns. make : with random weights."""

    library: str
    name: str
    size: tuple[int, int]
    make: Callable[[], nn.Module]

    @property
    def title(self) -> str:
        return f"{self.library}:{self.name}"


def torchvision(name: str, size: int = 224, **settings: Any) -> Architecture:
    """By torchvision's own name."""

    def make() -> nn.Module:
        from seewhy.load.from_torchvision import models

        network: nn.Module = models().get_model(name, weights=None, num_classes=CLASSES, **settings)
        return network

    return Architecture("torchvision", name, (size, size), make)


def timm(name: str, size: int = 224, columns: int | None = None, label: str = "", **settings: Any) -> Architecture:
    """By timm's own name. columns : of an input that is not square."""

    def make() -> nn.Module:
        from seewhy.load.from_torchvision import models

        models()  # timm imports torchvision
        import timm

        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=CLASSES, **settings)
        return network

    return Architecture("timm", label or name, (size, columns or size), make)


def transformers(kind: str, size: int = 64, **settings: Any) -> Architecture:
    """A small one of a family, from its config."""

    def make() -> nn.Module:
        from seewhy.load.from_torchvision import models

        models()  # it imports torchvision, too
        import transformers

        config = getattr(transformers, f"{kind}Config")(num_labels=CLASSES, **settings)
        network: nn.Module = getattr(transformers, f"{kind}ForImageClassification")(config)
        return network

    return Architecture("transformers", kind, (size, size), make)


_TOKENS: dict[str, Any] = {"image_size": 64, "patch_size": 8}
_SMALL = _TOKENS | {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128}
_STAGES: dict[str, Any] = {"image_size": 64, "patch_size": 4, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4]}

ARCHITECTURES = (
    torchvision("alexnet"),
    torchvision("vgg11_bn"),
    torchvision("resnet18"),
    torchvision("resnext50_32x4d"),
    torchvision("squeezenet1_1"),
    torchvision("googlenet", aux_logits=False, init_weights=False),
    torchvision("inception_v3", 299, aux_logits=False, init_weights=False),
    torchvision("densenet121"),
    torchvision("mobilenet_v2"),
    torchvision("mobilenet_v3_small"),
    torchvision("mnasnet0_5"),
    torchvision("shufflenet_v2_x0_5"),
    torchvision("efficientnet_b0"),
    torchvision("regnet_y_400mf"),
    torchvision("convnext_tiny"),
    torchvision("vit_b_16"),
    torchvision("swin_t"),
    torchvision("swin_v2_t"),
    torchvision("maxvit_t"),
    timm("resnet18"),
    timm("efficientnet_b0"),
    timm("convnext_atto"),
    timm("regnety_002"),
    timm("vit_tiny_patch16_224"),
    timm("vit_tiny_patch16_224", 96, 160, "vit_tiny_patch16, 96×160", img_size=(96, 160)),
    timm("vit_wee_patch16_reg1_gap_256", 256),
    timm("vit_small_patch14_reg4_dinov2", 98, img_size=98),
    timm("deit_tiny_distilled_patch16_224"),
    timm("beit_base_patch16_224"),
    timm("eva02_tiny_patch14_224"),
    timm("cait_xxs24_224"),
    timm("xcit_nano_12_p16_224"),
    timm("crossvit_tiny_240", 240),
    timm("pit_ti_224"),
    timm("tnt_s_patch16_224"),
    timm("swin_tiny_patch4_window7_224"),
    timm("swinv2_cr_tiny_ns_224"),
    timm("maxvit_nano_rw_256", 256),
    timm("coatnet_nano_rw_224"),
    timm("hiera_tiny_224"),
    timm("mvitv2_tiny"),
    timm("pvt_v2_b0"),
    timm("nest_tiny"),
    timm("levit_128s"),
    timm("davit_tiny"),
    timm("gcvit_xxtiny"),
    timm("focalnet_tiny_srf"),
    timm("mobilevit_xxs", 256),
    timm("efficientvit_b0"),
    timm("edgenext_xx_small", 256),
    timm("fastvit_t8", 256),
    timm("poolformer_s12"),
    timm("mixer_s16_224"),
    timm("resmlp_12_224"),
    timm("sequencer2d_s"),
    transformers("ViT", **_SMALL),
    transformers("DeiT", **_SMALL),
    transformers("Beit", **_SMALL),
    transformers("ViTMSN", **_SMALL),
    transformers("Dinov2", **_TOKENS, hidden_size=64, num_hidden_layers=4, num_attention_heads=4),
    transformers("Swin", window_size=4, **_STAGES),
    transformers("Swinv2", window_size=4, **_STAGES),
    transformers("ConvNext", hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 2, 1]),
    transformers("ResNet", embedding_size=16, hidden_sizes=[16, 32, 64], depths=[1, 1, 1]),
    transformers("MobileViT", image_size=64),
    transformers("Pvt", image_size=64, depths=[1, 1, 1, 1]),
    transformers("PoolFormer"),
    transformers("Cvt", 96),
    transformers("FocalNet", image_size=64, embed_dim=24, depths=[1, 1, 2, 1]),
    transformers("Segformer", depths=[1, 1, 1, 1]),
    transformers("EfficientNet", image_size=64),
)


@dataclass(frozen=True)
class Row:
    """What came of a network. layer, grid, layout : the automatic choice. cells : method -> (a sign, more about it)."""

    title: str
    parameters: float  # in millions
    layer: str
    grid: str
    layout: str
    cells: dict[str, tuple[str, str]]
    seconds: float


def made(architecture: Architecture, seed: int = 0) -> nn.Module:
    """The network with random weights, awake: what libraries begin with at 0 (heads, norms' shifts) gets small noise; where the
    photo hardly reaches the scores, all weights become as large as keeps the size of what passes them, and the BatchNorms get
    the statistics of what passes them."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # what libraries say about themselves
        torch.manual_seed(seed)
        network = architecture.make().eval()
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.1)
        photos = torch.rand(2, 3, *architecture.size)
        if not _awake(network, photos):
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    nn.init.kaiming_normal_(parameter)
            _measure_batch_norms(network, torch.rand(32, 3, *architecture.size))
            assert _awake(network, photos), f"{architecture.title}: no photo reaches the scores"
    return network


def _awake(network: nn.Module, photos: torch.Tensor) -> bool:
    (one, other) = (_Logits(network)(photo[None]) for photo in photos)
    return bool((one - other).abs().max() >= AWAKE * one.abs().max())


def _measure_batch_norms(network: nn.Module, photos: torch.Tensor) -> None:
    """The mean and variance of this batch and a factor of 1 for every BatchNorm; nothing else is in train mode."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        if norm.affine:
            nn.init.ones_(norm.weight)  # transformers' EfficientNet begins with 0.02
        norm.train()
        norm.momentum = 1.0
    network(photos)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum


def tried(architecture: Architecture) -> Row:
    """One network by all methods."""
    start = time.perf_counter()
    network = made(architecture)
    photo = torch.rand(3, *architecture.size, generator=torch.Generator().manual_seed(1))
    clf = seewhy.Classifier(network)
    (layer, grid, layout) = ("", "", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clf.scores(photo)
            planned = clf.executor.planned()
            step = planned.feature_step
            assert step.grid is not None
            (layer, layout) = (planned.trace.name(step), step.grid.layout)
            grid = f"{step.grid.rows}×{step.grid.columns}"
        except SeewhyError as error:
            layer = error.line
        cells = {method: cell(clf, network, photo, method) for method in COLUMNS}
    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    return Row(architecture.title, parameters, layer, grid, layout, cells, time.perf_counter() - start)


def cell(clf: seewhy.Classifier, network: nn.Module, photo: torch.Tensor, method: str) -> tuple[str, str]:
    """A sign and more about it: EQUAL to captum, WORKS, REFUSED in one line, or FAILED."""
    quarter = tuple(side // 4 for side in photo.shape[1:])
    few: dict[str, dict[str, Any]] = {"occlusion": {"mask_size": quarter, "stride": quarter}, "lime": LIME}
    few = {name: values | {"score": "logit"} for name, values in few.items()}  # probabilities of random weights may be 0 or 1
    settings = few.get(method, {})
    kind = "hires_cam" if method == "auto" else method
    if "relu" in (seewhy.METHODS[kind].setting_names() if kind in seewhy.METHODS else ()):
        settings = settings | {"relu": False}
    try:
        explanation = seewhy.explain(clf, photo, method, 3, progress=False, **settings)
    except SeewhyError as error:
        return REFUSED, error.line
    except Exception as error:  # what a row must show and not hide
        return FAILED, f"{type(error).__name__}: {error}"
    problem = problem_of(explanation, photo)
    if problem:
        return FAILED, problem
    if method == "auto":
        return WORKS, explanation.method
    # In double precision: in single precision a few of a million ReLUs open or close with the last bit.
    (network, photo) = (copy.deepcopy(network).double(), photo.double())
    expected = by_captum(network, photo, explanation)
    if expected is None:
        return WORKS, ""
    exact = seewhy.explain(seewhy.Classifier(network), photo, method, 3, progress=False, **settings)
    difference = np.abs(exact.maps - expected)
    if difference.max() <= CLOSE * np.abs(expected).max():
        return EQUAL, ""
    if method == "gradient" and equals_differences(network, photo, exact, difference[0]):
        return BY_DIFFERENCES, "captum differs"
    return FAILED, f"{difference.max() / np.abs(expected).max():.1e} of the largest value away from captum"


def equals_differences(network: nn.Module, photo: torch.Tensor, explanation: seewhy.Explanation, apart: Any) -> bool:
    """Whether the gradient is that of finite differences, where it is furthest away from captum's."""
    step = 1e-5
    (row, column) = np.unravel_index(int(apart.argmax()), apart.shape)
    total = 0.0
    for channel in range(photo.shape[0]):
        nudge = torch.zeros_like(photo)
        nudge[channel, row, column] = step
        with torch.no_grad():
            (above, below) = (_Logits(network)(inputs[None])[0, 3] for inputs in (photo + nudge, photo - nudge))
        total += abs(float(above - below)) / (2 * step)
    return bool(abs(total - explanation.maps[0, row, column]) <= 1e-2 * total)


def problem_of(explanation: seewhy.Explanation, photo: torch.Tensor) -> str:
    """Why a map is none; empty where it is one."""
    map_ = explanation.maps[0]
    if not np.isfinite(map_).all():
        return "not finite"
    if np.ptp(map_) <= 1e-12 * max(np.abs(map_).max(), 1e-30):
        return "does not vary"
    on_input = explanation.on_input()
    return "" if on_input.shape == (1, *photo.shape[1:]) else f"lies on {on_input.shape} of {tuple(photo.shape)}"


def by_captum(network: nn.Module, photo: torch.Tensor, explanation: seewhy.Explanation) -> Any:
    """The same map by captum; None where it has no such method or cannot use it here.

    It takes layers that are modules and give ``(N, C, rows, columns)``, and ReLUs that are modules and run once. It is given the
    photo twice: with one, torch 2.13 sends a wrong gradient through a BatchNorm whose result is rearranged as tokens.
    """
    from captum.attr import GuidedBackprop, LayerGradCam, LayerGradientXActivation, Saliency

    logits = _Logits(network)
    inputs = torch.stack([photo, photo]).requires_grad_()
    if explanation.method == "gradient":
        return Saliency(logits).attribute(inputs, target=3)[:1].abs().sum(1).detach().numpy()
    if explanation.method == "guided_backprop":
        values = (
            _quietly(lambda: GuidedBackprop(logits).attribute(inputs, target=3)) if _has_plain_relus(network, photo) else None
        )
    else:
        kind = {"grad_cam": LayerGradCam, "hires_cam": LayerGradientXActivation}.get(explanation.method)
        module = dict(network.named_modules()).get(str(explanation.layer))
        if kind is None or module is None:
            return None
        values = _quietly(lambda: kind(logits, module).attribute(inputs, target=3))
    if not isinstance(values, torch.Tensor) or values.ndim != 4 or tuple(values.shape[2:]) != explanation.maps.shape[1:]:
        return None
    return values[:1].sum(1).detach().numpy()


class _Logits(nn.Module):
    """A network that returns a tensor, as captum wants it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        output = self.network(inputs)
        logits: torch.Tensor = output if isinstance(output, torch.Tensor) else output.logits
        return logits


class _CountsReLUs(TorchFunctionMode):
    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += getattr(func, "__name__", "") in ("relu", "relu_")
        return func(*args, **(kwargs or {}))


def _has_plain_relus(network: nn.Module, photo: torch.Tensor) -> bool:
    """True where every ReLU of a pass is a module that runs once and writes into no input of its own."""
    relus = [module for module in network.modules() if isinstance(module, nn.ReLU)]
    with torch.no_grad(), _CountsReLUs() as counter:
        network(photo[None])
    return bool(relus) and counter.count == len(relus) and not any(module.inplace for module in relus)


def _quietly(work: Callable[[], Any]) -> Any:
    """None where captum cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    except Exception:
        return None


def named(name: str) -> Architecture:
    """One that need not be in the table, as ``timm:dla34`` or, where its input is not of 224 × 224, ``timm:fastvit_t8@256``."""
    (library, _, name) = name.partition(":")
    (name, _, size) = name.partition("@")
    return {"torchvision": torchvision, "timm": timm}[library](name, int(size or 224))


def measure(architectures: Sequence[Architecture], again: bool = False) -> list[Row]:
    """Every row, kept for as long as the sources are the same."""
    rows = []
    for architecture in architectures:
        path = PLACE / f"{architecture.title.replace(':', '_').replace(', ', '_')}.json"
        kept = json.loads(path.read_text()) if path.is_file() and not again else None
        if kept is None or kept.pop("sources") != sources():
            row = tried(architecture)
            write_whole(path, json.dumps(vars(row) | {"sources": sources()}).encode())
        else:
            row = Row(**kept | {"cells": {name: tuple(value) for name, value in kept["cells"].items()}})
        console.print(
            f"{row.title}: {row.layer} {row.grid} {' '.join(sign for sign, _ in row.cells.values())} {row.seconds:.0f} s"
        )
        rows.append(row)
    return rows


def page(rows: Sequence[Row]) -> str:
    """docs/architectures.md."""
    refusals = sorted({(method, text) for row in rows for method, (sign, text) in row.cells.items() if sign == REFUSED})
    failures = [(row, method, text) for row in rows for method, (sign, text) in row.cells.items() if sign == FAILED]
    lines = [
        "# Architectures",
        "",
        f"{len(rows)} networks of torchvision, timm and transformers, with random weights, each by the same calls: "
        "`seewhy.explain(seewhy.Classifier(network), photo, method)`. Written by `make tables`.",
        "",
        f"* `{EQUAL}` : a finite map of the right shape that varies, and equal to captum's at the same layer, to {CLOSE:g} of "
        "its largest value, both in double precision.",
        f"* `{BY_DIFFERENCES}` : such a map, equal to finite differences of the network where captum's differs most.",
        f"* `{WORKS}` : such a map; captum has no such method, or cannot use it there (tokens, functional or in-place ReLUs).",
        f"* `{REFUSED}` : refused in one line; all lines stand below.",
        f"* `{FAILED}` : what it should not do.",
        "",
        "The layer and its grid are found by following where every value of a pass comes from. `auto`: the method that `explain` "
        "takes by itself.",
        "",
        f"| network | million weights | automatic layer | grid | layout | {' | '.join(f'`{method}`' for method in COLUMNS)} |",
        f"|---|---|---|---|---|{'---|' * len(COLUMNS)}",
    ]
    for row in rows:
        signs = [text if method == "auto" and sign == WORKS else sign for method, (sign, text) in row.cells.items()]
        lines.append(f"| {row.title} | {row.parameters:.1f} | `{row.layer}` | {row.grid} | {row.layout} | {' | '.join(signs)} |")
    lines += ["", "## Refusals", "", *[f"* `{method}`: {text}" for method, text in refusals]]
    lines += ["", "## Failures", ""]
    lines += [f"* {row.title}, `{method}`: {text}" for row, method, text in failures] or ["None."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--only", nargs="*", default=(), help="parts of names: only these rows, and no page")
    parser.add_argument("--names", nargs="*", default=(), help="timm:NAME, timm:NAME@256: these, and no page")
    parser.add_argument("--again", action="store_true", help="measure anew")
    arguments = parser.parse_args()
    architectures = [one for one in ARCHITECTURES if not arguments.only or any(part in one.title for part in arguments.only)]
    rows = measure([named(name) for name in arguments.names] or architectures, arguments.again)
    report = table("Architectures", ("network", "layer", "grid", *COLUMNS))
    for row in rows:
        report.add_row(row.title, row.layer, row.grid, *(f"{sign} {text}"[:40] for sign, text in row.cells.values()))
    console.print(report)
    if not arguments.only and not arguments.names:
        write_whole(PAGE, page(rows).encode())


if __name__ == "__main__":
    main()
