"""A network with its preprocessing, names and head: the same answers as by hand, whatever form the network has."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from classifier_networks import NAMES, PHOTOS, Dressed, Fixed, inputs_of, message
from small_nets import Planted, SmallNet, assert_same_state, state_of
from small_volumes import PlantedVolume, planted_volume
from torch import nn

import seewhy
from seewhy import Classifier, Prediction, Preprocess
from seewhy.errors import ClassesError, LayerError, MethodError, ModelError, OptionError, OutputError, PhotoError
from seewhy.load import from_torchvision


class Flat(nn.Module):
    """Knows one input size only: 3 × 8 × 8."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 8 * 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(x)).flatten(1))


def by_hand(network: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """The logits of a copy in eval mode."""
    with torch.no_grad():
        return copy.deepcopy(network).eval()(inputs).numpy()


# -- scores -------------------------------------------------------------------------------------------------------------


def test_logits_and_scores_are_those_of_the_network(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24, mean=0.5, std=0.25))
    expected = by_hand(small, (inputs_of(PHOTOS) - 0.5) / 0.25)
    logits = clf.logits(list(PHOTOS))
    np.testing.assert_allclose(logits, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(clf.scores(list(PHOTOS)), torch.from_numpy(expected).softmax(1).numpy(), atol=1e-5)
    assert logits.dtype == clf.scores(PHOTOS[0]).dtype == np.float32


def test_one_photo_is_one_row_and_a_batch_is_a_list(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24))
    assert clf.scores(PHOTOS[0]).shape == (1, 4)
    assert clf.scores([PHOTOS[0]]).shape == (1, 4)
    assert clf.scores([]).shape == (0, 4)
    np.testing.assert_array_equal(clf.scores(PHOTOS), clf.scores(list(PHOTOS)))
    np.testing.assert_allclose(clf.scores(inputs_of(PHOTOS)), clf.scores(PHOTOS), atol=1e-6)


def test_batch_of_one_equals_batch_of_seven(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24))
    (single, seven) = (clf.scores(PHOTOS, batch_size=n) for n in (1, 7))
    np.testing.assert_allclose(single, seven, atol=1e-6)
    assert np.ptp(single, axis=0).max() > 1e-3, "the photos differ"


def test_photos_of_different_sizes_go_together(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=16, crop=False))
    photos = [PHOTOS[0], PHOTOS[1][:, :12], PHOTOS[2][:12], PHOTOS[3]]
    np.testing.assert_allclose(clf.scores(photos), np.concatenate([clf.scores(photo) for photo in photos]), atol=1e-6)


def test_no_gradient_modes_of_the_person_matter(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24))
    expected = clf.scores(PHOTOS)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            np.testing.assert_array_equal(Classifier(small, Preprocess(size=24)).scores(PHOTOS), expected)


def test_nothing_of_the_network_changes(small: SmallNet) -> None:
    small.train()
    small.features[4].eval()
    before = state_of(small)
    clf = Classifier(small, Preprocess(size=24))
    clf.scores(PHOTOS)
    clf.layers()
    assert_same_state(before, state_of(small))


# -- classify -----------------------------------------------------------------------------------------------------------


def test_classify_gives_the_best_first() -> None:
    clf = Classifier(Fixed(0.0, 2.0, -1.0, 1.0), Preprocess(size=8), NAMES)
    exps = np.exp([2.0, 1.0, 0.0, -1.0])
    p = exps / exps.sum()
    assert clf.classify(PHOTOS[0]) == [
        Prediction("cow", 1, pytest.approx(p[0], abs=1e-6)),
        Prediction("wolf", 3, pytest.approx(p[1], abs=1e-6)),
        Prediction("bear", 0, pytest.approx(p[2], abs=1e-6)),
    ]
    assert [str(x) for x in clf.classify(PHOTOS[0], k=1)] == ["cow (0.64)"]


def test_ties_keep_the_class_order_and_too_large_k_gives_all() -> None:
    clf = Classifier(Fixed(1.0, 3.0, 3.0, 1.0), Preprocess(size=8))
    assert [p.index for p in clf.classify(PHOTOS[0], k=99)] == [1, 2, 0, 3]
    assert [p.name for p in clf.classify(PHOTOS[0], k=np.int64(2))] == ["class 1", "class 2"]


