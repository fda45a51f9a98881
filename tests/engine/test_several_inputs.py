"""Networks of several inputs: one is explained, the others go beside it, and nothing mixes them up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import seewhy
from seewhy.engine.several_inputs import CallForm, OneInput, as_input, in_words, key_of, signature_of
from seewhy.errors import LayerError, ModelError, OptionError, PhotoError

SIZE = (16, 24)
SQUARE = (slice(4, 8), slice(12, 18))


class Patient(nn.Module):
    """A photo and a vector of patient data, which says how much each channel of the photo counts."""

    def __init__(self, channels: int = 3, data: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(channels, 8, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.film = nn.Linear(data, 8)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8 + data, 3)

    def forward(self, image: torch.Tensor, age: torch.Tensor, offset: torch.Tensor | None = None) -> torch.Tensor:
        features = self.act(self.conv(image)) * self.film(age).sigmoid()[:, :, None, None]
        scores = self.fc(self.dropout(torch.cat([features.mean(dim=(2, 3)), age], dim=1)))
        return scores if offset is None else scores + offset[:, None]


class FromDict(Patient):
    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return super().forward(batch["image"], batch["age"])


class FromTuple(Patient):
    def forward(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        (age, image) = batch
        return super().forward(image, age)


class FromPlaces(Patient):
    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs[1], inputs[0])


class TwoPhotos(nn.Module):
    """One encoder for two photos; class k asks whether channel k is brighter in the second one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
        self.fc = nn.Linear(3, 3)
        with torch.no_grad():
            self.encoder[0].weight.copy_(torch.eye(3)[:, :, None, None])
            self.encoder[0].bias.fill_(-0.5)
            self.fc.weight.copy_(torch.eye(3))
            self.fc.bias.zero_()

    def forward(self, after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        (late, early) = (self.encoder(after), self.encoder(before))  # the explained photo's branch is not the last one
        return self.fc(late.mean(dim=(2, 3)) - early.mean(dim=(2, 3)))


PHOTO = torch.rand((3, *SIZE), generator=torch.Generator().manual_seed(1))
AGES = [[0.5, -1.0], [3.0, 2.0], [-2.0, 0.25]]
FORMS: dict[str, tuple[type[Patient], Any, Any]] = {
    "keywords": (Patient, "image", "age"),
    "dict": (FromDict, "image", "age"),
    "tuple": (FromTuple, 1, 0),
    "places": (FromPlaces, 1, 0),
}


def fixed(age: list[float]) -> seewhy.Classifier:
    """The same network, written by hand as one of a single input."""
    net = Patient().eval()

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x, torch.tensor([age]).expand(len(x), -1))

    return seewhy.Classifier(Fixed().eval())


def several(form: str = "keywords", age: Any = None, **settings: Any) -> seewhy.Classifier:
    (kind, explain, other) = FORMS[form]
    return seewhy.Classifier(kind().eval(), explain=explain, inputs=None if age is None else {other: age}, **settings)


# -- how it is called -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [AGES[1], np.array(AGES[1], np.float32), torch.tensor(AGES[1]), np.array(AGES[1])])
def test_every_form_gives_what_the_network_itself_gives(form: str, value: Any) -> None:
    (_, explain, other) = FORMS[form]
    expected = Patient().eval()(PHOTO[None], torch.tensor([AGES[1]])).detach().numpy()
    np.testing.assert_allclose(several(form, value).logits(PHOTO), expected, atol=1e-6)
    np.testing.assert_allclose(several(form).logits({explain: PHOTO, other: value}), expected, atol=1e-6)
    np.testing.assert_allclose(several(form, AGES[0]).with_inputs({other: value}).logits(PHOTO), expected, atol=1e-6)
    np.testing.assert_allclose(several(form, AGES[0]).logits({explain: PHOTO, other: value}), expected, atol=1e-6)


