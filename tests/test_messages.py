"""What people meet most, and the one line that they get: what happened, why, and what to write, with the names really seen."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attending_nets import SmallViT
from PIL import Image
from small_nets import Planted, SmallNet
from torch import nn

import seewhy
from seewhy import cli
from seewhy.errors import (
    GradientError,
    LayerError,
    MethodError,
    MissingExtraError,
    ModelError,
    OutputError,
    PhotoError,
    SeewhyError,
    TargetError,
)
from seewhy.load.from_timm import timm
from seewhy.load.from_torchvision import models
from seewhy.load.from_transformers import transformers
from seewhy.methods import Needs

LONGEST = 320
PHOTO = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
WITHOUT = "method='occlusion', method='lime' or method='rise'"
CLASSES = ["ant", "bee", "cat", "dog"]


def installed(package: Callable[[], Any]) -> Any:
    """An optional package, mended where it has to be; where it is missing, the test is skipped: a stand-in is tried anyway."""
    try:
        return package()
    except MissingExtraError as error:
        pytest.skip(error.line)


def line(kind: type[SeewhyError], network: Any, photo: Any = PHOTO, method: str = "grad_cam", **settings: Any) -> str:
    """What is said instead of an explanation: one line, not too long to be read."""
    clf = network if isinstance(network, seewhy.Classifier) else seewhy.Classifier(network)
    with pytest.raises(kind) as error:
        seewhy.explain(clf, photo, method, progress=False, **settings)
    assert str(error.value) == error.value.line
    assert len(error.value.line) <= LONGEST
    return error.value.line


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], str]:
    """What a command prints on stderr: the network is built by ``build()`` of the code given, the photo lies beside it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save("photo.png")

    def run(code: str, flags: str) -> str:
        Path("net.py").write_text(code)
        sys.modules.pop("net", None)
        with pytest.raises(SystemExit) as end:
            cli.main(shlex.split(f"explain photo.png --model net.py:build --size 32 {flags}"))
        assert end.value.code == 2
        return capsys.readouterr().err.strip()

    return run


SMALL = "from small_nets import SmallNet\ndef build():\n    return SmallNet()\n"


# -- 1. no gradient --------------------------------------------------------------------------------------------------------