def test_of_a_list_a_list(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24), NAMES)
    rows = clf.classify(list(PHOTOS[:2]), k=2)
    for row, photo in zip(rows, PHOTOS[:2], strict=True):
        alone = clf.classify(photo, k=2)
        assert [(p.name, p.index) for p in row] == [(p.name, p.index) for p in alone]
        assert [p.score for p in row] == pytest.approx([p.score for p in alone], abs=1e-6)
    assert clf.classify([PHOTOS[0]]) == [clf.classify(PHOTOS[0])]
    assert clf.classify([]) == []


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3"])
def test_wrong_k(k: Any) -> None:
    clf = Classifier(Fixed(0.0, 1.0), Preprocess(size=8))
    text = message(OptionError, lambda: clf.classify(PHOTOS[0], k=k))
    assert text == f"k={k!r}: write a whole number above 0."


# -- heads and outputs --------------------------------------------------------------------------------------------------


def test_heads() -> None:
    photo = PHOTOS[0]
    sigmoid = 1 / (1 + np.exp(-np.array([0.5, -2.0])))
    np.testing.assert_allclose(Classifier(Fixed(0.5, -2.0), Preprocess(8), head="sigmoid").scores(photo), [sigmoid], atol=1e-6)
    np.testing.assert_allclose(Classifier(Fixed(0.5, -2.0), Preprocess(8), head="none").scores(photo), [[0.5, -2.0]])
    np.testing.assert_allclose(Classifier(Fixed(7.5), Preprocess(8), head="none").scores(photo), [[7.5]])
    binary = Classifier(Fixed(0.5), Preprocess(8), head="binary")
    np.testing.assert_allclose(binary.scores(photo), [[1 - sigmoid[0], sigmoid[0]]], atol=1e-6)
    np.testing.assert_allclose(binary.logits(photo), [[-0.5, 0.5]])
    assert binary.classes == ["negative", "positive"]
    assert [p.name for p in binary.classify(photo)] == ["positive", "negative"]


def test_probabilities_are_not_softmaxed_again() -> None:
    clf = Classifier(Fixed(0.7, 0.2, 0.1), Preprocess(8))
    np.testing.assert_allclose(clf.scores(PHOTOS[0]), [[0.7, 0.2, 0.1]], atol=1e-6)
    assert clf.executor.planned().head(clf.head).probabilities
    logits = Classifier(Fixed(0.7, 0.2, 0.2), Preprocess(8))
    assert not np.allclose(logits.scores(PHOTOS[0]), [[0.7, 0.2, 0.2]])
    assert not logits.executor.planned().head(logits.head).probabilities


def test_one_output_wants_a_head() -> None:
    assert message(OutputError, lambda: Classifier(Fixed(1.0), Preprocess(8)).scores(PHOTOS[0])) == (
        "The network returns one number per photo: write head='binary' (yes or no, the number is a logit) or head='none' (the "
        "number is a score)."
    )


@pytest.mark.parametrize("keepdim", [False, True])
def test_class_indices_are_no_scores(keepdim: bool) -> None:
    clf = Classifier(lambda x: Fixed(0.2, 0.7, 0.1)(x).argmax(1, keepdim=keepdim), Preprocess(8))
    assert message(OutputError, lambda: clf.scores(PHOTOS[0])) == (
        "The network returns whole numbers (class indices): return the scores before argmax."
    )


def test_a_squeezed_logit_of_one_photo() -> None:
    class Squeezed(Fixed):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).squeeze()

    clf = Classifier(Squeezed(0.5), Preprocess(8), head="binary")
    np.testing.assert_allclose(clf.logits(PHOTOS[0]), [[-0.5, 0.5]])
    np.testing.assert_allclose(clf.logits(PHOTOS[:3]), [[-0.5, 0.5]] * 3)
    np.testing.assert_allclose(clf.logits(PHOTOS[:3], batch_size=2), [[-0.5, 0.5]] * 3)


# -- classes ------------------------------------------------------------------------------------------------------------


def test_class_names(small: SmallNet) -> None:
    assert Classifier(small, Preprocess(24), NAMES).classes == NAMES
    assert Classifier(small, Preprocess(24)).classes == ["class 0", "class 1", "class 2", "class 3"]
    assert message(ClassesError, lambda: Classifier(small).classes) == (
        "The number of classes is not known before the first photo: give their names, classes=, or classify a photo first."
    )
    clf = Classifier(small)
    clf.scores(torch.zeros(3, 8, 8))
    assert clf.classes[-1] == "class 3"


