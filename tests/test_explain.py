"""The pipeline: which photos, which targets, which settings, and what the record says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import Planted, SmallNet
from torch import nn

import seewhy


@pytest.fixture
def clf(small: SmallNet) -> seewhy.Classifier:
    return seewhy.Classifier(small, classes=["ant", "bee", "cat", "dog"])


def test_one_photo_gives_one_and_a_list_gives_a_list(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    assert isinstance(seewhy.explain(clf, small_photos[0]), seewhy.Explanation)
    for photos in ([small_photos[0]], small_photos[:1], small_photos[:1].numpy(), (small_photos[0],)):
        explanations = seewhy.explain(clf, photos)
        assert isinstance(explanations, list)
        assert len(explanations) == 1
    assert seewhy.explain(clf, []) == []


def test_a_flat_list_of_targets_is_for_every_photo(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    explanations = seewhy.explain(clf, small_photos[:2], target=["cat", 0, "top1"])
    scores = clf.scores(small_photos[:2])
    for explanation, row in zip(explanations, scores, strict=True):
        assert [t.name for t in explanation.targets[:2]] == ["cat", "ant"]
        assert explanation.targets[2].index == int(row.argmax())
        assert explanation.targets[2].rank == 1
        assert [t.score for t in explanation.targets] == pytest.approx([row[2], row[0], row.max()])
        assert explanation.maps.shape[0] == 3


def test_a_list_of_lists_is_one_per_photo(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    explanations = seewhy.explain(clf, small_photos[:2], target=[["cat"], ["dog", "bee"]])
    assert [[t.name for t in e.targets] for e in explanations] == [["cat"], ["dog", "bee"]]
    assert [len(e.maps) for e in explanations] == [1, 2]
    np.testing.assert_allclose(
        explanations[1].maps[1], seewhy.explain(clf, small_photos[1], target="bee").maps[0], rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("wolf", "This network has no class 'wolf'. It has: ant, bee, cat, dog. Any class can be asked for, "),
        ("cot", "This network has no class 'cot'. Did you mean 'cat' (2)?"),
        (4, "This network has no class 4: its 4 classes are numbered 0 to 3."),
        (
            [["cat"]],
            "2 photos but 1 list of targets. A flat list of targets applies to every photo; for one list per photo give 2",
        ),
        ([], "The list of targets is empty"),
        (1.5, "target=1.5: write a class name, an index, 'top1', 'top3', 'present', a function of the output, or a list."),
    ],
)
def test_targets_that_do_not_exist(clf: seewhy.Classifier, small_photos: torch.Tensor, target: object, message: str) -> None:
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, small_photos[:2], target=target)
    assert str(error.value).startswith(message)


def test_a_function_of_the_output_is_a_target(clf: seewhy.Classifier, small: SmallNet, small_photos: torch.Tensor) -> None:
    def cat_minus_dog(output: torch.Tensor) -> torch.Tensor:
        return output[:, 2] - output[:, 3]

    explanations = seewhy.explain(clf, small_photos[:2], target=cat_minus_dog, relu=False)
    cat, dog = (seewhy.explain(clf, small_photos[:2], target=name, relu=False) for name in ("cat", "dog"))
    for e, c, d, photo in zip(explanations, cat, dog, small_photos, strict=False):
        np.testing.assert_allclose(e.maps, c.maps - d.maps, atol=1e-6)
        (target,) = e.targets
        logits = clf.logits(photo)[0]
        assert (target.name, target.index, target.rank) == ("cat_minus_dog", None, None)
        assert target.score == pytest.approx(logits[2] - logits[3], abs=1e-5)
        assert "the value itself is explained, not a logit or a probability" in e.notes


def test_a_function_that_gives_no_number_per_photo(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, small_photos[:2], target=lambda y: y.sum())
    assert "it must return one number per photo, a tensor (2,)." in str(error.value)


def test_segmentation_with_a_function() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    photo = torch.rand(3, 8, 8)
    clf = seewhy.Classifier(network)
    with pytest.raises(seewhy.SeewhyError, match=r"The network returned a tensor \(1, 2, 8, 8\). Expected class scores"):
        seewhy.explain(clf, photo)
    explanation = seewhy.explain(clf, photo, target=lambda y: y[:, 1].sum((1, 2)), relu=False)
    with torch.no_grad():
        features = torch.relu(network[0](photo[None]))[0]
        expected = torch.einsum("c,chw->hw", network[2].weight[1, :, 0, 0], features)
    np.testing.assert_allclose(explanation.maps[0], expected, atol=1e-5)


def test_the_pixels_of_a_class(small_photos: torch.Tensor) -> None:
    """A square is class 1 and the rest class 0: what makes it class 1 lies in the square, for every method."""
    photo = torch.zeros(3, 16, 24)
    photo[1, 2:6, 14:20] = 1
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 2, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3)[:, :, None, None])
        network[0].bias.zero_()
        network[2].weight.copy_(torch.tensor([[0.0, 0, 0], [0, 2, 0]])[:, :, None, None])
        network[2].bias.copy_(torch.tensor([0.5, 0.0]))
    clf = seewhy.Classifier(network)
    square = photo[1].numpy() > 0
    for method, settings in {"auto": {}, "hires_cam": {}, "occlusion": {"mask_size": 2, "stride": 2}, "gradient": {}}.items():
        explanation = seewhy.explain(clf, photo, method, seewhy.targets.segment(1), **settings)
        map_ = explanation.on_input("nearest")[0]
        assert map_[square].min() > 0, method
        np.testing.assert_allclose(map_[~square], 0, atol=1e-7)
        assert explanation.targets[0].name == "pixels of class 1"
        assert explanation.targets[0].score == pytest.approx(2 * square.mean())
        assert explanation.targets[0].index is None


def test_a_number_of_a_regression(small_photos: torch.Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    clf = seewhy.Classifier(network, head="none")
    for index in range(3):
        by_class = seewhy.explain(clf, small_photos[0], "grad_cam", index, relu=False)
        by_value = seewhy.explain(clf, small_photos[0], "grad_cam", seewhy.targets.value(index), relu=False)
        np.testing.assert_allclose(by_value.maps, by_class.maps, rtol=1e-5)
        assert by_value.targets[0].score == pytest.approx(by_class.targets[0].score)
        assert (by_value.units, by_class.units) == ("value per cell", "value per cell")
    assert seewhy.explain(clf, small_photos[0], "cam", 0).units == "value"


def test_a_function_of_logits_has_a_value_of_its_own(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    units = {
        method: seewhy.explain(clf, small_photos[0], method, seewhy.targets.value(0), progress=False).units
        for method in ("grad_cam", "gradient", "occlusion")
    }
    assert units == {"grad_cam": "value per cell", "gradient": "value per unit", "occlusion": "value"}


def test_the_score_that_is_explained(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    photo = small_photos[0]
    p = float(clf.scores(photo)[0, 1])
    maps = {s: seewhy.explain(clf, photo, target=1, relu=False, score=s) for s in ("logit", "probability", "log_odds")}
    np.testing.assert_allclose(maps["probability"].maps, p * (1 - p) * maps["log_odds"].maps, rtol=1e-4, atol=1e-8)
    assert [maps[s].units for s in maps] == ["logit per cell", "probability per cell", "log-odds per cell"]
    with pytest.raises(seewhy.SeewhyError, match="score='margin': write one of 'logit', 'probability', 'log_odds'"):
        seewhy.explain(clf, photo, score="margin")


def test_one_logit_has_two_sides(small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(SmallNet(classes=1), head="binary", classes=["healthy", "ill"])
    photo = small_photos[0]
    (healthy, ill) = clf.scores(photo)[0]
    assert healthy + ill == pytest.approx(1)
    for method, options in (("cam", {}), ("grad_cam", {"relu": False})):
        explanation = seewhy.explain(clf, photo, method=method, target=["healthy", "ill"], **options)
        np.testing.assert_allclose(explanation.maps[0], -explanation.maps[1], rtol=1e-5)
        assert explanation.maps[1].any()
    cam = seewhy.explain(clf, photo, method="cam", target="ill")
    assert cam.maps[0].mean() + cam.details["bias"][0] == pytest.approx(clf.logits(photo)[0, 1], abs=1e-5)
    cam = seewhy.explain(clf, photo, method="cam", target="healthy")
    assert cam.maps[0].mean() + cam.details["bias"][0] == pytest.approx(clf.logits(photo)[0, 0], abs=1e-5)


def test_several_labels_at_once(small_photos: torch.Tensor) -> None:
    network = SmallNet()
    clf = seewhy.Classifier(network, head="sigmoid", classes=["ant", "bee", "cat", "dog"])
    for photo in small_photos:
        scores = clf.scores(photo)[0]
        explanation = seewhy.explain(clf, photo, target="present")
        expected = [i for i in np.argsort(-scores) if scores[i] > 0.5] or [int(scores.argmax())]
        assert [t.index for t in explanation.targets] == expected
    np.testing.assert_allclose(clf.scores(small_photos), 1 / (1 + np.exp(-clf.logits(small_photos))), rtol=1e-5)


def test_an_empty_map_says_why_and_stays_empty(planted: Planted, planted_photo: torch.Tensor) -> None:
    clf = seewhy.Classifier(planted, classes=["red", "green", "blue"])
    with torch.no_grad():
        planted.fc.weight[2, 1] = -1.0  # what makes green speaks against blue
    e = seewhy.explain(clf, planted_photo, target="blue")
    assert not e.maps.any()
    score = clf.scores(planted_photo)[0, 2]
    assert e.notes == [
        f"The map is empty: at 'relu' nothing speaks for 'blue' (score {score:.2f}, rank 3 of 3); the top class is 'green'",
        "method='grad_cam', relu=False shows what speaks against the class",
        "method='auto' took grad_cam: the head averages 'relu'",
    ]
    assert seewhy.explain(clf, planted_photo, target="blue", relu=False).maps.min() < 0


def test_the_network_of_last_week_gives_a_map_or_says_why() -> None:
    """28 × 28 grey, Flatten + Linear, in-place ReLU, trained here: a bright square left means class 0, right class 1."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 14 * 14, 2)
    )

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        photos = 0.1 * torch.rand(count, 1, 28, 28)
        labels = torch.randint(0, 2, (count,))
        for photo, label in zip(photos, labels, strict=True):
            row, column = int(torch.randint(2, 20, ())), int(torch.randint(1, 7, ())) + 14 * int(label)
            photo[0, row : row + 6, column : column + 6] = 1
        return photos, labels

    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        photos, labels = draw(64)
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(photos), labels).backward()
        optimiser.step()
    photos, labels = draw(20)
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=28, channels=1), classes=["left", "right"])
    assert clf.feature_layer == "1"
    grey = [(photo[0].numpy() * 255).astype(np.uint8) for photo in photos]
    blank = 0
    hits = 0
    for picture, label in zip(grey, labels, strict=True):
        chosen = seewhy.explain(clf, picture, target=int(label))
        assert chosen.method == "hires_cam"
        (row, column) = np.unravel_index(chosen.maps[0].argmax(), (28, 28))
        hits += picture[row - 1 : row + 2, column - 1 : column + 2].max() > 200  # on the square, or beside it
        e = seewhy.explain(clf, picture, "grad_cam", target=int(label))
        assert clf.classify(picture)[0].index == int(label)
        assert any(note.startswith("Grad-CAM is unreliable on this network: behind '1' the head flattens") for note in e.notes)
        assert e.maps.shape == (1, 28, 28)
        if not e.maps.any():
            blank += 1
            assert any(note.startswith("The map is empty: at '1' nothing speaks for") for note in e.notes)
        assert seewhy.explain(clf, picture, "grad_cam", target=int(label), relu=False).maps.any()
    assert hits >= 0.95 * len(grey)
    assert blank < len(grey) / 2


