"""Any function of a batch can be explained; what it returns wrongly is said in words; Ctrl-C keeps what there is."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.methods import lime, occlusion, rise

# Settings that make each of the three methods short: the number of masked copies stands first.
THREE: dict[str, tuple[int, dict[str, Any]]] = {
    "occlusion": (100, {"mask_size": 4, "stride": (2, 3)}),
    "lime": (199, {"segments": "grid", "features": 16, "samples": 200, "score": "probability"}),
    "rise": (120, {"masks": 120, "grid": 4}),
}
METHODS = list(THREE)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def explained(network: Any, photo: Any, method: str, **settings: Any) -> seewhy.Explanation:
    return seewhy.explain(seewhy.Classifier(network), photo, method=method, **(THREE[method][1] | settings))


@pytest.fixture
def photo() -> torch.Tensor:
    """(3, 20, 30): 10 × 10 masks."""
    return noise(3, 20, 30)


@pytest.fixture
def network() -> Callable[[torch.Tensor], torch.Tensor]:
    """Logits of four classes."""
    small = SmallNet().eval()
    return lambda x: small(x)


# -- what a function may return ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.detach().numpy(),
        lambda y: y.detach().numpy().astype(np.float64),
        lambda y: y.detach().tolist(),
        lambda y: [row.detach().numpy() for row in y],
        lambda y: y.detach().double(),
        lambda y: {"logits": y},
        lambda y: (y, None),
    ],
    ids=["array", "float64 array", "lists", "list of arrays", "float64 tensor", "dictionary", "tuple"],
)
def test_tensors_arrays_and_lists_give_the_same_map(
    network: Callable[[torch.Tensor], torch.Tensor], photo: torch.Tensor, method: str, convert: Callable[[torch.Tensor], Any]
) -> None:
    plain = explained(network, photo, method, target=[0, 2])
    other = explained(lambda x: convert(network(x)), photo, method, target=[0, 2])
    np.testing.assert_allclose(other.maps, plain.maps, atol=2e-6)
    assert np.abs(plain.maps).max() > 1e-4
    assert other.cost.forward == plain.cost.forward == THREE[method][0] + 1


@pytest.mark.parametrize("method", METHODS)
def test_a_function_of_numpy_alone(photo: torch.Tensor, method: str) -> None:
    """Scores of one's own: no torch in it."""
    weight = np.random.default_rng(0).normal(size=(2, 3, 20, 30)) / 40

    def scores(x: torch.Tensor) -> np.ndarray[Any, Any]:
        return np.einsum("nchw,kchw->nk", np.asarray(x), weight)

    clf = seewhy.Classifier(scores, head="none", classes=["yes", "no"])
    e = seewhy.explain(clf, photo, method=method, target=["no", "yes"], fill=0.5, **THREE[method][1])
    contribution = (weight * (photo.numpy() - 0.5)).sum(axis=1)
    if method == "occlusion":
        for (i, j), k in itertools.product(itertools.product(range(10), range(10)), (0, 1)):
            (top, left) = (2 * i - 1, 3 * j - 1)
            expected = contribution[1 - k, max(0, top) : top + 4, max(0, left) : left + 4].sum()
            assert e.maps[k, i, j] == pytest.approx(expected, abs=1e-5)
    elif method == "lime":
        labels = e.details["segments"]
        for name, k in itertools.product(e.details["names"], (0, 1)):
            expected = contribution[1 - k][labels == name].sum()
            assert e.details["importance"][name - 1, k] == pytest.approx(expected, abs=0.03 * np.abs(contribution).sum() / 16)
    else:
        same = seewhy.Classifier(lambda x: torch.einsum("nchw,kchw->nk", x.double(), torch.from_numpy(weight)), head="none")
        expected = seewhy.explain(same, photo, method=method, target=[1, 0], fill=0.5, **THREE[method][1]).maps
        np.testing.assert_allclose(e.maps, expected, atol=1e-5)
        assert np.abs(expected).max() > 0.01
    assert e.model == "scores"
    assert [t.name for t in e.targets] == ["no", "yes"]