def test_a_class_list_of_the_wrong_length(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(24), ["a", "b", "c"])
    assert (
        message(ClassesError, lambda: clf.classify(PHOTOS[0])) == "The class list has 3 names, but the network gives 4 scores: "
        "give one name for each class, in index order."
    )


def test_a_replaced_head_counts_again(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(24))
    assert len(clf.classify(PHOTOS[0], k=9)) == 4
    small.fc = nn.Linear(16, 6)
    assert len(clf.classify(PHOTOS[0], k=9)) == 6
    assert clf.classes[-1] == "class 5"


# -- photos -------------------------------------------------------------------------------------------------------------


def test_without_preprocessing_tensors_are_used_as_they_are(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = Classifier(small)
    expected = by_hand(small, small_photos)
    np.testing.assert_allclose(clf.logits(small_photos), expected, atol=1e-5 * np.abs(expected).max())
    for form in (small_photos[0], small_photos[0].numpy(), small_photos[0].double(), small_photos[0].requires_grad_()):
        np.testing.assert_allclose(clf.logits(form), expected[:1], atol=1e-5)
    photo = clf.read(small_photos[1])
    np.testing.assert_array_equal(photo.pixels, small_photos[1])
    np.testing.assert_array_equal(photo.original, small_photos[1].permute(1, 2, 0))
    assert (photo.geometry.photo, photo.geometry.frame) == ((20, 28), (0, 0, 20, 28))
    assert photo.preprocessing == "none: the tensor is used as it is"
    assert clf.input_size is None


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "a uint8 picture"),
        (np.zeros((8, 8, 3), np.uint8), "a uint8 picture"),
        ("cat.jpg", "a str"),
        (5, "a int"),
    ],
)
def test_pictures_want_a_preprocessing(small: SmallNet, photo: Any, expected: str) -> None:
    assert message(PhotoError, lambda: Classifier(small).scores(photo)) == (
        "This classifier has no preprocessing, so it takes float tensors (C, H, W) of the network's own input, not "
        f"{expected}: build it with preprocess=seewhy.Preprocess(size=..., mean=..., std=...)."
    )


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        (torch.zeros(8, 8), "The tensor has shape (8, 8): one photo is (C, H, W)."),
        (torch.zeros(3, 0, 8), "The tensor has shape (3, 0, 8): one photo is (C, H, W)."),
        (torch.full((3, 8, 8), torch.nan), "The tensor holds values that are not finite (NaN or infinity): repair them first."),
        (
            torch.zeros(1, 8, 8),
            "1 channel given, but the network's first layer 'features.0' wants 3: use a tensor of that many channels.",
        ),
    ],
)
def test_wrong_tensors(small: SmallNet, photo: torch.Tensor, expected: str) -> None:
    assert message(PhotoError, lambda: Classifier(small).scores(photo)) == expected


def test_the_channels_of_the_network_are_named() -> None:
    clf = Classifier(nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), Preprocess(8))
    assert message(PhotoError, lambda: clf.scores(PHOTOS[0])) == (
        "3 channels given, but the network's first layer '0' wants 1: use Preprocess(channels=1)."
    )


def test_a_read_photo_is_used_again(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=16), NAMES)
    photo = clf.read(PHOTOS[0])
    np.testing.assert_array_equal(clf.scores(photo), clf.scores(PHOTOS[0]))
    larger = Classifier(small, Preprocess(size=20), NAMES)
    np.testing.assert_array_equal(larger.scores(photo), larger.scores(PHOTOS[0]))
    assert photo.preprocessing == "shorter side 16, centre crop 16×16, RGB, values 0-1"


def test_a_photo_read_with_another_interpolation_is_read_anew(small: SmallNet) -> None:
    (linear, cubic) = (Classifier(small, Preprocess(size=16, interpolation=name)) for name in ("bilinear", "bicubic"))
    np.testing.assert_array_equal(cubic.scores(linear.read(PHOTOS[0])), cubic.scores(PHOTOS[0]))