def test_a_colour_photo_for_a_grey_network_and_the_other_way(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=20))
    e = seewhy.explain(clf, np.full((30, 30), 200, np.uint8))
    assert e.notes[0] == "1 channel given, the network wants 3: the grey channel was repeated"
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(
            seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=20, channels=1)), np.zeros((30, 30, 3), np.uint8)
        )
    assert str(error.value) == (
        "1 channel given, but the network's first layer 'features.0' wants 3: use Preprocess(channels=3)."
    )


def test_methods_and_settings_that_do_not_exist(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    photo = small_photos[0]
    for call, message in (
        (
            {"method": "gradcam"},
            "There is no method 'gradcam'. Did you mean 'grad_cam' or 'guided_grad_cam' or 'cam'? Known: cam, grad_cam, ",
        ),
        ({"relu": 1}, "relu=1: write True or False."),
        ({"layer": "fetures"}, "This network has no layer 'fetures'. Did you mean 'features'"),
        ({"layer": "fc"}, "Layer 'fc' gives (1, 4): no rows and columns. Usable layers, best first: features 10×14"),
        ({"layer": 3}, "layer=3: write a layer's name (clf.layers() lists them) or the module itself."),
        ({"layer": nn.ReLU()}, "This ReLU is not a layer of the network SmallNet."),
        ({"batch_size": 0}, "batch_size=0: write a whole number above 0."),
        ({"seed": "x"}, "seed='x': write a whole number, 0 or more."),
        ({"budget": "soon"}, "budget='soon': write forward passes (200) or seconds (20.0 or '20s')."),
        ({"budget": 0}, "budget=0: it must be above 0."),
        ({"progress": 3}, "progress=3: write None, False, or a function (done, total, partial)."),
    ):
        with pytest.raises(seewhy.SeewhyError) as error:
            seewhy.explain(clf, photo, **call)
        assert str(error.value).startswith(message), str(error.value)
    with pytest.raises(seewhy.SeewhyError, match=r"The first argument is a SmallNet: wrap the network as seewhy.Classifier"):
        seewhy.explain(SmallNet(), photo)


def test_a_target_or_a_budget_without_effect_is_named(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    photo = small_photos[0]
    unused = "target= changes nothing: the map of eigen_cam belongs to the photo, not to a class"
    for target in (2, "top3", ["top1", 0]):
        assert seewhy.explain(clf, photo, "eigen_cam", target).notes == [unused]
        assert unused not in seewhy.explain(clf, photo, "grad_cam", target).notes
    assert seewhy.explain(clf, photo, "eigen_cam").notes == []
    for method, cost in (
        ("eigen_cam", "1 forward pass"),
        ("gradient", "1 forward pass and 1 backward pass per class"),
    ):
        for budget in (5, "20s", "auto"):
            notes = seewhy.explain(clf, photo, method, budget=budget).notes
            assert notes == [f"budget={budget!r} limits nothing: {method} takes {cost}"]
    assert not any("limits nothing" in note for note in seewhy.explain(clf, photo, "smooth_grad", budget=5).notes)


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients", "smooth_grad"])
def test_a_method_that_cannot_tell_when_it_is_stable_says_so(
    method: str, clf: seewhy.Classifier, small_photos: torch.Tensor
) -> None:
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, small_photos[0], method, budget="auto")
    assert str(error.value) == (
        f"budget='auto': {method} does not know when it has seen enough; write forward passes (200) or seconds ('20s')."
    )


def test_a_layer_by_name_by_module_and_automatic(clf: seewhy.Classifier, small: SmallNet, small_photos: torch.Tensor) -> None:
    explanations = [
        seewhy.explain(clf, small_photos[0], layer=layer) for layer in (None, "features", small.features[6], "features.6")
    ]
    for other in explanations[1:]:
        assert np.array_equal(other.maps, explanations[0].maps)
    assert {e.layer for e in explanations} == {"features"}
    early = seewhy.explain(clf, small_photos[0], layer="features.1", relu=False)  # a BatchNorm that the plan has folded away
    assert early.maps.shape == (1, 20, 28)
    assert early.cost.backward == 1
    with torch.no_grad():
        small.eval()
        outputs = []
        handle = small.features[1].register_forward_hook(lambda m, a, out: outputs.append(out.clone()))
        small(small_photos[:1])
        handle.remove()
    leaf = outputs[0].requires_grad_()
    score = small.fc(small.features[2:](leaf.clone()).mean((2, 3)))[0, early.targets[0].index]
    (gradient,) = torch.autograd.grad(score, leaf)
    expected = (gradient.mean((2, 3), keepdim=True) * leaf).sum(1)[0].detach()
    np.testing.assert_allclose(early.maps[0], expected, rtol=1e-4, atol=1e-6)


def test_progress_is_told(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    reports = []
    seewhy.explain(
        clf, small_photos, batch_size=2, progress=lambda done, total, partial: reports.append((done, total, type(partial)))
    )
    assert reports == [(2, 5, seewhy.Explanation), (4, 5, seewhy.Explanation), (5, 5, seewhy.Explanation)]


def test_photos_of_different_shape_in_one_list(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=20, crop=False))
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 255, (h, w, 3), dtype=np.uint8) for h, w in ((20, 40), (40, 20), (20, 40), (33, 47))]
    together = seewhy.explain(clf, pictures)
    assert [e.maps.shape[1:] for e in together] == [(10, 20), (20, 10), (10, 20), (10, 14)]
    for e, picture in zip(together, pictures, strict=True):
        np.testing.assert_allclose(e.maps, seewhy.explain(clf, picture).maps, rtol=1e-4, atol=1e-6)