@pytest.mark.parametrize("method", METHODS)
def test_a_scikit_learn_pipeline_on_pixels(method: str) -> None:
    """Bright in the upper left corner means class 1: all three find it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    photos = rng.normal(size=(300, 1, 12, 16))
    labels = (photos[:, 0, :4, :5].mean(axis=(1, 2)) > 0).astype(int)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(photos.reshape(300, -1), labels)

    def scores(x: torch.Tensor) -> Any:
        return pipeline.predict_proba(x.reshape(len(x), -1).numpy())

    photo = np.zeros((1, 12, 16), np.float32)
    photo[0, :4, :5] = 1.5
    photo[0, 8:, 10:] = 1.5
    settings = THREE[method][1] | ({"segments": "grid", "features": 12} if method == "lime" else {})
    e = seewhy.explain(seewhy.Classifier(scores), photo, method=method, target=1, fill=0, **settings)
    assert e.targets[0].score == pytest.approx(pipeline.predict_proba(photo.reshape(1, -1))[0, 1], abs=1e-6)
    assert e.targets[0].score > 0.9
    map_ = e.on_input("nearest")[0]
    assert map_[:4, :5].mean() > 4 * abs(map_[8:, 10:].mean())
    (row, column) = np.unravel_index(np.argmax(map_), map_.shape)
    assert row < 6
    assert column < 8
    assert "the network returns probabilities already: no softmax was added, and a logit means their logarithm" in e.notes
    if method == "occlusion":
        copy = photo.copy()
        copy[0, 1:5, 2:6] = 0  # the mask on row 2, column 3
        drop = pipeline.predict_proba(photo.reshape(1, -1))[0, 1] - pipeline.predict_proba(copy.reshape(1, -1))[0, 1]
        assert e.maps[0, 1, 1] == pytest.approx(drop, abs=1e-6)


# -- what a function gets to see --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_it_sees_nothing_but_the_photo_and_masked_copies_of_it(
    network: Callable[[torch.Tensor], torch.Tensor], photo: torch.Tensor, method: str, batch_size: int | None
) -> None:
    """First the photo once, then every copy once: no trial, no second look; blocks of one size."""
    batches: list[torch.Tensor] = []

    def watched(x: torch.Tensor) -> torch.Tensor:
        batches.append(x.clone())
        return network(x)

    fill = torch.tensor([0.25, -3.0, 2.0])[:, None, None]
    e = explained(watched, photo, method, batch_size=batch_size, fill=[0.25, -3.0, 2.0])
    rows = torch.cat(batches)
    assert rows.shape == (THREE[method][0] + 1, 3, 20, 30)
    assert rows.dtype == torch.float32
    assert e.cost.forward == len(rows)
    assert torch.equal(batches[0], photo[None])
    if batch_size is not None:
        assert max(len(block) for block in batches) == batch_size
    shares = ((rows[1:] - fill) / (photo - fill)).double()  # 1 where the photo shows, 0 where it is hidden
    between = (photo - fill).abs() > 0.2
    for share in shares:
        values = share[between]
        assert values.min() > -1e-4
        assert values.max() < 1 + 1e-4
        if method != "rise":
            assert ((values < 1e-4) | (values > 1 - 1e-4)).all()
        assert (values < 0.9).any()  # something is hidden
    hidden = {(share[0] < 0.5).numpy().tobytes() for share in shares}
    assert len(hidden) == len(shares) or method == "rise"


@pytest.mark.parametrize("method", METHODS)
def test_a_function_that_needs_no_gradient_gets_none(
    network: Callable[[torch.Tensor], torch.Tensor], photo: torch.Tensor, method: str
) -> None:
    states: set[tuple[bool, bool, bool]] = set()

    def watched(x: torch.Tensor) -> torch.Tensor:
        states.add((torch.is_grad_enabled(), x.requires_grad, x.is_inference()))
        return network(x)

    with torch.inference_mode():
        explained(watched, photo, method)
    explained(watched, photo, method)
    assert states == {(False, False, False)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["network", "function"])
def test_what_changes_its_input_in_place_gets_the_same_map(photo: torch.Tensor, method: str, kind: str) -> None:
    class Scaling(nn.Module):
        def __init__(self, in_place: bool) -> None:
            super().__init__()
            (self.small, self.in_place) = (SmallNet().eval(), in_place)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.small(x.sub_(1).mul_(0.5) if self.in_place else (x - 1) * 0.5)

    (changing, plain) = (Scaling(True).eval(), Scaling(False).eval())
    (a, b) = (explained(n if kind == "network" else lambda x, n=n: n(x), photo, method, target=0) for n in (changing, plain))
    assert np.abs(b.maps).max() > 1e-4
    np.testing.assert_allclose(a.maps, b.maps, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_photo_comes_back_as_it_was(
    network: Callable[[torch.Tensor], torch.Tensor], photo: torch.Tensor, method: str
) -> None:
    before = photo.clone()
    e = explained(network, photo, method)
    assert torch.equal(photo, before)
    np.testing.assert_array_equal(e.photo.pixels, before)


# -- what a function returns wrongly ----------------------------------------------------------------------------------

HEAD = "Expected class scores (N, classes)"
ONE_NUMBER = "The network returns one number per photo: write head='binary' (yes or no, the number is a "
FINITE = "The network gives scores that are not finite: its weights or its precision are broken."


def only_photo(scores: Callable[[torch.Tensor], Any], wrong: Callable[[torch.Tensor], Any]) -> Callable[[torch.Tensor], Any]:
    """Right for the photo itself, wrong for the copies."""
    calls = itertools.count()
    return lambda x: scores(x) if next(calls) == 0 else wrong(x)


def right(x: torch.Tensor) -> torch.Tensor:
    return x.mean(dim=(2, 3)) * 5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: None, f"The network returned NoneType. {HEAD}"),
        (lambda x: "cat", f"The network returned str. {HEAD}"),
        (lambda x: 0.5, ONE_NUMBER),
        (lambda x: right(x)[:, 0], ONE_NUMBER),
        (lambda x: right(x)[:, 0].numpy(), ONE_NUMBER),
        (lambda x: x, "The network returned a tensor ({n}, 3, 20, 30). " + HEAD),
        (lambda x: right(x)[:, :1], ONE_NUMBER),
        (lambda x: right(x) * float("nan"), FINITE),
        (lambda x: right(x) / 0, FINITE),
        (lambda x: {"a": right(x), "b": right(x)}, "The network returned dict: a ({n}, 3), b ({n}, 3). " + HEAD),
    ],
    ids=["None", "text", "number", "one axis", "one axis array", "four axes", "one number", "NaN", "infinity", "dictionary"],
)
@pytest.mark.parametrize("from_the_start", [True, False])
def test_no_scores(
    photo: torch.Tensor, method: str, wrong: Callable[[torch.Tensor], Any], message: str, from_the_start: bool
) -> None:
    """Said in words at the photo itself, and where only the copies show it."""
    network = wrong if from_the_start else only_photo(right, wrong)
    count = 1 if from_the_start else 9
    with pytest.raises(seewhy.errors.ModelError) as error:
        explained(network, photo, method, batch_size=9)
    if count > 1 and isinstance(wrong(photo[None]), float):
        message = "The network returned (1,) for {n} photos: one row of scores per photo."
    assert error.value.line.startswith(message.format(n=count)), error.value.line


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("wrong", "rows"),
    [(lambda x: right(x)[:-1], 8), (lambda x: right(x)[:2], 2), (lambda x: torch.cat([right(x), right(x)]), 18)],
    ids=["one too few", "two", "twice as many"],
)
def test_another_number_of_rows_than_photos(
    photo: torch.Tensor, method: str, wrong: Callable[[torch.Tensor], Any], rows: int
) -> None:
    with pytest.raises(seewhy.errors.OutputError) as error:
        explained(only_photo(right, wrong), photo, method, batch_size=9)
    assert error.value.line == f"The network returned ({rows}, 3) for 9 photos: one row of scores per photo."


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("wrong", "rows"), [(lambda x: right(x)[:0], 0), (lambda x: torch.cat([right(x)] * 3), 3)])
def test_another_number_of_rows_for_the_photo_itself(
    photo: torch.Tensor, method: str, wrong: Callable[[torch.Tensor], Any], rows: int
) -> None:
    with pytest.raises(seewhy.errors.OutputError) as error:
        explained(wrong, photo, method)
    assert error.value.line == f"The network returned ({rows}, 3) for 1 photos: one row of scores per photo."


@pytest.mark.parametrize("method", METHODS)
def test_one_row_for_as_many_photos_as_there_are_classes(photo: torch.Tensor, method: str) -> None:
    with pytest.raises(seewhy.errors.OutputError) as error:
        explained(lambda x: right(x)[:1], photo, method, batch_size=3)
    assert error.value.line == "The network returned (1, 3) for 3 photos: one row of scores per photo."


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (lambda x: [[1.0, 2.0], [1.0]], "The network returned a list that is no table of numbers: "),
        (lambda x: ["cat"] * len(x), "The network returned a list that is no table of numbers: "),
        (lambda x: right(x)[:, :0], "The network returned a tensor (1, 0). Expected class scores (N, classes)"),
    ],
    ids=["rows of two lengths", "words", "no classes"],
)
def test_what_is_no_table_of_scores(photo: torch.Tensor, wrong: Callable[[torch.Tensor], Any], line: str) -> None:
    with pytest.raises(seewhy.errors.OutputError) as error:
        explained(wrong, photo, "occlusion")
    assert error.value.line.startswith(line)


def test_whether_rows_are_probabilities_does_not_depend_on_the_batch() -> None:
    """Logits (0.3, 0.7) of some copies look like probabilities; those of the photo itself do not."""

    def logits(x: torch.Tensor) -> torch.Tensor:
        visible = x[:, 0, 5, 5] > 0
        return torch.stack([torch.where(visible, 3.0, 0.3), torch.where(visible, 0.0, 0.7)], dim=1)

    (single, many) = (explained(logits, torch.ones(1, 20, 30), "occlusion", fill=0, target=0, batch_size=n) for n in (1, 64))
    (full, hidden) = torch.tensor([[3.0, 0.0], [0.3, 0.7]]).softmax(dim=1)[:, 0].tolist()
    assert many.maps.max() == pytest.approx(full - hidden, abs=1e-6)
    np.testing.assert_allclose(single.maps, many.maps, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_another_number_of_classes_for_the_copies(photo: torch.Tensor, method: str) -> None:
    names = ["a", "b", "c"]
    clf = seewhy.Classifier(only_photo(right, lambda x: right(x)[:, :2]), classes=names)
    with pytest.raises(seewhy.errors.ClassesError, match=r"^The class list has 3 names, but the network gives 2 scores: "):
        seewhy.explain(clf, photo, method=method, **THREE[method][1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("function", "description"),
    [
        (lambda y: y, "a tensor (1, 3)"),
        (lambda y: y.sum(), "a tensor ()"),
        (lambda y: 3.0, "float"),
        (lambda y: y[:1, 0].repeat(5), "a tensor (5,)"),
    ],
)
def test_a_target_function_that_gives_no_number_per_photo(
    photo: torch.Tensor, method: str, function: Callable[[Any], Any], description: str
) -> None:
    text = f"The target function '<lambda>' returned {description}: it must return one number per photo, a tensor (1,)."
    with pytest.raises(seewhy.errors.TargetError, match=f"^{re.escape(text)}$"):
        explained(right, photo, method, target=function)


@pytest.mark.parametrize("method", ["occlusion", "lime"])
def test_there_is_no_table_of_scores_where_only_functions_are_asked_for(photo: torch.Tensor, method: str) -> None:
    e = explained(right, photo, method, target=lambda y: y[:, 0])
    assert "scores" not in e.details
    assert np.isfinite(e.details["values"]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_negative_seed(photo: torch.Tensor, method: str) -> None:
    with pytest.raises(seewhy.errors.OptionError, match=r"^seed=-1: write a whole number"):
        explained(right, photo, method, seed=-1)


@pytest.mark.parametrize("method", METHODS)
def test_an_error_of_the_function_itself_is_raised_as_it_is(photo: torch.Tensor, method: str) -> None:
    class OwnError(Exception):
        pass

    def broken(x: torch.Tensor) -> torch.Tensor:
        raise OwnError("disk full")

    with pytest.raises(OwnError, match=r"^disk full$"):
        explained(only_photo(right, broken), photo, method)


# -- Ctrl-C -----------------------------------------------------------------------------------------------------------


class Stopping(nn.Module):
    """Logits of four classes; when its turn comes, a person presses Ctrl-C."""

    left: ClassVar[int | None] = None  # blocks until then

    def __init__(self) -> None:
        super().__init__()
        self.small = SmallNet()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if Stopping.left is not None:
            Stopping.left -= 1
            if Stopping.left < 0:
                raise KeyboardInterrupt
        return self.small(x)


@pytest.fixture
def stopping() -> Any:
    """(classifier, press): ``press(k)`` lets k passes through the network go well, the photo's own among them."""
    network = Stopping().eval()
    clf = seewhy.Classifier(network)

    def press(k: int) -> None:
        Stopping.left = k

    yield clf, press
    Stopping.left = None