def test_with_preprocess_changes_one_thing(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=16, mean=0.5), NAMES, head="sigmoid")
    other = clf.with_preprocess(crop=False)
    assert other.preprocess == Preprocess(size=16, mean=0.5, crop=False)
    assert (other.classes, other.head.kind, other.network) == (NAMES, "sigmoid", small)
    assert message(OptionError, lambda: clf.with_preprocess(croop=False)).startswith(
        "Preprocess has no 'croop'. Did you mean 'crop'?"
    )


# -- sizes that do not fit ----------------------------------------------------------------------------------------------


def test_a_wrong_input_size_names_the_layer() -> None:
    expected = (
        "The network cannot take an input of shape (3, 10, 10) in layer 'fc': mat1 and mat2 shapes cannot be multiplied (1x400 "
        "and 256x3)"
    )
    assert message(ModelError, lambda: Classifier(Flat(), Preprocess(size=10)).scores(PHOTOS[0])) == expected
    clf = Classifier(Flat())
    assert clf.scores(torch.zeros(3, 8, 8)).shape == (1, 3)
    assert message(ModelError, lambda: clf.scores(torch.zeros(3, 10, 10))) == expected, "also where another size came before"
    assert clf.scores(torch.zeros(3, 8, 8)).shape == (1, 3)


def test_a_persons_own_exception_passes_through(small: SmallNet) -> None:
    class OwnError(ValueError):
        pass

    def fails(y: torch.Tensor) -> torch.Tensor:
        raise OwnError("mine")

    with pytest.raises(OwnError, match=r"^mine$"):
        Classifier(Dressed(fails), Preprocess(24)).scores(PHOTOS[0])


# -- forms of networks --------------------------------------------------------------------------------------------------


def compiled(net: nn.Module) -> Any:
    return torch.compile(net, backend="eager")  # the wrapper only: nothing is compiled before the first call


@pytest.mark.parametrize("wrap", [nn.DataParallel, compiled, lambda net: nn.DataParallel(compiled(net))])
def test_wrappers_are_taken_off(small: SmallNet, wrap: Callable[[nn.Module], nn.Module]) -> None:
    clf = Classifier(wrap(small), Preprocess(24))
    assert clf.network is small
    assert clf.name == "SmallNet"
    assert clf.feature_layer == "features"
    np.testing.assert_array_equal(clf.scores(PHOTOS), Classifier(small, Preprocess(24)).scores(PHOTOS))


def test_a_network_without_parameters() -> None:
    clf = Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), Preprocess(size=24))
    np.testing.assert_allclose(clf.logits(PHOTOS), inputs_of(PHOTOS).mean(dim=(2, 3)), atol=1e-6)
    assert str(clf.device) == "cpu"


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_networks_in_other_precisions(kind: torch.dtype) -> None:
    clf = Classifier(SmallNet().to(kind), Preprocess(24))
    expected = Classifier(SmallNet(), Preprocess(24)).scores(PHOTOS)
    np.testing.assert_allclose(clf.scores(PHOTOS), expected, atol=0.05 if kind != torch.float64 else 1e-5)
    assert seewhy.explain(clf, PHOTOS[0]).maps.dtype == np.float32


def test_a_callable_has_no_inside() -> None:
    clf = Classifier(lambda x: x.mean(dim=(2, 3)), Preprocess(24))
    assert message(MethodError, lambda: seewhy.explain(clf, PHOTOS[0], "grad_cam")) == (
        "This is a function: its inside cannot be watched, so methods that use layers or gradients are not possible. Working "
        "now: occlusion, lime or rise. For CAM and Grad-CAM give the original nn.Module (torch.compile, DataParallel are "
        "unwrapped)."
    )
    for call in (clf.layers, lambda: clf.feature_layer):
        assert message(MethodError, call) == (
            "This is a function: its inside cannot be watched, so it has no layers. Give the nn.Module itself."
        )


class Unsure:
    """Like scikit-learn's SVC: it decides, and gives no probabilities."""

    def fit(self) -> None:
        """Nothing is learnt."""