class Head(nn.Module):
    """Largest values, then a dense layer. between : what is done to them before."""

    def __init__(self, between: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.fc = nn.Linear(16, 4)
        self.between = between

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.fc(self.between(maps.amax((2, 3))))


class WithHead(SmallNet):
    def __init__(self, between: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.head = Head(between)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


@pytest.mark.parametrize(
    ("between", "step", "culprit"),
    [
        (lambda y: y.detach(), "'head.detach()'", "detach()"),
        (lambda y: (y > 0.1).float(), "'head.gt()' (true or false)", "gt()"),
        (torch.no_grad()(lambda y: y.sin()), "'head.sin()' (torch.no_grad())", "torch.no_grad()"),
    ],
)
def test_the_first_step_without_gradient_is_named(
    between: Callable[[torch.Tensor], torch.Tensor], step: str, culprit: str
) -> None:
    clf = seewhy.Classifier(WithHead(between), classes=CLASSES)
    end = f" First step without gradient: {step}. Use a method that needs none: {WITHOUT}; or remove {culprit} from Head.forward."
    assert line(GradientError, clf, target="bee", layer="features") == (
        f"Grad-CAM needs a gradient, but the score for 'bee' is cut off from layer 'features'.{end}"
    )
    assert line(GradientError, clf, method="gradient", target="bee") == (
        f"Gradient needs a gradient, but the score for 'bee' is cut off from the photo.{end}"
    )
    assert line(GradientError, clf) == f"No gradient reaches any layer of WithHead (best candidate: 'features').{end}"
    for method in ("occlusion", "lime", "rise"):
        assert seewhy.explain(clf, PHOTO, method, budget=4, progress=False).maps.shape[0] == 1


def test_int8_is_the_first_step_without_gradient() -> None:
    pytest.importorskip("torch.ao.quantization")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the move of its quantisation
        network = torch.ao.quantization.quantize_dynamic(SmallNet().eval(), {nn.Linear}, torch.qint8)
    assert line(GradientError, network) == (
        "Grad-CAM needs gradients or plain weights, but the score is cut off from both. First step without gradient: 'fc' "
        "(quantised to int8). Use a method that needs none: score_cam, eigen_cam, occlusion, lime or rise; or give the network "
        "as it was before it was quantised."
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_forward_without_gradients_is_said_or_gives_a_map(mode: Any) -> None:
    """Decorated as people decorate it. Behind a no_grad() a layer can be the beginning of a graph; under inference_mode not."""

    class Decorated(SmallNet):
        @mode()
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.features(x).amax((2, 3)))

    clf = seewhy.Classifier(Decorated(), classes=CLASSES)
    assert line(GradientError, clf, method="gradient", target=0) == (
        "Gradient needs a gradient, but the score for 'ant' is cut off from the photo. First step without gradient: 'features.0' "
        f"(torch.{mode.__name__}()). Use a method that needs none: {WITHOUT}; or remove "
        f"torch.{mode.__name__}() from Decorated.forward."
    )
    if mode is torch.no_grad:
        assert seewhy.explain(clf, PHOTO, "grad_cam", target=0, relu=False).maps.any()
    else:
        assert line(GradientError, clf, target=0).startswith("No gradient reaches any layer of Decorated (best candidate: 'fe")
        assert seewhy.explain(clf, PHOTO, budget=4).method == "occlusion"
    np.testing.assert_allclose(clf.scores(PHOTO).sum(), 1, rtol=1e-5)


def test_the_command_line_names_its_own_flags_for_methods_without_gradient(command: Callable[[str, str], str]) -> None:
    code = "from test_messages import WithHead\ndef build():\n    return WithHead(lambda y: y.detach())\n"
    assert command(code, "--method gradient --target 1") == (
        "Error: Gradient needs a gradient, but the score for 'class 1' is cut off from the photo. First step without gradient: "
        "'head.detach()'. Use a method that needs none: --method occlusion, --method lime or --method rise; or remove detach() "
        "from Head.forward."
    )


# -- 2. unknown class ------------------------------------------------------------------------------------------------------


def test_an_unknown_class() -> None:
    names = [f"kind number {index}" for index in range(1000)]
    names[282] = "tiger cat"
    assert line(TargetError, seewhy.Classifier(SmallNet(1000), classes=names), target="tiger-cat") == (
        "This network has no class 'tiger-cat'. Did you mean 'tiger cat' (282)? It has 1000 classes: clf.classes, or "
        "'seewhy classes', lists them. Any class can be asked for, not only the predicted one."
    )
    few = seewhy.Classifier(SmallNet(), classes=CLASSES)
    assert line(TargetError, few, target="cot") == (
        "This network has no class 'cot'. Did you mean 'cat' (2)? It has: ant, bee, cat, dog. Any class can be asked for, not "
        "only the predicted one."
    )
    assert line(TargetError, few, target=4) == "This network has no class 4: its 4 classes are numbered 0 to 3."


def test_one_output_has_two_sides() -> None:
    """Named or not; and a network with two outputs has two classes."""
    one = seewhy.Classifier(SmallNet(1), head="binary")
    sides = "Its one output has two sides: 'negative' (0) and 'positive' (1)."
    assert line(TargetError, one, target=2) == f"This network has no class 2. {sides}"
    assert line(TargetError, one, target="defect") == f"This network has no class 'defect'. {sides}"
    named = seewhy.Classifier(SmallNet(1), head="binary", classes=["defect"])
    assert line(TargetError, named, target="defekt") == (
        "This network has no class 'defekt'. Its one output has two sides: 'not defect' (0) and 'defect' (1)."
    )
    two = seewhy.Classifier(SmallNet(2), classes=["cat", "dog"])
    assert line(TargetError, two, target=2) == "This network has no class 2. It has two: 'cat' (0) and 'dog' (1)."


def test_the_command_line_counts_classes_too(command: Callable[[str, str], str]) -> None:
    assert command(SMALL.replace("SmallNet()", "SmallNet(300)"), "--target wolf") == (
        "Error: This network has no class 'wolf'. It has 300 classes: clf.classes, or 'seewhy classes', lists them. Any class "
        "can be asked for, not only the predicted one."
    )


# -- 3. output not understood ----------------------------------------------------------------------------------------------


@dataclass
class SegmenterOutput:
    logits: torch.Tensor
    hidden_states: tuple[torch.Tensor, ...]


class Segmenter(SmallNet):
    def forward(self, x: torch.Tensor) -> Any:
        maps = self.features(x)
        return SegmenterOutput(self.fc(maps.movedim(1, -1)).movedim(-1, 1), (maps,))


SEGMENTATION = (
    "Expected class scores (N, classes). This looks like segmentation: in Python pass target=seewhy.targets.segment(12) for the "
    "pixels of class 12, another function of the output, or output='key' if another entry holds the scores."
)


@pytest.mark.parametrize("method", ["grad_cam", "gradient", "occlusion", "auto"])
def test_what_a_segmentation_network_returned(method: str) -> None:
    assert line(OutputError, Segmenter(), method=method) == (
        f"The network returned SegmenterOutput: logits (1, 4, 16, 16), hidden_states tuple. {SEGMENTATION}"
    )
    assert seewhy.explain(seewhy.Classifier(Segmenter()), PHOTO, target=seewhy.targets.segment(3), relu=False).maps.any()


def test_what_segformer_returned() -> None:
    config = installed(transformers).SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        num_labels=5,
        output_hidden_states=True,
    )
    network = transformers().SegformerForSemanticSegmentation(config).eval()
    assert line(OutputError, network) == (
        f"The network returned SemanticSegmenterOutput: logits (1, 5, 16, 16), hidden_states tuple. {SEGMENTATION}"
    )
    assert seewhy.explain(seewhy.Classifier(network), PHOTO, target=seewhy.targets.segment(2)).maps.shape == (1, 16, 16)


# -- 4. a layer without a grid, or not used --------------------------------------------------------------------------------


def test_a_layer_without_rows_and_columns() -> None:
    assert line(LayerError, SmallNet(), layer="fc") == (
        "Layer 'fc' gives (1, 4): no rows and columns. Usable layers, best first: features 16×16, features.2 32×32, "
        "features.5 16×16, features.4 16×16."
    )
    network = SmallViT(size=(32, 32)).eval()
    assert line(LayerError, network, layer="fc") == (
        "Layer 'fc' gives (1, 4): no rows and columns. Usable layers, best first: blocks.2.norm 8×8, blocks.1 8×8, "
        "blocks.1.dense.0 8×8, blocks.1.add():1 8×8. (65 tokens: 8×8 patches and 1 other, such as a class token.)"
    )
    best = seewhy.explain(seewhy.Classifier(network), PHOTO, layer="blocks.2.norm", relu=False)
    assert best.maps.any()


def test_a_layer_that_was_not_reached(command: Callable[[str, str], str]) -> None:
    network = SmallNet()
    network.aux = nn.Conv2d(3, 3, 1)
    end = (
        "was not reached in this forward pass. Usable layers: features 16×16, features.2 32×32, features.5 16×16, "
        "features.4 16×16."
    )
    assert line(LayerError, network, layer="aux") == f"Layer 'aux' {end}"
    code = (
        "from small_nets import SmallNet, nn\ndef build():\n    net = SmallNet()\n    net.aux = nn.Identity()\n    return net\n"
    )
    assert command(code, "--method grad_cam --layer aux") == f"Error: Layer 'aux' {end}"


def test_the_layers_of_a_transformer_from_timm_and_transformers() -> None:
    network = installed(timm).create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, num_classes=5).eval()
    assert line(LayerError, network, layer="head") == (
        "Layer 'head' gives (1, 5): no rows and columns. Usable layers, best first: blocks.1.norm1 4×4, blocks.0 4×4, "
        "blocks.0.norm2 4×4, blocks.0.add():1 4×4. (17 tokens: 4×4 patches and 1 other, such as a class token.)"
    )
    config = installed(transformers).DeiTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=37,
        image_size=32,
        patch_size=8,
        num_labels=3,
    )
    network = transformers().DeiTForImageClassificationWithTeacher(config).eval()
    said = line(LayerError, network, layer="cls_classifier")
    assert said.startswith("Layer 'cls_classifier' gives (1, 3): no rows and columns. Usable layers, best first: deit.")
    assert said.endswith(" (18 tokens: 4×4 patches and 2 others, such as a class token.)")