def test_numbers_flags_and_arguments_with_a_default() -> None:
    net = Patient().eval()
    clf = seewhy.Classifier(net, explain="image", inputs={"age": AGES[0]})
    plain = net(PHOTO[None], torch.tensor([AGES[0]])).detach().numpy()
    np.testing.assert_allclose(clf.logits(PHOTO), plain, atol=1e-6)
    # A number is one number per photo, (N,).
    np.testing.assert_allclose(clf.with_inputs(offset=2.5).logits([PHOTO, PHOTO]), np.repeat(plain, 2, 0) + 2.5, atol=1e-6)
    np.testing.assert_allclose(clf.logits({"image": PHOTO, "offset": 4}), plain + 4, atol=1e-6)
    seen: list[Any] = []

    def callable_(image: torch.Tensor, mode: str, flip: bool, count: torch.Tensor) -> torch.Tensor:
        seen.append((mode, flip, count))
        return net(image, torch.tensor([AGES[0]]).expand(len(image), -1))

    function = seewhy.Classifier(callable_, explain="image", inputs={"mode": "b", "flip": True, "count": 3})
    np.testing.assert_allclose(function.logits(PHOTO), plain, atol=1e-6)
    assert seen[0][:2] == ("b", True)
    assert torch.equal(seen[0][2], torch.tensor([3]))