def test_a_callable_cannot_be_looked_into(small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(lambda x: x.mean((2, 3)))
    assert clf.scores(small_photos).shape == (5, 3)
    for method in (name for name, kind in seewhy.METHODS.items() if not kind.sweeps):
        with pytest.raises(seewhy.SeewhyError, match="This is a function: its inside cannot be watched"):
            seewhy.explain(clf, small_photos[0], method=method)


# torch announces the end of TorchScript; people still bring such files
@pytest.mark.filterwarnings("ignore:.torch.jit.*:DeprecationWarning")
def test_torchscript_can_be_asked_but_not_looked_into(small: SmallNet, small_photos: torch.Tensor) -> None:
    traced = torch.jit.trace(small.eval(), small_photos[:1], check_trace=False)
    clf = seewhy.Classifier(traced)
    np.testing.assert_allclose(clf.logits(small_photos), seewhy.Classifier(small).logits(small_photos), atol=1e-5)
    with pytest.raises(seewhy.SeewhyError, match="This is TorchScript: its inside cannot be watched"):
        seewhy.explain(clf, small_photos[0], "grad_cam")


def test_no_gradient_is_said_in_words(small_photos: torch.Tensor) -> None:
    class Cut(nn.Module):
        def __init__(self, cut) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.fc = nn.Linear(18 * 26, 2)
            self.cut = cut

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.cut(torch.relu(self.conv(x))).flatten(1))

    clf = seewhy.Classifier(Cut(lambda y: y.argmax(1).float()))
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, small_photos[0], "grad_cam")
    assert str(error.value) == (
        "No gradient reaches any layer of Cut (best candidate: 'relu()'). First step without gradient: 'argmax()' (whole "
        "numbers). Use a method that needs none: method='occlusion', method='lime' or method='rise'; or remove argmax() from "
        "Cut.forward."
    )
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, small_photos[0], "grad_cam", layer="conv", target=1)
    assert str(error.value).startswith("Grad-CAM needs a gradient, but the score for 'class 1' is cut off from layer 'conv'. ")
    detached = seewhy.Classifier(Cut(lambda y: y.detach().sum(1)))  # behind the cut there is a gradient
    assert seewhy.explain(detached, small_photos[0], relu=False).maps.any()


