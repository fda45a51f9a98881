"""What every method in METHODS must keep, whatever it computes. A new line in METHODS is tested here at once."""

from __future__ import annotations

import dataclasses
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import Planted, SmallNet, assert_same_state, state_of
from torch import nn

import seewhy
from seewhy.methods import Method

METHODS = sorted(seewhy.METHODS)
ATTENTION = {"attention_rollout", "grad_attention_rollout"}  # they want a network with attention
pytestmark = pytest.mark.parametrize("method", METHODS)


# What a method does not depend on by its equation: EigenCAM never looks behind its layer, deconvnet never at a ReLU's input.
# Rollout sees nothing but attention.
BLIND = {("eigen_cam", "through .data"), ("deconvnet", "BatchNorm statistics"), ("attention_rollout", "through .data")}


def small_net(method: str, seed: int = 0) -> SmallNet:
    """What the method is tried with."""
    return SmallNet(seed=seed, attends=method in ATTENTION)


@pytest.fixture
def small(method: str) -> SmallNet:
    return small_net(method)


class Interrupting(SmallNet):
    """Raises in the middle of its forward pass, when told to."""

    def __init__(self, method: str) -> None:
        super().__init__(attends=method in ATTENTION)
        self.error: type[BaseException] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pooled(x)
        if self.error is not None:
            raise self.error("stopped on the way")
        return self.fc(self.dropout(pooled))

    def __deepcopy__(self, memo: dict) -> Interrupting:
        return self  # so that the very network of the person runs, as it does where a copy is not possible


class _StoppedError(Exception):
    """A person's own exception type."""


def test_the_peak_lies_in_the_planted_square(method: str, planted_photo: torch.Tensor) -> None:
    planted = Planted(attends=method in ATTENTION)
    explanation = seewhy.explain(seewhy.Classifier(planted), planted_photo, method=method, target=1)
    map_ = explanation.on_input()[0]
    assert map_.shape == (16, 24)
    if method == "deconvnet":  # without pooling nothing on its way back depends on the photo
        np.testing.assert_allclose(map_, 1 / map_.size, rtol=1e-5)
        return
    row, column = np.unravel_index(int(map_.argmax()), map_.shape)
    assert 2 <= row < 6
    assert 14 <= column < 20
    square = np.zeros(map_.shape, dtype=bool)
    square[2:6, 14:20] = True
    if method == "attention_rollout":  # half of each place is its own, half the square's
        np.testing.assert_allclose(map_[square], 0.5 / map_.size + 0.5 / square.sum(), rtol=1e-5)
        np.testing.assert_allclose(map_[~square], 0.5 / map_.size, rtol=1e-5)
    elif seewhy.METHODS[method].sweeps:  # masks and segments are larger than what they find
        assert map_[square].mean() > 4 * abs(map_[~square].mean())
    else:
        assert np.clip(map_, 0, None)[square].sum() >= 0.99 * np.clip(map_, 0, None).sum()


def test_what_cannot_be_watched_inside_is_told_which_methods_work(method: str, small: SmallNet) -> None:
    photo = torch.rand(3, 16, 24)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.trace(small.eval(), photo[None])
    for network, kind in ((lambda x: x.mean(dim=(2, 3)), "a function"), (scripted, "TorchScript")):
        clf = seewhy.Classifier(network)
        visible = ["scores"] if kind == "a function" else ["scores", "gradients"]
        working = [name for name, method_class in seewhy.METHODS.items() if method_class.needs.value in visible]
        if method in working:
            assert seewhy.explain(clf, photo, method=method).maps.size
            continue
        with pytest.raises(seewhy.SeewhyError) as error:
            seewhy.explain(clf, photo, method=method)
        assert error.value.line.startswith(f"This is {kind}: its inside cannot be watched")
        sentence = error.value.line.partition("Working now: ")[2].partition(".")[0]
        assert sentence.replace(" or ", ", ").split(", ") == working