def test_numbers_of_one_place_can_be_named_by_it() -> None:
    clf = seewhy.Classifier(Patient().eval(), explain=0, inputs={"age": AGES[0]})
    assert clf.explain == "image"
    assert clf.scores(PHOTO).shape == (1, 3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_other_inputs_take_the_precision_of_the_network(dtype: torch.dtype) -> None:
    clf = seewhy.Classifier(Patient().eval().to(dtype), explain="image", inputs={"age": AGES[0]})
    expected = Patient().eval()(PHOTO[None], torch.tensor([AGES[0]])).detach().numpy()
    np.testing.assert_allclose(clf.logits(PHOTO), expected, atol=2e-2 if dtype is torch.bfloat16 else 1e-5)
    fast = several(age=AGES[0], precision="fast")
    np.testing.assert_allclose(fast.logits(PHOTO), expected, atol=2e-2)


def test_a_second_photo_is_prepared_like_the_first() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    preprocess = seewhy.Preprocess(size=SIZE, mean=0.4, std=0.2)
    clf = seewhy.Classifier(TwoPhotos().eval(), preprocess, explain="after")
    expected = clf.logits(
        {
            "after": picture,
            "before": preprocess.normalise(
                torch.from_numpy(clf.read({"after": picture, "before": torch.zeros(3, 1, 1)}).pixels)[None]
            )[0],
        }
    )
    np.testing.assert_allclose(expected, 0, atol=1e-6)  # the two are the same
    for second in (picture, Image.fromarray(picture)):
        np.testing.assert_allclose(clf.logits({"after": picture, "before": second}), 0, atol=1e-6)


# -- every method -----------------------------------------------------------------------------------------------------------

METHODS = [name for name in seewhy.METHODS if name not in ("attention_rollout", "grad_attention_rollout", "cam")]
QUICK: dict[str, dict[str, Any]] = {
    "rise": {"masks": 60, "grid": 4},
    "lime": {"samples": 60, "features": 12},
    "integrated_gradients": {"steps": 8},
    "smooth_grad": {"samples": 4},
}


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_every_method_equals_that_of_the_network_with_the_inputs_written_in(method: str) -> None:
    settings = QUICK.get(method, {}) | {"target": 1, "progress": False}
    e = seewhy.explain(several(age=AGES[1]), PHOTO, method, **settings)
    expected = seewhy.explain(fixed(AGES[1]), PHOTO, method, **settings)
    assert e.method == expected.method
    np.testing.assert_allclose(e.maps, expected.maps, atol=1e-5 * max(1e-3, float(np.abs(expected.maps).max())))
    assert float(np.abs(e.maps).max()) > 0
    if e.layer is not None:
        assert f"net.{e.layer}" == expected.layer  # the names of its own layers


@pytest.mark.parametrize("method", ["grad_cam", "gradient", "occlusion", "lime", "hires_cam", "auto"])
@pytest.mark.parametrize("form", ["keywords", "dict"])
def test_a_batch_with_different_inputs_is_one_by_one(method: str, form: str) -> None:
    (_, explain, other) = FORMS[form]
    photos = [{explain: PHOTO, other: age} for age in [AGES[0], AGES[1], AGES[1], AGES[2], AGES[0]]]
    settings = QUICK.get(method, {}) | {"progress": False}
    clf = several(form)
    together = seewhy.explain(clf, photos, method, **settings)
    for e, photo in zip(together, photos, strict=True):
        alone = seewhy.explain(fixed(photo[other]), PHOTO, method, **settings)
        np.testing.assert_allclose(e.maps, alone.maps, atol=1e-5 * max(1e-3, float(np.abs(alone.maps).max())))
        assert e.targets[0].index == alone.targets[0].index
        assert e.targets[0].score == pytest.approx(alone.targets[0].score, abs=1e-5)
    assert float(np.abs(together[0].maps - together[1].maps).max()) > 1e-3 * float(np.abs(together[0].maps).max())
    expected = np.concatenate([fixed(photo[other]).scores(PHOTO) for photo in photos])
    np.testing.assert_allclose(clf.scores(photos), expected, atol=1e-6)
    np.testing.assert_array_equal([c[0].index for c in clf.classify(photos)], expected.argmax(axis=1))


def test_the_gradient_is_that_of_the_explained_input_alone() -> None:
    net = Patient().eval()
    clf = seewhy.Classifier(net, explain="image", inputs={"age": AGES[2]})
    leaf = PHOTO[None].clone().requires_grad_()
    net(leaf, torch.tensor([AGES[2]]))[0, 2].backward()
    e = seewhy.explain(clf, PHOTO, "gradient", 2)
    np.testing.assert_allclose(e.raw[0], leaf.grad[0].numpy(), atol=1e-6)
    assert all(parameter.grad is not None for parameter in net.parameters())  # of this test's own backward
    assert not net.training


def test_the_network_is_planned_once_for_all_inputs_of_a_form(monkeypatch: pytest.MonkeyPatch) -> None:
    from seewhy.engine import network

    plans = []
    make_plan = network.make_plan
    monkeypatch.setattr(network, "make_plan", lambda *args: plans.append(1) or make_plan(*args))
    clf = several()
    seewhy.explain(clf, [{"image": PHOTO, "age": [0.1 * k, 1.0]} for k in range(12)], "grad_cam")
    assert len(plans) == 1
    with torch.no_grad():
        clf.network.fc.weight[0] += 3  # no plan outlives a change of the weights
    for k in (0, 5):
        expected = clf.network(PHOTO[None], torch.tensor([[0.1 * k, 1.0]])).detach().numpy()
        np.testing.assert_allclose(clf.logits({"image": PHOTO, "age": [0.1 * k, 1.0]}), expected, atol=1e-5)


def test_the_explained_photo_of_two_is_the_one_that_is_looked_at() -> None:
    dark = torch.zeros((3, *SIZE))
    bright = dark.clone()
    bright[(1, *SQUARE)] = 1
    for explain, photo, other, sign in (("after", bright, dark, 1), ("before", bright, dark, -1)):
        clf = seewhy.Classifier(TwoPhotos().eval(), explain=explain)
        beside = {"after": "before", "before": "after"}[explain]
        for method in ("grad_cam", "occlusion", "gradient", "input_x_gradient"):
            settings = {"relu": False} if method == "grad_cam" else {"signed": True} if method == "gradient" else {}
            e = seewhy.explain(clf, {explain: photo, beside: other}, method, 1, score="logit", progress=False, **settings)
            map = e.on_photo()[0] * sign
            inside = np.zeros(SIZE, bool)
            inside[SQUARE] = True
            assert map[inside].mean() > 3 * abs(map[~inside].mean())
            assert map[inside].mean() > 0
            # The other way round the square is in the photo that is not explained: nothing in this one shows it.
            e = seewhy.explain(clf, {explain: other, beside: photo}, method, 1, score="logit", progress=False, **settings)
            assert np.ptp(e.maps) == pytest.approx(0, abs=1e-6)
    calls = [layer.name for layer in clf.layers({"before": dark, "after": dark})]
    assert "encoder:2" in calls
    assert "encoder:1" not in calls
    with pytest.raises(LayerError) as error:
        seewhy.explain(clf, {"before": dark, "after": dark}, "grad_cam", layer="encoder:1")
    assert str(error.value).startswith("Layer 'encoder:1' does not see the input that is explained, only others. Usable layers: ")


# -- records, measures, changes -----------------------------------------------------------------------------------------------


def test_the_record_names_the_inputs_and_a_file_keeps_them(tmp_path: Path) -> None:
    clf = several()
    e = seewhy.explain(clf, {"image": PHOTO, "age": AGES[1]}, "grad_cam", 1)
    note = "explained is the input 'image'; beside it the network gets age [3.0, 2.0]"
    assert note in e.notes
    assert e.record()["photo"]["inputs"] == {"age": AGES[1]}
    back = seewhy.Explanation.load(e.save(tmp_path / "e.npz"))
    np.testing.assert_array_equal(back.photo.inputs["age"], np.array(AGES[1], np.float32))
    again = seewhy.explain(clf, back.photo, "grad_cam", 1)
    np.testing.assert_array_equal(again.maps, e.maps)
    assert again.notes.count(note) == 1
    other = seewhy.explain(clf, {"image": back.photo, "age": AGES[2]}, "grad_cam", 1)
    assert "explained is the input 'image'; beside it the network gets age [-2.0, 0.25]" in other.notes
    assert note not in other.notes
    assert note[1:] in e.save(tmp_path / "e.html").read_text().replace("&#39;", "'")
    two = seewhy.Classifier(FromTuple().eval(), explain=1, inputs={0: AGES[0]})
    saved = seewhy.explain(two, PHOTO, "gradient").save(tmp_path / "two.npz")
    np.testing.assert_array_equal(seewhy.Explanation.load(saved).photo.inputs[0], np.array(AGES[0], np.float32))


def test_what_measures_a_map_keeps_the_inputs() -> None:
    (clf, by_hand) = (several(), fixed(AGES[1]))
    photo = {"image": PHOTO, "age": AGES[1]}
    (e, expected) = (seewhy.explain(clf, photo, "hires_cam", 1), seewhy.explain(by_hand, PHOTO, "hires_cam", 1))
    metrics = ("deletion", "insertion", "stability", "randomisation")
    (values, known) = (
        seewhy.evaluate(*pair, metrics=metrics, steps=8, progress=False).values for pair in ((clf, e), (by_hand, expected))
    )
    for name in metrics:
        assert values[name] == pytest.approx(known[name], abs=1e-5)
    (test, known_test) = (seewhy.crop_test(*pair, progress=False) for pair in ((clf, e), (by_hand, expected)))
    assert (test.before, test.after) == pytest.approx((known_test.before, known_test.after), abs=1e-5)
    np.testing.assert_allclose(test.controls, known_test.controls, atol=1e-5)
    assert seewhy.check(clf, e).values.keys() == seewhy.check(by_hand, expected).values.keys()
    np.testing.assert_allclose(
        seewhy.activations(clf, photo, "act").values, seewhy.activations(by_hand, PHOTO, "net.act").values, atol=1e-6
    )
    own = seewhy.Explanation.from_map(clf, photo, np.ones((4, 4)), 1)
    assert own.targets[0].score == pytest.approx(by_hand.scores(PHOTO)[0, 1], abs=1e-6)
    rows = seewhy.compare(clf, [photo], method=["grad_cam", "gradient"], progress=False).explanations
    np.testing.assert_allclose(rows[0][1].maps, seewhy.explain(by_hand, PHOTO, "gradient").maps, atol=1e-5)


def test_a_classifier_with_other_inputs_keeps_everything_else() -> None:
    clf = seewhy.Classifier(
        Patient().eval(),
        seewhy.Preprocess(size=SIZE),
        ["a", "b", "c"],
        explain="image",
        inputs={"age": AGES[0]},
        display=(2, 1, 0),
    )
    other = clf.with_inputs(age=AGES[1])
    assert (other.classes, other.display, other.explain) == (["a", "b", "c"], (2, 1, 0), "image")
    assert clf.inputs["age"].tolist() == AGES[0]
    assert other.with_inputs(age=AGES[0]).inputs["age"].tolist() == AGES[0]
    assert clf.with_inputs(age=AGES[0]) is clf
    moved = other.with_preprocess(mean=0.5)
    assert moved.inputs["age"].tolist() == AGES[1]
    assert [layer.name for layer in clf.layers()] == [layer.name for layer in other.layers()]
    assert clf.network is other.network
    with pytest.raises(OptionError, match="cannot be changed afterwards"):
        clf.inputs = {}
    plain = seewhy.Classifier(Patient().eval(), explain="image")
    assert plain.scores({"image": PHOTO, "age": AGES[0]}).shape == (1, 3)
    assert plain.classes == ["class 0", "class 1", "class 2"]  # counted by whichever came first


def test_the_network_comes_back_as_it_was() -> None:
    net = Patient().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    seewhy.explain(seewhy.Classifier(net, explain="image"), {"image": PHOTO, "age": AGES[0]}, "occlusion", progress=False)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


# -- what is wrong ------------------------------------------------------------------------------------------------------------


def message(kind: type[Exception], act: Any) -> str:
    with pytest.raises(kind) as error:
        act()
    return str(error.value)


def test_missing_and_unknown_inputs_are_one_line() -> None:
    net = Patient().eval()
    clf = seewhy.Classifier(net, explain="image")
    takes = "The network's forward takes image, age, offset: "
    missing = "'age' is missing. Give it with the photo, {'image': photo, 'age': ...}, or to the classifier, inputs={'age': ...}."
    assert message(PhotoError, lambda: clf.scores(PHOTO)) == takes + missing
    assert message(PhotoError, lambda: seewhy.explain(clf, {"image": PHOTO, "offset": 1})) == takes + missing
    unknown = "there is no input 'aeg'. Did you mean 'age'?"
    assert message(OptionError, lambda: seewhy.explain(clf, {"image": PHOTO, "aeg": 1})) == takes + unknown
    assert message(OptionError, lambda: seewhy.Classifier(net, explain="image", inputs={"aeg": 1})) == takes + unknown
    assert message(OptionError, lambda: clf.with_inputs(aeg=1)) == takes + unknown
    assert message(OptionError, lambda: clf.with_inputs(image=PHOTO)) == (
        takes + "'image' is the input that is explained, so it is the photo and no fixed input."
    )
    assert message(PhotoError, lambda: clf.scores({"picture": PHOTO, "age": 1})) == (
        "The photo's dictionary has picture, age, and no 'image', the input that is explained."
    )
    assert message(OptionError, lambda: seewhy.Classifier(net, explain="imagee")) == (
        "explain='imagee': the network's forward takes image, age, offset. Did you mean 'image' or 'age'?"
    )
    assert message(OptionError, lambda: seewhy.Classifier(net, inputs={"age": 1})) == (
        "inputs= are beside the photo: say which input that is, explain='image'."
    )


def test_a_network_of_several_inputs_without_a_word_about_them() -> None:
    clf = seewhy.Classifier(Patient().eval())
    assert message(ModelError, lambda: clf.scores(PHOTO)) == (
        "The network's forward takes image, age: say which one is the photo, and fix the others: "
        "Classifier(network, explain='image', inputs={'age': ...}, ...)."
    )
    assert message(PhotoError, lambda: clf.scores({"image": PHOTO, "age": 1})) == (
        "The photo is a dictionary (image, age): for a network of several inputs say which one is explained, "
        "Classifier(..., explain='image')."
    )
    assert message(OptionError, lambda: clf.with_inputs(age=1)) == (
        "This classifier has no other inputs: for several write Classifier(..., explain='image')."
    )


def test_no_door_can_mix_up_the_inputs() -> None:
    clf = several(age=AGES[0])
    other = clf.read({"image": PHOTO, "age": AGES[1]})
    assert message(ModelError, lambda: clf.executor.pixels([other])) == (
        "These photos bring other inputs than age [0.5, -1.0]: take clf.with_inputs(...) for each."
    )
    assert clf.beside(other).executor.pixels([other]).shape == (1, 3, *SIZE)
    assert clf.alike(other) != clf.alike(clf.read(PHOTO))


def test_what_a_dictionary_lacks_is_named() -> None:
    clf = seewhy.Classifier(FromDict().eval(), explain="image", inputs={"weight": 60.0})
    assert message(ModelError, lambda: clf.scores(PHOTO)) == (
        "The network asks for the input 'age', and was given weight, image: give it with the photo, {'image': photo, 'age': ...}"
        ", or to the classifier as inputs={'age': ...}."
    )
    clf = seewhy.Classifier(FromTuple().eval(), explain=1)
    assert message(PhotoError, lambda: clf.scores(PHOTO)) == (
        "The network's inputs: 0 is missing. Give it with the photo, {1: photo, 0: ...}, or to the classifier, inputs={0: ...}."
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_axis_of_one_is_understood_where_the_network_wants_it(form: str) -> None:
    (_, explain, other) = FORMS[form]
    expected = fixed(AGES[1])
    clf = several(form, torch.tensor([AGES[1]]))
    np.testing.assert_allclose(clf.scores([PHOTO] * 3), expected.scores([PHOTO] * 3), atol=1e-6)
    photos = [{explain: PHOTO, other: torch.tensor([age])} for age in AGES]
    for e, age in zip(seewhy.explain(several(form), photos, "hires_cam", 1), AGES, strict=True):
        np.testing.assert_allclose(e.maps, seewhy.explain(fixed(age), PHOTO, "hires_cam", 1).maps, atol=1e-6)
    # A vector of one number is no batch axis: the network takes it as it is given.
    one = seewhy.Classifier(Patient(data=1).eval(), explain="image", inputs={"age": torch.tensor([0.5])})
    expected_of_one = Patient(data=1).eval()(PHOTO[None], torch.tensor([[0.5]])).detach().numpy()
    np.testing.assert_allclose(one.logits(PHOTO), expected_of_one, atol=1e-6)


def test_an_axis_too_many_is_seen_in_the_message() -> None:
    clf = several(age=torch.tensor([[AGES[0]]]))
    assert message(ModelError, lambda: clf.scores(PHOTO)).startswith(
        "The network cannot take an input of shape (3, 16, 24) beside age float32 (1, 1, 1, 2) (each is given as for one photo, "
        "without batch axis)"
    )


# -- the parts ------------------------------------------------------------------------------------------------------------------


def test_keys_and_words() -> None:
    inputs = {"age": as_input(63), "sex": as_input([0.0, 1.0]), "mode": "b", "scan": np.zeros((1, 8, 9))}
    assert in_words(inputs) == "age 63, sex [0.0, 1.0], mode b, scan 1×8×9"
    assert key_of(inputs) == key_of(dict(reversed(inputs.items())))
    for name, value in (("age", as_input(64)), ("mode", "c"), ("scan", np.ones((1, 8, 9))), ("sex", np.zeros(2))):
        assert key_of(inputs) != key_of(inputs | {name: value})
    assert signature_of(inputs) == signature_of(inputs | {"age": as_input(64)})
    assert signature_of(inputs) != signature_of(inputs | {"mode": "c"})
    assert signature_of(inputs) != signature_of(inputs | {"age": as_input(64.0)})
    assert as_input(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32
    assert as_input([[1], [2, 3]]) == [[1], [2, 3]]


def test_the_wrapper_is_not_seen() -> None:
    net = Patient().eval()
    one = OneInput(net, CallForm.of(net, "image"), {"age": np.array(AGES[0], np.float32)})
    assert dict(one.named_modules()).keys() == dict(net.named_modules()).keys()
    assert [name for name, _ in one.named_parameters()] == [name for name, _ in net.named_parameters()]
    assert one.state_dict().keys() == net.state_dict().keys()
    assert one.get_submodule("conv") is net.conv
    hash_of_one = seewhy.explain(several(age=AGES[0]), PHOTO, "grad_cam").weights
    assert hash_of_one == seewhy.explain(several(age=AGES[1]), PHOTO, "grad_cam").weights
    expected = net(PHOTO[None].expand(4, -1, -1, -1), torch.tensor([AGES[0]] * 4))
    torch.testing.assert_close(one(PHOTO[None].expand(4, -1, -1, -1)), expected)


def test_photos_in_a_map_of_many_keep_their_inputs() -> None:
    photos = [{"image": torch.rand(3, *SIZE), "age": AGES[k % 3]} for k in range(6)]
    embedding = seewhy.embed(several(), photos, layer="dropout", method="pca", progress=False)
    expected = np.concatenate([fixed(photo["age"]).scores(photo["image"]) for photo in photos])
    np.testing.assert_allclose(embedding.scores, expected, atol=1e-6)
    np.testing.assert_allclose(embedding.features[:, -2:], [photo["age"] for photo in photos], atol=1e-6)


def test_a_model_file_brings_its_inputs(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import sys, seewhy\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_several_inputs import Patient\n"
        "def build():\n"
        "    prepare = seewhy.Preprocess(size=(16, 24))\n"
        "    return seewhy.Classifier(Patient().eval(), prepare, explain='image', inputs={'age': [3.0, 2.0]})\n"
    )
    for settings in ({}, {"classes": ["a", "b", "c"], "display": (2, 1, 0)}):
        clf = seewhy.load(f"{tmp_path / 'net.py'}:build", **settings)
        assert (clf.explain, clf.inputs["age"].tolist()) == ("image", AGES[1])
        expected = fixed(AGES[1]).scores(PHOTO)
        np.testing.assert_allclose(clf.scores(PHOTO), expected, atol=1e-6)