def test_what_is_no_classifier(small: SmallNet) -> None:
    assert message(ModelError, lambda: Classifier("resnet18")) == "A network cannot be a str: write seewhy.load('resnet18')."
    assert message(ModelError, lambda: Classifier(nn.Linear(1, 1).state_dict())) == (
        "A network cannot be a OrderedDict: these are weights; load them into the network (load_state_dict), and give that."
    )
    assert message(ModelError, lambda: Classifier(Unsure())) == (
        "A network cannot be a Unsure: it has no predict_proba (of SVC probability=True, of others CalibratedClassifierCV "
        "brings it)."
    )
    assert message(ModelError, lambda: Classifier(3)) == "A network cannot be a int: give an nn.Module or a function."
    assert message(OptionError, lambda: Classifier(small, precision="half")) == "precision='half': write 'exact' or 'fast'."
    assert message(OptionError, lambda: Classifier(small, head="softmx")) == (
        "head='softmx': write one of softmax, sigmoid, binary, none."
    )
    assert message(OptionError, lambda: Classifier(small, device="gpu")).startswith("device='gpu' cannot be used: ")


def test_in_words(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=(12, 16), resize="stretch"), NAMES)
    assert repr(clf) == "<Classifier SmallNet: 4 classes, stretched to 12×16 (rows × columns), RGB, values 0-1>"
    assert repr(Classifier(small)) == "<Classifier SmallNet: ? classes, none: the tensor is used as it is>"
    assert clf.input_size == (12, 16)


# -- layers -------------------------------------------------------------------------------------------------------------


def test_layers_of_a_small_network(small: SmallNet) -> None:
    layers = {layer.name: layer for layer in Classifier(small, Preprocess(size=24)).layers()}
    assert {name: (layer.kind, layer.grid, layer.channels) for name, layer in layers.items() if "." in name} == {
        "features.0": ("Conv2d", (24, 24), 8),
        "features.1": ("BatchNorm2d", (24, 24), 8),
        "features.2": ("ReLU", (24, 24), 8),
        "features.3": ("MaxPool2d", (12, 12), 8),
        "features.4": ("Conv2d", (12, 12), 16),
        "features.5": ("BatchNorm2d", (12, 12), 16),
    }
    assert [name for name, layer in layers.items() if layer.automatic] == ["features"]
    assert str(layers["features"]) == "features 12×12"


def test_the_grids_follow_the_photo(small: SmallNet) -> None:
    for clf, photos in (
        (Classifier(small), [torch.rand(3, 8, 8), torch.rand(3, 16, 12), torch.rand(3, 8, 8)]),
        (Classifier(small, Preprocess(size=8, crop=False)), [PHOTOS[0], PHOTOS[0][:, :16].repeat(1, 0), PHOTOS[0]]),
    ):
        grids = [next(layer.grid for layer in clf.layers(photo) if layer.automatic) for photo in photos]
        assert grids[0] == grids[2] == (4, 4)
        assert grids[1] == (6 if clf.preprocess else 8, 6 if not clf.preprocess else 4)


def test_without_preprocessing_layers_want_a_photo_first(small: SmallNet) -> None:
    clf = Classifier(small)
    expected = "The layers' grids depend on the photo: ask clf.layers(photo) first."
    assert message(LayerError, clf.layers) == expected
    assert message(LayerError, lambda: clf.feature_layer) == expected
    clf.layers(torch.rand(3, 8, 8))
    assert clf.feature_layer == "features"


@pytest.mark.parametrize(
    ("name", "size", "layer", "grid", "channels"),
    [
        ("squeezenet1_1", 227, "classifier.2", (14, 14), 1000),
        ("squeezenet1_0", 227, "classifier.2", (13, 13), 1000),
        ("googlenet", 224, "inception5b", (7, 7), 1024),
        ("resnet18", 224, "layer4", (7, 7), 512),
        ("mobilenet_v2", 224, "features", (7, 7), 1280),
        ("densenet121", 64, "relu()", (2, 2), 1024),
    ],
)
def test_the_layer_that_is_chosen(name: str, size: int, layer: str, grid: tuple[int, int], channels: int) -> None:
    settings = {"init_weights": False} if name == "googlenet" else {}
    network = from_torchvision.models().get_model(name, weights=None, **settings).eval()
    clf = Classifier(network, Preprocess(size=size))
    (automatic,) = [candidate for candidate in clf.layers() if candidate.automatic]
    assert (automatic.name, automatic.grid, automatic.channels) == (layer, grid, channels)
    assert clf.feature_layer == layer


# -- the planned copy is never stale ------------------------------------------------------------------------------------