# What a network may return for N photos, and the head that reads it. The one logit is class 1 of the table of four minus class 0.
OUTPUTS: dict[str, tuple[Callable[[torch.Tensor], Any], str, str | None]] = {
    "(N, K)": (lambda z: z, "softmax", None),
    "(N, 1)": (lambda z: z[:, 1:2] - z[:, :1], "binary", None),
    "(N,) by squeeze(1)": (lambda z: (z[:, 1:2] - z[:, :1]).squeeze(1), "binary", None),
    "(N,) by [:, 0]": (lambda z: (z[:, 1:2] - z[:, :1])[:, 0], "binary", None),
    "(N,) by view(-1)": (lambda z: (z[:, 1:2] - z[:, :1]).view(-1), "binary", None),
    "a bare number for one photo": (lambda z: (z[:, 1:2] - z[:, :1]).squeeze(), "binary", None),
    "a dict": (lambda z: {"main": z, "aux": 2 * z}, "softmax", "main"),
    "a tuple": (lambda z: (z, 2 * z), "softmax", 0),
    "one sigmoid": (lambda z: (z[:, 1:2] - z[:, :1]).sigmoid(), "binary", None),
    "one sigmoid, (N,)": (lambda z: (z[:, 1:2] - z[:, :1]).sigmoid().squeeze(1), "binary", None),
    "many sigmoids": (lambda z: torch.sigmoid(z), "sigmoid", None),
    "a softmax": (lambda z: z.softmax(1), "softmax", None),
}


class Returning(nn.Module):
    """SmallNet, whose logits are returned in another form."""

    def __init__(self, form: Callable[[torch.Tensor], Any], method: str) -> None:
        super().__init__()
        self.inner = small_net(method)
        self.form = form

    def forward(self, x: torch.Tensor) -> Any:
        return self.form(self.inner(x))


class OneLogit(SmallNet):
    """SmallNet with one logit from a dense layer of its own, so that its head is linear, too."""

    def __init__(self, form: Callable[[torch.Tensor], torch.Tensor], method: str) -> None:
        super().__init__(attends=method in ATTENTION)
        with torch.no_grad():
            (weight, bias) = (self.fc.weight[1:2] - self.fc.weight[:1], self.fc.bias[1:2] - self.fc.bias[:1])
            self.fc = nn.Linear(weight.shape[1], 1)
            self.fc.weight.copy_(weight)
            self.fc.bias.copy_(bias)
        self.form = form

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.form(super().forward(x))


FEW: dict[str, dict[str, Any]] = {  # enough to compare, and quick
    "lime": {"features": 4, "samples": 16, "segments": "grid", "model": "linear"},
    "rise": {"masks": 40},
    "integrated_gradients": {"steps": 8},
    "smooth_grad": {"samples": 4},
}


@pytest.mark.parametrize("form", OUTPUTS)
@pytest.mark.parametrize("photos", [1, 2])
def test_every_form_of_output_gives_the_map_of_the_plain_one(
    method: str, form: str, photos: int, small_photos: torch.Tensor
) -> None:
    (convert, head, output) = OUTPUTS[form]
    clf = seewhy.Classifier(Returning(convert, method), head=head, output=output)
    plain = seewhy.Classifier(Returning(OUTPUTS["(N, 1)" if head == "binary" else "(N, K)"][0], method), head=head)
    if form == "a softmax" and method != "cam":  # its logits are known up to a number that all classes share
        plain = seewhy.Classifier(Returning(lambda z: z.log_softmax(1), method))
    if method == "cam" and head == "binary":  # a difference of two logits is no dense layer's output
        (clf, plain) = (seewhy.Classifier(OneLogit(f, method), head=head) for f in (ONE_LOGIT[form], ONE_LOGIT["(N, 1)"]))
    batch = list(small_photos[:photos])
    settings = FEW.get(method, {}) | _scored(method, "logit")
    explanations = seewhy.explain(clf, batch, method=method, target=1, **settings)
    expected = seewhy.explain(plain, batch, method=method, target=1, **settings)
    for e, reference in zip(explanations, expected, strict=True):
        scale = float(np.abs(reference.maps).max())
        np.testing.assert_allclose(e.maps, reference.maps, rtol=1e-3, atol=2e-4 * scale)
        assert e.targets[0].score == pytest.approx(reference.targets[0].score, abs=1e-6)
        assert scale > 0


