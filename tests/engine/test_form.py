"""In which form a network comes, and what can be asked of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.engine.form import FUNCTION, OPEN, TORCHSCRIPT, Form, form_of, quantised_modules
from seewhy.engine.predict_proba import PredictProba
from seewhy.errors import GradientError, LayerError
from seewhy.methods.auto import PASSES

PHOTO = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
PREPARE = seewhy.Preprocess(24, mean=0.5, std=0.25)
UNREADABLE = (
    "From 'quant' on this network computes in int8, and feature maps of whole numbers cannot be read. Use a method that needs "
    "none: method='occlusion', method='lime' or method='rise'; or give the network as it was before it was quantised."
)


class Steps(nn.Module):
    """What torch.ao.quantization asks a network to look like."""

    def __init__(self) -> None:
        super().__init__()
        from torch.ao import quantization

        self.quant = quantization.QuantStub()
        self.conv = nn.Conv2d(3, 6, 3)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(6, 3)
        self.dequant = quantization.DeQuantStub()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.conv(self.quant(x)))
        out: torch.Tensor = self.dequant(self.fc(self.flatten(self.pool(x))))
        return out


@pytest.fixture(scope="module")
def quantised() -> dict[str, nn.Module]:
    """The plain network, and both ways to make it int8."""
    from torch.ao import quantization

    torch.manual_seed(0)
    plain = Steps().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this package; people still bring such networks
        dynamic = quantization.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
        plain.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
        prepared = quantization.prepare(plain)
        prepared(torch.randn(8, 3, 24, 24, generator=torch.Generator().manual_seed(0)))
        return {"plain": plain, "dynamic": dynamic, "static": quantization.convert(prepared)}


@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
def test_forms_are_told_apart(small: SmallNet, quantised: dict[str, nn.Module]) -> None:
    assert form_of(small) is OPEN
    assert OPEN.is_open
    assert form_of(lambda x: x) is FUNCTION
    assert form_of(torch.jit.trace(small.eval(), torch.zeros(1, 3, 16, 16), check_trace=False)) is TORCHSCRIPT
    assert form_of(PredictProba(object())).probabilities
    small.form = "square"  # a person's own attribute of that name
    assert form_of(small) is OPEN
    assert form_of(quantised["plain"]) is OPEN
    assert form_of(quantised["static"]) == Form("a network quantised to int8", layers=True, quantised="quant")
    assert form_of(quantised["dynamic"]).quantised == "fc"
    assert list(quantised_modules(quantised["static"])) == ["quant", "conv", "fc", "fc._packed_params", "dequant"]


@pytest.mark.parametrize(("kind", "first"), [("dynamic", "fc"), ("static", "quant")])
def test_int8_is_recognised(kind: str, first: str, quantised: dict[str, nn.Module]) -> None:
    clf = seewhy.Classifier(quantised[kind], PREPARE)
    plain = seewhy.Classifier(quantised["plain"], PREPARE)
    np.testing.assert_allclose(clf.scores(PHOTO), plain.scores(PHOTO), atol=0.02)
    working = [*["score_cam", "eigen_cam"] * (kind == "dynamic"), "occlusion", "lime", "rise"]
    for method, known in seewhy.METHODS.items():
        if method in working:
            budget = {"budget": 60} if method in ("lime", "rise") else {}
            assert np.ptp(seewhy.explain(clf, PHOTO, method, **budget).maps) > 0
            continue
        with pytest.raises(seewhy.SeewhyError) as error:
            seewhy.explain(clf, PHOTO, method)
        named = f"{', '.join(working[:-1])} or rise"
        if method in ("score_cam", "eigen_cam"):
            assert str(error.value) == UNREADABLE
            continue
        assert isinstance(error.value, GradientError)
        assert str(error.value) == (
            f"{known.title} needs gradients or plain weights, but the score is cut off from both. First step without gradient: "
            f"'{first}' (quantised to int8). Use a method that needs none: {named}; or give the network as it was before it was "
            "quantised."
        )
    explanation = seewhy.explain(clf, PHOTO)
    assert explanation.method == "occlusion"
    assert explanation.cost.forward <= PASSES
    assert explanation.notes[-1] == f"method='auto' took occlusion: no gradient passes '{first}' (quantised to int8)"


def test_int8_maps_are_nearly_those_of_the_plain_network(quantised: dict[str, nn.Module]) -> None:
    clf = seewhy.Classifier(quantised["dynamic"], PREPARE)
    plain = seewhy.Classifier(quantised["plain"], PREPARE)
    settings = {"target": 1, "score": "logit", "fill": "black", "mask_size": 12, "stride": 6}
    (own, expected) = (seewhy.explain(c, PHOTO, "occlusion", **settings).maps for c in (clf, plain))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(own, expected, atol=0.15 * np.abs(expected).max())
    (own, expected) = (seewhy.explain(c, PHOTO, "eigen_cam", layer="relu").maps for c in (clf, plain))
    np.testing.assert_allclose(own, expected, atol=1e-5)
    assert seewhy.explain(clf, PHOTO, "score_cam").layer == "relu"


def test_a_dream_needs_a_gradient(quantised: dict[str, nn.Module]) -> None:
    with pytest.raises(GradientError) as error:
        seewhy.deep_dream(seewhy.Classifier(quantised["dynamic"], PREPARE), channels=[0], iterations=1, levels=1)
    assert str(error.value) == (
        "A dream follows the gradient, and none passes 'fc' (quantised to int8): give the network as it was before it was "
        "quantised."
    )


def test_layers_in_whole_numbers_cannot_be_read(quantised: dict[str, nn.Module]) -> None:
    clf = seewhy.Classifier(quantised["static"], PREPARE)
    calls = [clf.layers, *(lambda layer=layer: seewhy.explain(clf, PHOTO, "eigen_cam", layer=layer) for layer in ("conv", "no"))]
    for call in calls:
        with pytest.raises(LayerError) as error:
            call()
        assert str(error.value) == UNREADABLE
    unsized = seewhy.Classifier(quantised["static"])
    with pytest.raises(GradientError, match="needs none: occlusion, lime or rise; or give"):
        seewhy.explain(unsized, [], "grad_cam")


class Partly(Steps):
    """int8 behind the first convolution, or before the last one."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first = first
        self.last = nn.Conv2d(6, 6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.first:
            x = self.relu(self.conv(self.quant(x)))
            x = self.last(self.dequant(x))
            return self.fc(self.flatten(self.pool(x)))
        x = self.relu(self.conv(x))
        out: torch.Tensor = self.dequant(self.fc(self.quant(self.flatten(self.pool(x)))))
        return out


@pytest.mark.parametrize("first", [True, False])
def test_a_network_that_is_int8_in_part(first: bool) -> None:
    """No float convolution behind int8 is taken for the one that the photo meets first."""
    from torch.ao import quantization

    torch.manual_seed(0)
    plain = Partly(first).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of this package
        plain.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
        for module in (plain.last, plain.fc) if first else (plain.conv,):
            module.qconfig = None
        prepared = quantization.prepare(plain)
        prepared(torch.randn(8, 3, 24, 24, generator=torch.Generator().manual_seed(0)))
        clf = seewhy.Classifier(quantization.convert(prepared), PREPARE)
    np.testing.assert_allclose(clf.scores(PHOTO), seewhy.Classifier(plain, PREPARE).scores(PHOTO), atol=0.02)
    assert np.ptp(seewhy.explain(clf, PHOTO).maps) > 0
    if first:
        with pytest.raises(LayerError, match=r"^From 'quant' on this network computes in int8"):
            seewhy.explain(clf, PHOTO, "eigen_cam")
    else:
        (own, expected) = (
            seewhy.explain(c, PHOTO, "eigen_cam", layer="relu").maps for c in (clf, seewhy.Classifier(plain, PREPARE))
        )
        assert np.ptp(expected) > 0
        np.testing.assert_allclose(own, expected, atol=1e-5)