def test_fast_says_how_far_it_is_off(small: SmallNet, small_photos: torch.Tensor) -> None:
    exact = seewhy.explain(seewhy.Classifier(small), small_photos[0])
    fast = seewhy.explain(seewhy.Classifier(small, precision="fast"), small_photos[0], target=exact.targets[0].index)
    np.testing.assert_allclose(fast.maps, exact.maps, atol=0.05 * exact.maps.max())
    assert 0 < fast.details["deviation"] < 0.05
    assert any(note.startswith("precision='fast': the scores deviate from the exact network by") for note in fast.notes)
    assert exact.details["deviation"] <= 1e-5


def test_probabilities_are_not_softmaxed_again(small: SmallNet, small_photos: torch.Tensor) -> None:
    network = nn.Sequential(small, nn.Softmax(dim=1))
    clf = seewhy.Classifier(network)
    np.testing.assert_allclose(clf.scores(small_photos), seewhy.Classifier(small).scores(small_photos), rtol=1e-5)
    e = seewhy.explain(clf, small_photos[0], target=1, score="log_odds", relu=False)
    expected = seewhy.explain(seewhy.Classifier(small), small_photos[0], target=1, score="log_odds", relu=False)
    np.testing.assert_allclose(e.maps, expected.maps, rtol=1e-3, atol=1e-6)
    assert any("no softmax was added" in note for note in e.notes)
    cam = seewhy.explain(clf, small_photos[0], method="cam", target=1)  # the dense layer stands before the softmax
    np.testing.assert_allclose(
        cam.maps, seewhy.explain(seewhy.Classifier(small), small_photos[0], method="cam", target=1).maps, atol=1e-5
    )