ONE_LOGIT: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "(N, 1)": lambda z: z,
    "(N,) by squeeze(1)": lambda z: z.squeeze(1),
    "(N,) by [:, 0]": lambda z: z[:, 0],
    "(N,) by view(-1)": lambda z: z.view(-1),
    "a bare number for one photo": lambda z: z.squeeze(),
    "one sigmoid": lambda z: z.sigmoid(),
    "one sigmoid, (N,)": lambda z: z.sigmoid().squeeze(1),
}


@pytest.mark.parametrize("form", ONE_LOGIT)
@pytest.mark.parametrize("photos", [1, 2])
def test_one_logit_of_a_dense_layer(method: str, form: str, photos: int, small_photos: torch.Tensor) -> None:
    (clf, plain) = (seewhy.Classifier(OneLogit(f, method), head="binary") for f in (ONE_LOGIT[form], ONE_LOGIT["(N, 1)"]))
    batch = list(small_photos[:photos])
    settings = FEW.get(method, {}) | _scored(method, "logit")
    for side in (0, 1):
        explanations = seewhy.explain(clf, batch, method=method, target=side, **settings)
        expected = seewhy.explain(plain, batch, method=method, target=side, **settings)
        for e, reference in zip(explanations, expected, strict=True):
            scale = float(np.abs(reference.maps).max())
            np.testing.assert_allclose(e.maps, reference.maps, rtol=1e-3, atol=2e-4 * scale)
            assert e.targets[0].score == pytest.approx(reference.targets[0].score, abs=1e-6)


def test_bfloat16(method: str, small_photos: torch.Tensor) -> None:
    settings = FEW.get(method, {})
    clf = seewhy.Classifier(small_net(method).to(torch.bfloat16))
    e = seewhy.explain(clf, small_photos[0], method=method, target=1, **settings)
    exact = seewhy.explain(seewhy.Classifier(small_net(method)), small_photos[0], method=method, target=1, **settings)
    assert e.maps.dtype == np.float32
    assert np.isfinite(e.maps).all()
    assert np.corrcoef(e.maps.ravel(), exact.maps.ravel())[0, 1] > 0.9