def kept(work: Callable[[], seewhy.Explanation]) -> seewhy.Explanation:
    """What comes back; a Ctrl-C that is raised would end all other tests too."""
    try:
        return work()
    except KeyboardInterrupt:
        raise AssertionError("Ctrl-C was raised instead of what there is") from None


NOTES = {
    "occlusion": r"interrupted after {done} of 100 masks: the rest is interpolated, .+",
    "lime": r"interrupted after {done} of 200 samples",
    "rise": r"interrupted after {done} of 120 masks: standard error \S+ on average",
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("blocks", [1, 4, 11])
@pytest.mark.parametrize("kind", ["network", "function"])
def test_ctrl_c_returns_what_there_is(stopping: Any, photo: torch.Tensor, method: str, blocks: int, kind: str) -> None:
    (clf, press) = stopping
    if kind == "function":
        module = clf.network
        clf = seewhy.Classifier(lambda x: module(x))
    settings = THREE[method][1] | {"batch_size": 8}
    counts: list[int] = []  # copies done, the photo itself counted, after it and after every block
    whole = seewhy.explain(clf, photo, method=method, progress=lambda done, total, partial: counts.append(done), **settings)
    before = {name: value.clone() for name, value in stopping[0].network.state_dict().items()}
    press(1 + blocks)
    e = kept(lambda: seewhy.explain(clf, photo, method=method, progress=lambda done, total, partial: None, **settings))
    press(10_000)
    assert counts[blocks] > 6 * blocks
    count = counts[blocks] - (method != "lime")  # LIME has the untouched photo among its samples
    masks_done = e.details["samples_done" if method == "lime" else "masks_done"]
    assert masks_done == count
    assert e.partial
    assert e.details["stopped"] == "interrupted"
    assert any(re.fullmatch(NOTES[method].format(done=count), note) for note in e.notes), e.notes
    assert e.maps.shape == whole.maps.shape
    assert np.isfinite(e.maps).all()
    assert e.cost.forward == counts[blocks]
    if method == "occlusion":
        measured = e.details["measured"]
        np.testing.assert_allclose(e.maps[:, measured], whole.maps[:, measured], atol=2e-6)
    else:
        finite = np.isfinite(e.details["values"])
        np.testing.assert_allclose(e.details["values"][finite], whole.details["values"][finite], atol=2e-6)
        assert finite.sum() == count
    assert all(torch.equal(value, before[name]) for name, value in stopping[0].network.state_dict().items())
    assert not whole.partial
    again = seewhy.explain(clf, photo, method=method, **settings)
    np.testing.assert_allclose(again.maps, whole.maps, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_in_a_list_is_raised(stopping: Any, photo: torch.Tensor, method: str) -> None:
    (clf, press) = stopping
    for photos in ([photo], [photo, photo], photo[None]):
        press(4)
        with pytest.raises(KeyboardInterrupt):
            seewhy.explain(clf, photos, method=method, batch_size=8, **THREE[method][1])


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_in_a_thread_is_raised(stopping: Any, photo: torch.Tensor, method: str) -> None:
    (clf, press) = stopping
    clf.executor.planned(photo[None])
    press(4)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            seewhy.explain(clf, photo, method=method, batch_size=8, **THREE[method][1])
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] == [KeyboardInterrupt]


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_at_the_photo_itself_is_raised(stopping: Any, photo: torch.Tensor, method: str) -> None:
    (clf, press) = stopping
    clf.executor.planned(photo[None])
    press(0)
    with pytest.raises(KeyboardInterrupt):
        seewhy.explain(clf, photo, method=method, **THREE[method][1])


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_before_there_is_anything_is_raised(stopping: Any, photo: torch.Tensor, method: str) -> None:
    (clf, press) = stopping
    clf.executor.planned(photo[None])
    press(1)
    with pytest.raises(KeyboardInterrupt):
        seewhy.explain(clf, photo, method=method, **THREE[method][1])


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_between_two_blocks_keeps_the_last_one(photo: torch.Tensor, method: str) -> None:
    """It comes while progress is told."""
    calls = itertools.count()

    def told(done: int, total: int, partial: Any) -> None:
        if next(calls) == 3:  # the photo itself, two blocks, the third
            raise KeyboardInterrupt

    e = kept(lambda: explained(right, photo, method, batch_size=8, progress=told))
    assert e.partial
    assert e.details["samples_done" if method == "lime" else "masks_done"] == 24 + (1 if method == "lime" else 0)


@pytest.mark.parametrize("method", ["rise", "lime", "occlusion"])
def test_ctrl_c_while_the_last_block_is_taken_in_leaves_a_partial_map(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = {"rise": rise._RiseMap, "lime": lime._LimeMap, "occlusion": occlusion._OcclusionMap}[method]
    update = kind.update
    settings: dict[str, Any] = {"rise": {"masks": 100}, "lime": {"samples": 100}, "occlusion": {}}[method]

    def interrupted_at_the_end(self: Any, indices: Any, values: Any, scores: Any) -> None:
        if self.reached + len(indices) >= self.count:
            raise KeyboardInterrupt
        update(self, indices, values, scores)

    monkeypatch.setattr(kind, "update", interrupted_at_the_end)
    e = seewhy.explain(seewhy.Classifier(SmallNet()), torch.rand(3, 20, 28), method=method, batch_size=8, **settings)
    assert e.partial
    assert e.details["stopped"] == "interrupted"
    assert type(e.details["stopped"]) is str
    assert any(note.startswith("interrupted after ") for note in e.notes)