def test_hooks_of_the_person_stay_and_are_run(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24))
    before = clf.logits(PHOTOS)
    handle = small.features.register_forward_hook(lambda module, args, out: out * 2)
    doubled = clf.logits(PHOTOS)
    expected = by_hand(small, inputs_of(PHOTOS))
    np.testing.assert_allclose(doubled, expected, atol=1e-5 * np.abs(expected).max())
    assert not np.allclose(doubled, before, atol=1e-3)
    assert clf.executor.planned().plan.description == "the network as it is (it has hooks of its own, or cannot be copied)"
    assert list(small.features._forward_hooks) == [handle.id]
    handle.remove()
    np.testing.assert_allclose(clf.logits(PHOTOS), before, atol=1e-6)


def test_a_network_that_cannot_be_copied_runs_as_it_is() -> None:
    class Uncopied(SmallNet):
        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            raise RuntimeError("a lock, a file, a stream")

    network = Uncopied()
    network.train()
    before = state_of(network)
    clf = Classifier(network, Preprocess(size=24))
    np.testing.assert_allclose(clf.logits(PHOTOS), Classifier(SmallNet(), Preprocess(24)).logits(PHOTOS), atol=1e-4)
    assert_same_state(before, state_of(network))


def test_two_classifiers_on_one_network(planted: Planted) -> None:
    (a, b) = (Classifier(planted), Classifier(planted, Preprocess(size=16)))
    photo = torch.ones(3, 16, 16)
    np.testing.assert_allclose(a.logits(photo), [[0.5, 0.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(b.logits(photo), [[0.5, 0.5, 0.5]], atol=1e-6)
    planted.fc.weight.data *= 2
    np.testing.assert_allclose(a.logits(photo), b.logits(photo))
    np.testing.assert_allclose(a.logits(photo), [[1, 1, 1]], atol=1e-6)


class Ending(nn.Module):
    """Two outputs with an activation of its own at the end, which some people call scores."""

    def __init__(self, activation: str, *values: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, len(values), 1)
        self.activation = activation
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.bias.copy_(torch.tensor(values))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.conv(x).mean(dim=(2, 3))
        return getattr(torch, self.activation)(logits, **({"dim": 1} if "softmax" in self.activation else {}))


def test_a_network_that_ends_in_a_sigmoid_is_not_activated_twice() -> None:
    network = Ending("sigmoid", -0.24, 0.08)  # sigmoids .44 and .52
    scores = [0.440286, 0.519989]
    clf = Classifier(network, Preprocess(8), head="sigmoid")
    np.testing.assert_allclose(clf.scores(PHOTOS[0]), [scores], atol=1e-6)
    np.testing.assert_allclose(clf.logits(PHOTOS[0]), [[-0.24, 0.08]], atol=1e-6)
    e = seewhy.explain(clf, PHOTOS[0], target="present")
    assert [target.index for target in e.targets] == [1]
    assert "the network ends in a sigmoid: none was added, and a logit means log-odds" in e.notes
    binary = Classifier(Ending("sigmoid", 0.08), Preprocess(8), head="binary")
    np.testing.assert_allclose(binary.scores(PHOTOS[0]), [[1 - scores[1], scores[1]]], atol=1e-6)
    np.testing.assert_allclose(binary.logits(PHOTOS[0]), [[-0.08, 0.08]], atol=1e-6)


def test_a_sigmoid_under_a_softmax_head_is_an_error_that_names_the_head() -> None:
    clf = Classifier(Ending("sigmoid", -0.24, 0.08), Preprocess(8))
    for call in (lambda: clf.scores(PHOTOS[0]), lambda: seewhy.explain(clf, PHOTOS[0])):
        assert message(OutputError, call) == (
            "The network ends in a sigmoid, so its outputs are no logits of a softmax: write head='sigmoid' (several labels), "
            "head='binary' (one output, yes or no), or head='none' (scores as they are)."
        )
    assert Classifier(Ending("sigmoid", -0.24, 0.08), Preprocess(8), head="none").scores(PHOTOS[0]).shape == (1, 2)


def test_a_softmax_under_a_sigmoid_head_is_an_error_that_names_the_head() -> None:
    clf = Classifier(Ending("softmax", 1.0, 0.0), Preprocess(8), head="sigmoid")
    assert message(OutputError, lambda: clf.scores(PHOTOS[0])) == (
        "The network ends in a softmax, but head='sigmoid' was given: write head='softmax'."
    )


def test_an_activation_inside_the_network_is_none_at_its_end() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    clf = Classifier(network, Preprocess(8))
    assert not clf.executor.planned().head(clf.head).probabilities
    squeezed = nn.Sequential(nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Sigmoid(), nn.Flatten(0))
    clf = Classifier(squeezed, Preprocess(8), head="binary")
    assert clf.executor.planned().head(clf.head).probabilities


def test_a_dictionary_of_two_tables_is_told_which_entry_to_write() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            logits = self.conv(x).mean(dim=(2, 3))
            return {"main": logits, "aux": logits / 2}

    clf = Classifier(Two(), Preprocess(8))
    for call in (lambda: clf.scores(PHOTOS[0]), lambda: seewhy.explain(clf, PHOTOS[0]), clf.layers):
        assert message(OutputError, call) == (
            "The network returned dict: main (1, 4), aux (1, 4). Expected class scores (N, classes): say which entry holds them "
            "with output='main'."
        )
    assert seewhy.explain(Classifier(Two(), Preprocess(8), output="main"), PHOTOS[0]).layer == "conv"


@pytest.mark.parametrize(
    "ending",
    [
        lambda p: p.clone(),
        lambda p: p.double(),
        lambda p: p.clamp(1e-6, 1 - 1e-6),
        lambda p: p.unsqueeze(1).squeeze(1),
        lambda p: p.T.T,
    ],
)
def test_what_keeps_the_values_of_a_sigmoid_does_not_hide_it(ending: Callable[[torch.Tensor], torch.Tensor]) -> None:
    class Kept(Ending):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return ending(super().forward(x))

    clf = Classifier(Kept("sigmoid", -0.24, 0.08), Preprocess(8), head="sigmoid")
    np.testing.assert_allclose(clf.scores(PHOTOS[0]), [[0.440286, 0.519989]], atol=1e-6)


def test_a_function_needs_no_head() -> None:
    clf = Classifier(Ending("sigmoid", -0.24, 0.08), Preprocess(8))  # under a softmax, which does not fit
    for method in ("gradient", "occlusion"):
        e = seewhy.explain(clf, PHOTOS[0], method=method, target=lambda y: y[:, 1])
        assert e.targets[0].score == pytest.approx(0.519989, abs=1e-6)
        assert e.predictions == []


def test_a_dropped_batch_axis_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(0))
    assert message(OutputError, lambda: Classifier(network, Preprocess(8)).scores(PHOTOS[0])) == (
        "The network returned (3,) for 1 photos: one row of scores per photo. It drops the batch axis of a single photo: remove "
        "squeeze() from its forward."
    )


@pytest.mark.parametrize("name", ["preprocess", "head", "output", "network", "precision"])
def test_what_belongs_to_a_classifier_cannot_be_exchanged(name: str) -> None:
    clf = Classifier(SmallNet(), Preprocess(24))
    assert message(OptionError, lambda: setattr(clf, name, None)) == (
        f"clf.{name} cannot be changed afterwards: build a new Classifier({name}=...), or take clf.with_preprocess(...)."
    )


# -- volumes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["activations", "deep_dream", "embed", "extremes", "compare", "doctor", "live", "evaluate", "check"]
)
def test_what_knows_photos_alone_refuses_volumes_in_one_line(name: str) -> None:
    clf = seewhy.Classifier(PlantedVolume(), dimensions=3)
    volume = planted_volume()
    calls = {
        "activations": lambda: seewhy.activations(clf, volume),
        "deep_dream": lambda: seewhy.deep_dream(clf, channels=[0]),
        "embed": lambda: seewhy.embed(clf, [volume] * 5),
        "extremes": lambda: seewhy.extremes(clf, [volume] * 5, channel=0),
        "compare": lambda: seewhy.compare([clf, clf], [volume]),
        "doctor": lambda: seewhy.doctor(clf, [volume]),
        "live": lambda: next(iter(seewhy.live(clf, [np.zeros((8, 8, 3), np.uint8)]))),
        "evaluate": lambda: seewhy.evaluate(clf, seewhy.explain(clf, volume)),
        "check": lambda: seewhy.check(clf, seewhy.explain(clf, volume)),
    }
    what = "Measuring a map" if name in ("evaluate", "check") else name
    with pytest.raises(ModelError) as error:
        calls[name]()
    assert str(error.value) == f"{what} works on photos, and this classifier is one of volumes: seewhy.explain works there."