def test_the_same_call_gives_the_same_map(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    first, second = (seewhy.explain(clf, small_photos[0], method=method, target="top2", seed=7) for _ in range(2))
    assert np.array_equal(first.maps, second.maps)
    assert first.seed == second.seed == 7
    fresh = seewhy.explain(seewhy.Classifier(small_net(method)), small_photos[0], method=method, target="top2", seed=7)
    assert np.array_equal(first.maps, fresh.maps)


def test_batch_mates_do_not_matter(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    together = seewhy.explain(clf, small_photos, method=method, target="top3")
    in_twos = seewhy.explain(clf, small_photos, method=method, target="top3", batch_size=2)
    for i, photo in enumerate(small_photos):
        alone = seewhy.explain(clf, photo, method=method, target="top3")
        for other in (together[i], in_twos[i]):
            assert [t.index for t in other.targets] == [t.index for t in alone.targets]
            np.testing.assert_allclose(other.maps, alone.maps, rtol=1e-4, atol=1e-6)


def test_many_classes_equal_one_by_one(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    together = seewhy.explain(clf, small_photos[0], method=method, target=[2, 0, 3])
    for map_, index in zip(together.maps, (2, 0, 3), strict=True):
        np.testing.assert_allclose(
            map_, seewhy.explain(clf, small_photos[0], method=method, target=index).maps[0], rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_the_model_comes_back_as_it_was(
    method: str, small: SmallNet, small_photos: torch.Tensor, training: bool, frozen: bool
) -> None:
    small.train(training)
    small.features[1].eval()  # as people freeze BatchNorm: a mode of its own must survive
    small.requires_grad_(not frozen)
    small.fc.weight.grad = torch.ones_like(small.fc.weight)
    clf = seewhy.Classifier(small)
    before = state_of(small)
    seewhy.explain(clf, small_photos, method=method, target="top2")
    assert_same_state(before, state_of(small))


@pytest.mark.parametrize("error", [KeyboardInterrupt, _StoppedError, RuntimeError])
def test_the_model_comes_back_after_an_exception(method: str, small_photos: torch.Tensor, error: type[BaseException]) -> None:
    network = Interrupting(method).train()
    clf = seewhy.Classifier(network)
    seewhy.explain(clf, small_photos[:2], method=method)  # planned and traced; then it breaks
    network.error = error
    before = state_of(network)
    expected = seewhy.SeewhyError if error is RuntimeError else error
    with pytest.raises(expected, match="stopped on the way"):
        seewhy.explain(clf, small_photos[:2], method=method)
    assert_same_state(before, state_of(network))
    with pytest.raises(expected, match="stopped on the way"):  # and when it breaks while it is traced
        seewhy.explain(seewhy.Classifier(network), small_photos[:2], method=method)
    assert_same_state(before, state_of(network))
    assert not torch.overrides._get_current_function_mode_stack(), "an operation is still watched"
    network.error = None
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_works_in_every_grad_mode(method: str, small: SmallNet, small_photos: torch.Tensor, mode: type) -> None:
    expected = seewhy.explain(seewhy.Classifier(small_net(method)), small_photos[0], method=method).maps
    with mode():
        maps = seewhy.explain(seewhy.Classifier(small), small_photos[0].clone(), method=method).maps
    assert np.array_equal(maps, expected)


def test_frozen_parameters_do_not_matter(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    expected = seewhy.explain(seewhy.Classifier(small_net(method)), small_photos[0], method=method).maps
    frozen = small.requires_grad_(False)
    assert np.array_equal(seewhy.explain(seewhy.Classifier(frozen), small_photos[0], method=method).maps, expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.fc.weight.data.mul_(-2),
        lambda net: net.features[4].weight.data.mul_(0.3),
        lambda net: net.features[5].running_mean.sub_(1.0),
        lambda net: setattr(net.features, "4", nn.Conv2d(8, 16, 1)),
        lambda net: net.load_state_dict(SmallNet(seed=9, attends=net.project is not None).state_dict()),
    ],
    ids=["through .data", "a convolution", "BatchNorm statistics", "another layer", "loaded weights"],
)
def test_a_changed_network_gives_a_changed_map(
    method: str, small: SmallNet, small_photos: torch.Tensor, change, request: pytest.FixtureRequest
) -> None:
    clf = seewhy.Classifier(small)
    before = seewhy.explain(clf, small_photos[0], method=method, target=0).maps
    with torch.no_grad():
        change(small)
    after = seewhy.explain(clf, small_photos[0], method=method, target=0).maps
    fresh = seewhy.explain(seewhy.Classifier(small), small_photos[0], method=method, target=0).maps
    blind = any(f"[{change}-{method}]" in request.node.name for method, change in BLIND)
    assert np.allclose(before, after, atol=1e-3 * np.abs(before).max()) == blind
    assert np.array_equal(after, fresh)


def test_a_network_with_hooks_runs_as_it_is(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    seewhy.explain(clf, small_photos[0], method=method)
    calls = []
    small.features.register_forward_hook(lambda module, args, out: calls.append(1) or out * 2)
    doubled = seewhy.explain(clf, small_photos[0], method=method, target=0, **_signed(method))
    assert calls
    small.features._forward_hooks.clear()
    plain = seewhy.explain(clf, small_photos[0], method=method, target=0, **_signed(method))
    assert not np.allclose(doubled.maps, plain.maps)


def _scored(method: str, score: str) -> dict[str, str]:
    """The setting, for the methods that have it."""
    return {"score": score} if "score" in seewhy.METHODS[method].setting_names() else {}


def _signed(method: str) -> dict[str, bool]:
    return {"relu": False} if "relu" in seewhy.METHODS[method].setting_names() else {}


def test_two_threads_do_not_disturb_each_other(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    expected = [seewhy.explain(clf, photo, method=method, target=0).maps for photo in small_photos]
    wrong = []

    def work(i: int) -> None:
        for _ in range(10):
            if not np.array_equal(seewhy.explain(clf, small_photos[i], method=method, target=0).maps, expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_method_describes_itself(method: str) -> None:
    kind = seewhy.METHODS[method]
    assert issubclass(kind, Method)
    assert kind.name == method
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind().settings() == {field.name: field.default for field in dataclasses.fields(kind)}
    for text in (kind.title, kind.summary, kind.source, kind.cost):
        assert text.strip()
    assert len(kind.summary) > 150


def test_an_unknown_setting_is_an_error(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    first = seewhy.METHODS[method].setting_names()[0]
    with pytest.raises(seewhy.SeewhyError) as error:
        seewhy.explain(seewhy.Classifier(small), small_photos[0], method=method, **{f"{first}s": 1})
    assert str(error.value).startswith(f"{method} has no setting '{first}s'. Did you mean '{first}'?")


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {  # of the logits: class 1 against class 3
    "logit": lambda z: z[:, 1] - z[:, 3],
    "probability": lambda z: z.softmax(1)[:, 1] - z.softmax(1)[:, 3],
    "log_odds": lambda z: z.softmax(1)[:, 1].logit() - z.softmax(1)[:, 3].logit(),
}


@pytest.mark.parametrize("score", FUNCTIONS)
def test_against_another_class_the_difference_is_explained(
    method: str, score: str, small: SmallNet, small_photos: torch.Tensor
) -> None:
    (clf, kind) = (seewhy.Classifier(small), seewhy.METHODS[method])
    settings = FEW.get(method, {}) | _signed(method) | _scored(method, score)
    plain = seewhy.explain(clf, small_photos[0], method=method, target=1, **settings)
    e = seewhy.explain(clf, small_photos[0], method=method, target=1, against=3, **settings)
    unused = f"against= changes nothing: the map of {method} belongs to the photo, not to a class"
    assert (unused in e.notes) == (not kind.by_class)
    if not kind.by_class:
        assert np.array_equal(e.maps, plain.maps)
        assert e.targets[0].against is None
        return
    assert not np.allclose(e.maps, plain.maps, atol=1e-3 * np.abs(plain.maps).max())
    scores = clf.scores(small_photos[0])[0]
    assert e.targets[0].against == seewhy.Prediction("class 3", 3, pytest.approx(scores[3], abs=1e-6))
    assert e.targets[0].score == pytest.approx(scores[1], abs=1e-6)
    assert (e.units, e.signed) == (plain.units, plain.signed)
    if method == "cam":  # it takes no function
        other = seewhy.explain(clf, small_photos[0], method=method, target=3).maps
        np.testing.assert_array_equal(e.maps, plain.maps - other)
        return
    function = seewhy.explain(clf, small_photos[0], method=method, target=FUNCTIONS[score], **settings)
    np.testing.assert_allclose(e.maps, function.maps, rtol=1e-3, atol=1e-4 * np.abs(function.maps).max())


def test_against_a_class_many_targets_equal_one_by_one(method: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    settings = FEW.get(method, {}) | _signed(method)
    targets = [[2], [0, 3], [3]]
    together = seewhy.explain(clf, small_photos[:3], method=method, target=targets, against=1, **settings)
    for e, photo, indices in zip(together, small_photos, targets, strict=False):
        assert [target.index for target in e.targets] == indices
        for map_, index in zip(e.maps, indices, strict=True):
            alone = seewhy.explain(clf, photo, method=method, target=index, against=1, **settings).maps[0]
            np.testing.assert_allclose(map_, alone, rtol=1e-4, atol=1e-6)


def test_it_is_saved_and_read_back(method: str, small: SmallNet, small_photos: torch.Tensor, tmp_path) -> None:
    clf = seewhy.Classifier(small)
    explanation = seewhy.explain(clf, small_photos[0], method=method, target="top2", against="top3")
    loaded = seewhy.Explanation.load(explanation.save(tmp_path / "x.npz"))
    assert np.array_equal(loaded.maps, explanation.maps)
    assert loaded.record() == explanation.record()
    assert np.array_equal(loaded.on_photo(), explanation.on_photo(), equal_nan=True)
    assert explanation.cost.forward >= 1
    assert explanation.versions["torch"] == torch.__version__
    assert len(explanation.weights) == 16