# -- why this and not that? -------------------------------------------------------------------------------------------

SIGNED: dict[str, dict[str, object]] = {  # methods whose maps show what speaks against, too
    "cam": {},
    "grad_cam": {"relu": False},
    "hires_cam": {"relu": False},
    "gradient": {"signed": True},
    "smooth_grad": {"signed": True, "samples": 4, "noise": 0.01},
    "input_x_gradient": {},
    "integrated_gradients": {},
    "occlusion": {"mask_size": 3, "stride": 1, "fill": 0},
    "lime": {"segments": "grid", "features": 24, "samples": 400, "fill": 0},
    "rise": {"masks": 1000},
}


@pytest.mark.parametrize("method", SIGNED)
def test_each_class_is_seen_in_its_own_square(method: str, planted: Planted) -> None:
    photo = torch.zeros(3, 16, 24)
    photo[1, 2:6, 14:20] = 1  # the cow
    photo[0, 8:12, 2:8] = 1  # the bear
    photo[2, 13:16, 20:24] = 1  # another thing, which has no part in the question
    clf = seewhy.Classifier(planted, classes=["bear", "cow", "sheep"])
    e = seewhy.explain(
        clf, photo, method, "cow", against="bear", **({} if method == "cam" else {"score": "logit"}), **SIGNED[method]
    )
    map_ = e.on_input("nearest")[0]
    (cow, bear, rest) = (map_[2:6, 14:20].mean(), map_[8:12, 2:8].mean(), map_[:, 9:13].mean())
    assert cow > 0 > bear
    if method not in ("lime", "rise"):  # whose areas lie otherwise on either square, or at random
        assert cow == pytest.approx(-bear, rel=1e-3)
    assert abs(rest) < 0.3 * cow
    assert e.signed
    (panel,) = e.panels()[1:]
    assert panel.title == "cow, not bear ({:.2f} against {:.2f})".format(*e.targets[0].scores)