# -- 5. an empty or non-finite map -----------------------------------------------------------------------------------------


def test_an_empty_map_is_diagnosed_and_stays_empty() -> None:
    """Class 2 is the darkness of channel 1: on a photo of that channel, everything counts against it."""
    network = Planted()
    with torch.no_grad():
        network.fc.weight.copy_(torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, -1, 0]]))
    photo = torch.zeros(3, 8, 8)
    photo[1] = 1
    explanation = seewhy.explain(seewhy.Classifier(network, classes=["ant", "bee", "cat"]), photo, "grad_cam", target="cat")
    assert not explanation.maps.any()
    assert explanation.notes == [
        "The map is empty: at 'relu' nothing speaks for 'cat' (score 0.19, rank 3 of 3); the top class is 'bee'",
        "method='grad_cam', relu=False shows what speaks against the class",
    ]


def test_a_flattening_head_is_named_beside_an_empty_map() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 30 * 30, 4))
    with torch.no_grad():
        network[3].weight[1] = -network[3].weight[1].abs()
    explanation = seewhy.explain(seewhy.Classifier(network, classes=CLASSES), PHOTO, "grad_cam", target="bee")
    (empty, cure, caveat) = explanation.notes
    assert empty.startswith("The map is empty: at '1' nothing speaks for 'bee' (score ")
    assert empty.endswith(f", rank {explanation.targets[0].rank} of 4); the top class is '{explanation.predictions[0].name}'")
    assert cure == "method='grad_cam', relu=False shows what speaks against the class"
    assert caveat == (
        "Grad-CAM is unreliable on this network: behind '1' the head flattens the grid, so each place has a gradient of its "
        "own, and averaging mixes them up: use method='hires_cam'"
    )