def test_against_is_resolved_for_each_photo(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    explanations = seewhy.explain(clf, small_photos, against="top2")
    for e, row in zip(explanations, clf.scores(small_photos), strict=True):
        (first, second) = np.argsort(-row, kind="stable")[:2]
        (target,) = e.targets
        assert target.against is not None
        assert (target.index, target.against.index) == (first, second)
        assert target.scores == pytest.approx((row[first], row[second]))
    again = seewhy.explain(clf, small_photos[0], against=explanations[0].targets[0].against.index)
    np.testing.assert_allclose(again.maps, explanations[0].maps, rtol=1e-4, atol=1e-7)


def test_lists_of_targets_for_each_photo_against_one_class(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    explanations = seewhy.explain(clf, small_photos[:2], target=[["cat"], ["dog", "bee"]], against="ant", relu=False)
    assert [[target.text for target in e.targets] for e in explanations] == [["cat, not ant"], ["dog, not ant", "bee, not ant"]]
    (dog, bee, ant) = seewhy.explain(clf, small_photos[1], target=["dog", "bee", "ant"], relu=False).maps
    np.testing.assert_allclose(explanations[1].maps, [dog - ant, bee - ant], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"target": "cat", "against": "cat"}, "against='cat' is the target itself: write another class, such as "),
        ({"target": "top4", "against": 2}, "against=2 is 'cat', one of the targets: leave it out."),
        ({"against": "cot"}, "This network has no class 'cot'. Did you mean 'cat' (2)?"),
        ({"against": 4}, "This network has no class 4: its 4 classes are numbered 0 to 3."),
        ({"against": "top9"}, "against='top9': this network has 4 classes."),
        (
            {"against": ["cat", "dog"]},
            "against=['cat', 'dog']: write one class: a name, an index, or 'top2' for the second choice.",
        ),
        (
            {"target": lambda y: y[:, 0], "against": "cat"},
            "against='cat': a function of the output says itself what it compares; name a class as the target, or leave ",
        ),
    ],
)
@pytest.mark.parametrize("method", ["cam", "grad_cam", "gradient", "occlusion"])
def test_comparisons_that_cannot_be(
    clf: seewhy.Classifier, small_photos: torch.Tensor, method: str, call: dict[str, object], message: str
) -> None:
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(clf, small_photos[0], method, **call)
    assert str(error.value).startswith(message)


def test_a_comparison_without_effect_is_named(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    unused = "changes nothing: the map of eigen_cam belongs to the photo, not to a class"
    e = seewhy.explain(clf, small_photos[0], "eigen_cam", against="cat")
    assert e.notes == [f"against= {unused}"]
    assert seewhy.explain(clf, small_photos[0], "eigen_cam", 2, against=1).notes == [f"target= {unused}", f"against= {unused}"]


def test_the_difference_of_plain_values_is_called_so(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small, head="none")
    e = seewhy.explain(clf, small_photos[0], "grad_cam", target=0, against=1, relu=False)
    assert e.notes == ["the difference of the values themselves is explained, not a logit or a probability"]
    (one, other) = seewhy.explain(clf, small_photos[0], target=[0, 1], relu=False).maps
    np.testing.assert_allclose(e.maps[0], one - other, atol=1e-6)
    assert e.units == "value per cell"


def test_either_saturated_sigmoid_is_named(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.fc.bias[2] = 100.0
    clf = seewhy.Classifier(nn.Sequential(small, nn.Sigmoid()), head="sigmoid")
    saturated = "the sigmoid is saturated (1 or 0): nothing can move it; give the network without its sigmoid"
    for call, expected in (
        ({"target": 0}, False),
        ({"target": 2}, True),
        ({"target": 0, "against": 1}, False),
        ({"target": 0, "against": 2}, True),
    ):
        assert (saturated in seewhy.explain(clf, small_photos[0], **call).notes) == expected