def test_values_that_are_not_finite_begin_in_a_layer() -> None:
    """float16 ends at 65,504."""
    network = SmallNet().half()
    with torch.no_grad():
        network.features[4].weight.fill_(6e4)
    start = "The network gives scores that are not finite (they begin in 'features.4'): "
    for method in ("grad_cam", "gradient"):
        assert line(ModelError, network, method=method) == f"{start}it is in float16; give it in float32, network.float()."
    plain = SmallNet()
    with torch.no_grad():
        plain.features[4].weight.fill_(3e38)
    assert line(ModelError, plain) == f"{start}its weights or its precision are broken."
    assert np.isfinite(seewhy.Classifier(network.float()).scores(PHOTO)).all()


# -- 6. wrong pixels -------------------------------------------------------------------------------------------------------

NORMALISED = seewhy.Preprocess(size=32, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


@pytest.mark.parametrize("photo", [PHOTO, 0.75 + PHOTO / 4], ids=["usual", "bright"])
def test_a_photo_that_is_normalised_already(photo: torch.Tensor) -> None:
    mean, std = (torch.tensor(values)[:, None, None] for values in (NORMALISED.mean, NORMALISED.std))
    tensor = (photo - mean) / std
    clf = seewhy.Classifier(SmallNet(), NORMALISED)
    (low, high) = (float(tensor.min()), float(tensor.max()))
    for given in (tensor, tensor.numpy()):
        assert line(PhotoError, clf, given) == (
            f"The input ranges {low:.1f} … {high:.1f}: already normalised, and the preprocessing normalises again. Pass the raw "
            "photo, or build the classifier with preprocess=None."
        )
    as_it_is = seewhy.explain(seewhy.Classifier(SmallNet()), tensor, "grad_cam", target=1).maps
    prepared = seewhy.explain(clf, photo, "grad_cam", target=1).maps
    np.testing.assert_allclose(as_it_is, prepared, rtol=1e-2, atol=1e-2 * np.abs(prepared).max())


def test_channels_and_their_order_are_told() -> None:
    clf = seewhy.Classifier(SmallNet(), NORMALISED)
    grey = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    assert clf.read(grey).notes == ("1 channel given, the network wants 3: the grey channel was repeated",)
    assert clf.read(torch.rand(32, 32, 3)).notes == ("the picture is 32×32×3: it was read as rows × columns × channels",)
    assert line(PhotoError, SmallNet(), PHOTO[:1]) == (
        "1 channel given, but the network's first layer 'features.0' wants 3: use a tensor of that many channels."
    )


# -- 7. memory -------------------------------------------------------------------------------------------------------------


class Full(SmallNet):
    """A GPU that is full from so many photos on."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.most:
            raise torch.cuda.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8.00"
            )
        return super().forward(x)


@pytest.mark.parametrize(
    ("method", "settings", "told"),
    [
        ("occlusion", {"batch_size": 16}, "Occlusion: out of GPU memory with 16 at once; continuing with 8"),
        ("smooth_grad", {"batch_size": 16}, "SmoothGrad: out of GPU memory with 16 at once; continuing with 8"),
        ("integrated_gradients", {"batch_size": 16, "steps": 20}, "Integrated gradients: out of GPU memory with 16 at once; "),
        ("integrated_gradients", {"batch_size": 16}, "Integrated gradients: out of GPU memory with 7 at once; continuing with 3"),
    ],
)
def test_what_does_not_fit_goes_on_in_halves(
    method: str, settings: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The map is that of a machine with room for all."""
    (own, expected) = (
        seewhy.explain(seewhy.Classifier(Full(most)), PHOTO, method, target=1, **settings).maps for most in (5, 10**6)
    )
    err = capsys.readouterr().err
    assert err.startswith(told)
    assert err.splitlines()[0].endswith(tuple(f"continuing with {n}" for n in (3, 8)))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(own, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_batch_of_photos_goes_on_in_halves(capsys: pytest.CaptureFixture[str]) -> None:
    photos = torch.rand(6, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    together = seewhy.explain(seewhy.Classifier(Full(2)), photos, "grad_cam", target=1, batch_size=6)
    assert [line for line in capsys.readouterr().err.splitlines() if "memory" in line] == [
        "Grad-CAM: out of GPU memory with 6 at once; continuing with 3",
        "Grad-CAM: out of GPU memory with 3 at once; continuing with 1",
    ]
    for explanation, photo in zip(together, photos, strict=True):
        expected = seewhy.explain(seewhy.Classifier(SmallNet()), photo, "grad_cam", target=1)
        np.testing.assert_allclose(explanation.maps, expected.maps, rtol=1e-4, atol=1e-6)


def test_one_photo_that_does_not_fit() -> None:
    """Found out when the network is looked at, or later; with a way that takes less where there is one."""
    fit = "One photo of 32×32 does not fit into the GPU's memory: a smaller Preprocess(size=...), "
    for method in ("grad_cam", "gradient", "occlusion", "auto"):
        assert line(ModelError, Full(0), method=method) == f"{fit}or device='cpu'."

    class FullWithGraph(SmallNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.requires_grad:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(x)

    clf = seewhy.Classifier(FullWithGraph())
    assert line(ModelError, clf, method="gradient") == f"{fit}device='cpu', or method='grad_cam' (needs about 0.0001 GiB)."
    assert seewhy.explain(clf, PHOTO, "grad_cam").maps.any()


# -- 8. a method that does not fit -----------------------------------------------------------------------------------------


class Smooth(nn.Module):
    """Activations of several kinds, no ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3) for _ in range(4))
        self.fc = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv, act in zip(
            self.convs, (nn.functional.silu, nn.functional.gelu, nn.functional.silu, torch.sigmoid), strict=True
        ):
            x = act(conv(x))
        return self.fc(x.mean((2, 3)))


INSTEAD = (
    "so the result would be the plain gradient. Use method='gradient', method='integrated_gradients' or method='smooth_grad'."
)


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet", "guided_grad_cam"])
def test_a_network_without_relu(method: str) -> None:
    title = seewhy.METHODS[method].title
    start = f"{title} changes ReLU and ReLU6; this model has none"
    assert line(MethodError, Smooth(), method=method) == f"{start} (2 SiLU, 1 GELU, 1 sigmoid), {INSTEAD}"
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert line(MethodError, plain, method=method) == f"{start}, {INSTEAD}"


def test_efficientnet_has_no_relu() -> None:
    network = installed(models).efficientnet_b0(num_classes=5).eval()
    assert line(MethodError, network, method="guided_backprop") == (
        f"Guided backprop changes ReLU and ReLU6; this model has none (49 SiLU, 16 sigmoid), {INSTEAD}"
    )


class Mixer(nn.Module):
    """Patches are mixed by dense layers, along the patches and along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        (self.across, self.along, self.fc) = (nn.Linear(16, 16), nn.Linear(8, 8), nn.Linear(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2)
        tokens = (tokens + nn.functional.gelu(self.across(tokens))).mT
        return self.fc((tokens + nn.functional.gelu(self.along(tokens))).mean(1))


NO_ATTENTION = "no operation of it is an attention of tokens to tokens. Use method='grad_cam' or method='occlusion'."


@pytest.mark.parametrize("method", ["attention_rollout", "grad_attention_rollout"])
def test_a_mixer_has_no_attention(method: str) -> None:
    torch.manual_seed(0)  # some weights have no evidence for the class
    for network, name in ((Mixer(), "Mixer"), (SmallNet(), "SmallNet")):
        assert line(MethodError, network, method=method) == f"{method} does not fit {name}: {NO_ATTENTION}"
        for other in ("grad_cam", "occlusion"):
            assert seewhy.explain(seewhy.Classifier(network), PHOTO, other, target=1).maps.any()


def test_a_mixer_and_swin_from_timm() -> None:
    photo = torch.rand(3, 64, 64)
    mixer = installed(timm).create_model("mixer_s32_224", img_size=64, num_classes=5).eval()
    assert line(MethodError, mixer, photo, "attention_rollout") == f"attention_rollout does not fit MlpMixer: {NO_ATTENTION}"
    swin = installed(timm).create_model(
        "swin_tiny_patch4_window7_224", img_size=64, window_size=2, depths=(1, 1, 1, 1), num_classes=5
    )
    said = line(MethodError, swin.eval(), photo, "attention_rollout")
    assert said.startswith("attention_rollout does not fit SwinTransformer: the attention in 'layers.0.blocks.0.attn")
    assert said.endswith("' looks at windows of the photo, each by itself. Use method='grad_cam' or method='occlusion'.")


class Windows(SmallViT):
    """Attention within each quarter of the photo alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x)
        (n, c, h, w) = tokens.shape
        windows = tokens.reshape(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 3, 5, 1).reshape(n * 4, -1, c)
        for block in self.blocks:
            windows = block(windows)
        back = windows.reshape(n, 2, 2, h // 2, w // 2, c).permute(0, 1, 3, 2, 4, 5)
        return self.fc(back.reshape(n, -1, c).mean(1))


def test_windows_have_no_rollout() -> None:
    assert line(MethodError, Windows(size=(32, 32)).eval(), method="attention_rollout") == (
        "attention_rollout does not fit Windows: the attention in 'blocks.0' looks at windows of the photo, each by itself. Use "
        "method='grad_cam' or method='occlusion'."
    )


def one_token(name: str, layer: str) -> str:
    return (
        f"CAM needs a head that averages the feature maps: the dense layer of {name} ('{layer}') reads one token instead of the "
        "average of all places. Use method='grad_cam' or method='attention_rollout'."
    )


def test_cam_of_a_class_token() -> None:
    network = SmallViT(size=(32, 32)).eval()
    assert line(MethodError, network, method="cam") == one_token("SmallViT", "fc")
    for other in ("grad_cam", "attention_rollout"):
        assert seewhy.explain(seewhy.Classifier(network), PHOTO, other, target=1).maps.any()
    averaging = SmallViT(size=(32, 32), read="mean").eval()
    assert seewhy.explain(seewhy.Classifier(averaging), PHOTO, "cam", target=1).maps.any()


def test_cam_of_vision_transformers() -> None:
    network = installed(models).VisionTransformer(32, 8, 2, 2, 16, 16, num_classes=4).eval()
    assert line(MethodError, network, method="cam") == one_token("VisionTransformer", "heads.head")
    config = installed(transformers).ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=37,
        image_size=32,
        patch_size=8,
        num_labels=3,
    )
    network = transformers().ViTForImageClassification(config).eval()
    assert line(MethodError, network, method="cam") == one_token("ViTForImageClassification", "classifier")


# -- 9. counts -------------------------------------------------------------------------------------------------------------


def test_targets_that_do_not_match_the_photos() -> None:
    photos = torch.rand(8, 3, 12, 12)
    clf = seewhy.Classifier(SmallNet(), classes=CLASSES)
    assert line(TargetError, clf, photos, target=[["ant"], ["bee"], ["cat"]]) == (
        "8 photos but 3 lists of targets. A flat list of targets applies to every photo; for one list per photo give 8 lists."
    )
    assert line(TargetError, clf, photos[0], target=[["ant"], ["bee"]]) == (
        "1 photo but 2 lists of targets. A flat list of targets applies to every photo; for one list per photo give 1 list."
    )
    flat = seewhy.explain(clf, photos, target=["ant", "bee", "cat"])
    assert [[target.name for target in explanation.targets] for explanation in flat] == [["ant", "bee", "cat"]] * 8


# -- 10. closed models -----------------------------------------------------------------------------------------------------

CLOSED = (
    "This is {}: its inside cannot be watched, so methods that use layers or {} are not possible. Working now: {}. For CAM and "
    "Grad-CAM give the original nn.Module (torch.compile, DataParallel are unwrapped)."
)
SCORES = "occlusion, lime or rise"
GRADIENTS = "occlusion, lime, rise, gradient, input_x_gradient, integrated_gradients or smooth_grad"


def what_works(clf: seewhy.Classifier, form: str, missing: str, working: str) -> None:
    """Each method is refused with the whole list, or gives a finite map that varies; those that do are the ones listed."""
    sentence = CLOSED.format(form, missing, working)
    photo = (PHOTO * 255).byte().numpy().transpose(1, 2, 0)
    names = working.replace(" or ", ", ").split(", ")
    for method, known in seewhy.METHODS.items():
        if method in names:
            settings = {"score": "logit"} if known.needs is Needs.SCORES else {}
            maps = seewhy.explain(clf, photo, method, target=1, progress=False, **settings).maps
            assert np.isfinite(maps).all()
            assert np.ptp(maps) > 0
        else:
            assert line(MethodError, clf, photo, method) == sentence
    assert seewhy.explain(clf, photo, budget=10, progress=False).method == "occlusion"


PREPARE = seewhy.Preprocess(size=32)


def test_a_function_lists_what_works() -> None:
    network = SmallNet().eval()
    what_works(seewhy.Classifier(lambda x: network(x), PREPARE), "a function", "gradients", SCORES)


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
def test_torchscript_lists_what_works(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """From a file; and the command line says the same."""
    path = tmp_path / "net.pt"
    torch.jit.trace(SmallNet().eval(), PHOTO[None], check_trace=False).save(str(path))
    what_works(seewhy.load(path, preprocess=PREPARE), "TorchScript", "ReLUs", GRADIENTS)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save("photo.png")
    with pytest.raises(SystemExit) as end:
        cli.main(["explain", "photo.png", "--model", "net.pt", "--size", "32", "--method", "grad_cam"])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip() == f"Error: {CLOSED.format('TorchScript', 'ReLUs', GRADIENTS)}"


def test_onnx_lists_what_works(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own parts
        torch.onnx.export(
            SmallNet().eval(),
            (PHOTO[None].repeat(2, 1, 1, 1),),
            path,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    what_works(seewhy.load(path), "an ONNX model", "gradients", SCORES)


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")  # of the compiler's own parts
def test_wrappers_are_taken_off() -> None:
    """torch.compile and DataParallel, as the message says."""
    network = SmallNet().eval()
    expected = seewhy.explain(seewhy.Classifier(network), PHOTO, "grad_cam", target=1).maps
    for wrapped in (nn.DataParallel(network), torch.compile(network)):
        own = seewhy.explain(seewhy.Classifier(wrapped), PHOTO, "grad_cam", target=1).maps
        np.testing.assert_allclose(own, expected, rtol=1e-5)


class Painter(nn.Module):
    """Scores of pixels in a dictionary, as segmentation networks of torchvision give them."""

    def __init__(self, *keys: str) -> None:
        super().__init__()
        self.keys = keys
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict.fromkeys(self.keys, self.last(self.conv(x).relu()))


@pytest.mark.parametrize("keys", [("out",), ("out", "aux")])
@pytest.mark.parametrize("method", ["auto", "grad_cam", "gradient"])
def test_a_function_of_a_dictionary_is_told_the_key(keys: tuple[str, ...], method: str) -> None:
    def area(output: torch.Tensor) -> torch.Tensor:
        return output[:, 1].mean(dim=(1, 2))

    network = Painter(*keys)
    told = line(SeewhyError, network, method=method, target=area)
    assert told.startswith(f"The network returned dict: {', '.join(f'{key} (1, 2, 32, 32)' for key in keys)}")
    assert told.endswith("with output='out'; a function given as the target then gets that entry.")
    clf = seewhy.Classifier(network, output="out")
    expected = float(network(PHOTO[None])["out"][0, 1].detach().mean())
    assert seewhy.explain(clf, PHOTO, method, area).targets[0].score == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_function_that_fails_is_told_what_it_was_given() -> None:
    def area(output: torch.Tensor) -> torch.Tensor:
        return output[:, 1].mean(dim=(1, 2))

    told = line(TargetError, Painter("out", "aux"), method="occlusion", target=area)
    assert told.startswith("The target function 'area' was given dict: out (1, 2, 32, 32), aux (1, 2, 32, 32), and failed: ")
    assert told.endswith(". Pick one entry with output='out'; a function given as the target then gets that entry.")
    told = line(TargetError, seewhy.Classifier(Painter("out"), output="out"), method="occlusion", target=lambda y: y.out)
    assert told.startswith("The target function '<lambda>' was given a tensor (1, 2, 32, 32), and failed: AttributeError: ")


def test_a_float_picture_without_preprocessing() -> None:
    assert line(PhotoError, SmallNet(), np.zeros((48, 40, 3), np.float32)) == (
        "The picture has shape (48, 40, 3): this is rows × columns × channels. Give preprocess=seewhy.Preprocess(size=..., "
        "mean=..., std=...), or a tensor (C, H, W) of the network's own input."
    )


def test_a_class_is_no_network() -> None:
    with pytest.raises(ModelError) as error:
        seewhy.Classifier(SmallNet, PREPARE)
    assert str(error.value) == "SmallNet is a class: write SmallNet()."


def test_a_network_of_volumes_is_named_before_the_numbers_of_its_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("scan.npy", np.random.default_rng(0).normal(0, 2, (8, 20, 24)).astype(np.float32))
    Path("net.py").write_text("from small_volumes import SmallVolumeNet\ndef build():\n    return SmallVolumeNet()\n")
    with pytest.raises(SystemExit) as end:
        cli.main(["explain", "scan.npy", "--model", "net.py:build", "--size", "32"])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip() == (
        "Error: The network cannot take an input of shape (3, 32, 32): its layer 'features.0' is a convolution of volumes "
        "(C, D, H, W): write --dimensions 3."
    )
    of_photos = seewhy.Classifier(SmallNet(), PREPARE)
    assert line(PhotoError, of_photos, np.load("scan.npy")[:3]).startswith("The input ranges ")
