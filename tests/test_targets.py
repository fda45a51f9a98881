"""What was asked for, and which classes that is: flat lists, lists per photo, ranks, ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy import targets
from seewhy.classes import ClassNames
from seewhy.errors import ComparisonError, OptionError, TargetError
from seewhy.head import SCORES as UNITS
from seewhy.head import Head
from seewhy.pipeline import FOR_ALL
from seewhy.records import Prediction, Target
from seewhy.targets import ResolvedTarget, class_values, rank_order, requested_against, requested_targets, resolve

NAMES = ClassNames(["bear", "cow", "sheep", "wolf"])
SCORES = np.array([0.1, 0.4, 0.4, 0.1], np.float32)


def indices(targets: list[Any], scores: np.ndarray = SCORES) -> list[int | None]:
    return [choice.target.index for choice in resolve(requested_targets(targets, 1)[0], scores, NAMES)]


def test_one_wish_or_a_flat_list_goes_to_every_photo() -> None:
    assert requested_targets("top1", 3) == [["top1"], ["top1"], ["top1"]]
    assert requested_targets(["bear", 2], 2) == [["bear", 2], ["bear", 2]]
    assert requested_targets(("bear", 2), 1) == [["bear", 2]]
    assert requested_targets(["bear", 2, "top1"], 1) == [["bear", 2, "top1"]]


def test_a_list_of_lists_is_one_list_per_photo() -> None:
    assert requested_targets([["bear"], [1, 2]], 2) == [["bear"], [1, 2]]
    assert requested_targets([("bear",), [1, 2]], 2) == [["bear"], [1, 2]]


def test_the_wrong_number_of_lists() -> None:
    with pytest.raises(TargetError) as error:
        requested_targets([["bear"]] * 3, 8)
    assert str(error.value) == (
        "8 photos but 3 lists of targets. A flat list of targets applies to every photo; for one list per photo give 8 lists."
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([], "The list of targets is empty: name a class, or leave target='top1'."),
        ([["bear"], []], "The list of targets for photo 2 is empty: name a class."),
        ([["bear"], "cow"], "Targets and lists of targets are mixed: give a flat list, or one list per photo."),
        (
            1.5,
            "target=1.5: write a class name, an index, 'top1', 'top3', 'present', a function of the output, or a list.",
        ),
        (
            True,
            "target=True: write a class name, an index, 'top1', 'top3', 'present', a function of the output, or a list.",
        ),
        (
            None,
            "target=None: write a class name, an index, 'top1', 'top3', 'present', a function of the output, or a list.",
        ),
    ],
)
def test_what_is_no_target(target: object, message: str) -> None:
    with pytest.raises(TargetError) as error:
        requested_targets(target, 2)
    assert str(error.value) == message


@pytest.mark.parametrize("number", [2, np.int64(2), np.uint8(2), torch.tensor(2)])
def test_every_kind_of_whole_number_is_an_index(number: Any) -> None:
    (target,) = requested_targets(number, 1)[0]
    assert type(target) is int
    assert indices([number]) == [2]


@pytest.mark.parametrize("number", [torch.tensor(1.7), torch.tensor(True), np.bool_(True), np.float32(1.0)])
def test_other_numbers_are_not_rounded_to_one(number: Any) -> None:
    with pytest.raises(TargetError, match=r"^target="):
        requested_targets(number, 1)


def test_names_and_indices_with_score_and_rank() -> None:
    assert resolve(["wolf", 1], SCORES, NAMES) == [
        ResolvedTarget(Target("wolf", 3, pytest.approx(0.1), 4)),
        ResolvedTarget(Target("cow", 1, pytest.approx(0.4), 1)),
    ]


def test_a_string_that_is_a_class_s_name_is_that_class() -> None:
    names = ClassNames(["top2", "absent", "present", "3", "0"])
    scores = np.array([0.1, 0.9, 0.2, 0.7, 0.3], np.float32)
    choices = resolve(["top2", "present", "3", "#3", "#0", 4, "top1"], scores, names)
    assert [choice.target.index for choice in choices] == [0, 2, 3, 3, 0, 4, 1]
    with pytest.raises(TargetError, match=r"^This network has no class called '1'\. For the index 1 write 1 or '#1'\.$"):
        resolve(["1"], scores, names)


def test_ties_keep_the_class_order() -> None:
    assert indices(["top1"]) == [1]
    assert indices(["top4"]) == [1, 2, 0, 3]
    assert rank_order(np.tile([0.0, 1.0], 500)).tolist() == [*range(1, 1000, 2), *range(0, 1000, 2)]


@pytest.mark.parametrize("spelling", ["top3", "TOP3", "top_3", "top-3", "top 3", " top3 "])
def test_spellings_of_top(spelling: str) -> None:
    assert indices([spelling]) == [1, 2, 0]


def test_more_than_there_are_gives_all() -> None:
    assert indices(["top10"]) == [1, 2, 0, 3]


def test_top_zero() -> None:
    with pytest.raises(TargetError) as error:
        indices(["top0"])
    assert str(error.value) == "target='top0': the smallest is 'top1'."


def test_top_without_a_number_is_a_class_name() -> None:
    with pytest.raises(TargetError, match=r"^This network has no class 'top'\."):
        indices(["top"])


def test_nan_comes_last() -> None:
    assert rank_order(np.array([np.nan, -5.0, 1.0, np.nan, -np.inf])).tolist()[:2] == [2, 1]
    assert set(rank_order(np.array([np.nan, -5.0, 1.0])).tolist()[2:]) == {0}


def test_present_is_everything_above_a_half_best_first() -> None:
    assert indices(["present"], np.array([0.6, 0.5, 0.9, 0.2])) == [2, 0]
    assert indices(["present"], np.array([0.2, 0.4, 0.3, 0.1])) == [1], "none is present: the best one"


def test_a_function_is_kept_and_named() -> None:
    def total(output: torch.Tensor) -> torch.Tensor:
        return output.sum(1)

    (named, unnamed) = resolve([total, lambda y: y[:, 0]], SCORES, NAMES)
    assert named.function is total
    assert (named.target.name, named.target.index, named.target.rank) == ("total", None, None)
    assert unnamed.target.name == "function"
    (object_,) = resolve([torch.nn.Identity()], None, None)
    assert object_.target.name == "Identity"


def test_without_class_scores_only_functions_can_be_asked_for() -> None:
    with pytest.raises(OptionError) as error:
        resolve(["top1"], None, None)
    assert str(error.value) == "The output holds no class scores: give a function of the output as the target."


# -- why this and not that? -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("against", "index"),
    [("bear", 0), (3, 3), ("#3", 3), ("top2", 2), ("TOP 3", 0), (np.int64(0), 0), (torch.tensor(2), 2), ("WOLF", 3)],
)
def test_every_target_is_compared_with_one_class(against: Any, index: int) -> None:
    (cow,) = resolve(["top1"], SCORES, NAMES, requested_against(against, [["top1"]]))
    other = Prediction(NAMES.names[index], index, pytest.approx(float(SCORES[index])))
    assert cow == ResolvedTarget(Target("cow", 1, pytest.approx(0.4), 1, other))


def test_several_targets_are_compared_with_the_same_class() -> None:
    targets = [choice.target for choice in resolve(["top2", 0], SCORES, NAMES, "wolf")]
    assert [(target.name, target.against and target.against.name) for target in targets] == [
        ("cow", "wolf"),
        ("sheep", "wolf"),
        ("bear", "wolf"),
    ]


def test_a_class_that_is_called_top2_is_that_class() -> None:
    names = ClassNames(["one", "two", "top2", "present"])
    for name, index in (("top2", 2), ("present", 3)):
        (choice,) = resolve([0], np.array([0.4, 0.3, 0.2, 0.1]), names, name)
        assert choice.target.against == Prediction(name, index, pytest.approx(0.4 - index / 10))


@pytest.mark.parametrize(
    ("targets", "against", "message"),
    [
        (["cow"], "cow", "against='cow' is the target itself: write another class, such as 'sheep'."),
        (["top1"], "top1", "against='top1' is the target itself: write another class, such as 'sheep'."),
        (["top3"], 2, "against=2 is 'sheep', one of the targets: write another class, such as 'wolf'."),
        (["top4"], "bear", "against='bear' is 'bear', one of the targets: leave it out."),
    ],
)
def test_a_class_is_not_compared_with_itself(targets: list[Any], against: Any, message: str) -> None:
    with pytest.raises(ComparisonError) as error:
        resolve(targets, SCORES, NAMES, against)
    assert str(error.value) == message
    assert not isinstance(error.value, FOR_ALL)  # another photo of the folder may have another first class


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("baer", "This network has no class 'baer'. Did you mean 'bear' (0)?"),
        (4, "This network has no class 4: its 4 classes are numbered 0 to 3."),
        ("3", "This network has no class called '3'. For the index 3 write 3 or '#3'."),
        ("present", "This network has no class 'present'."),
        ("top5", "against='top5': this network has 4 classes."),
        ("top0", "against='top0': the smallest is 'top1'."),
    ],
)
def test_against_a_class_that_does_not_exist(against: Any, message: str) -> None:
    with pytest.raises(TargetError) as error:
        resolve(["cow"], SCORES, NAMES, against)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("against", [["cow", "bear"], True, 1.5, ("cow",)])
def test_what_names_no_single_class(against: Any) -> None:
    with pytest.raises(TargetError) as error:
        requested_against(against, [["top1"]])
    assert str(error.value) == f"against={against!r}: write one class: a name, an index, or 'top2' for the second choice."


def test_a_function_is_compared_with_nothing() -> None:
    with pytest.raises(TargetError) as error:
        requested_against("cow", [["top1"], [lambda y: y[:, 0]]])
    assert str(error.value) == (
        "against='cow': a function of the output says itself what it compares; name a class as the target, or leave against= out."
    )
    assert requested_against(None, [[lambda y: y[:, 0]]]) is None


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize("score", UNITS)
def test_the_value_is_the_difference_of_the_two_values(kind: str, score: str) -> None:
    head = Head(kind)
    rows = torch.tensor([[1.0, 2.0, 0.5, -1.0], [0.0, 3.0, 1.0, 2.0]])
    targets = [resolve([index], SCORES, NAMES, "wolf")[0] for index in (1, 2)]
    values = class_values(head, rows, targets, score)
    own = head.value(rows, torch.tensor([1, 2]), score)
    other = head.value(rows, torch.tensor([3, 3]), score)
    assert torch.equal(values, own - other)
    if (kind, score) in (("softmax", "logit"), ("none", "probability")):
        assert values.tolist() == [3.0, -1.0]


def test_the_other_side_of_one_logit() -> None:
    names = ClassNames(["healthy", "ill"])
    (ill,) = resolve(["ill"], np.array([0.2, 0.8]), names, "healthy")
    rows = torch.tensor([[1.5], [-0.5]])
    assert class_values(Head("binary"), rows, [ill, ill], "logit").tolist() == [3.0, -1.0]
    p = rows[:, 0].sigmoid()
    assert torch.allclose(class_values(Head("binary"), rows, [ill, ill], "probability"), 2 * p - 1)


PIXELS = torch.tensor([[[[3.0, 0.0], [0.5, -1.0]], [[1.0, 2.0], [0.0, 4.0]]]])  # (1, 2, 2, 2)


def test_segment_adds_up_where_the_class_wins() -> None:
    assert targets.segment(0)(PIXELS).tolist() == [(3.0 + 0.5) / 4]
    assert targets.segment(1)(PIXELS).tolist() == [(2.0 + 4.0) / 4]
    assert targets.segment(-1)(PIXELS).tolist() == [(2.0 + 4.0) / 4]
    both = torch.cat([PIXELS, PIXELS.flip(1)])
    assert targets.segment(0)(both).tolist() == [3.5 / 4, 6.0 / 4]


def test_segment_of_a_class_without_pixels_is_its_mean() -> None:
    outputs = torch.cat([PIXELS, torch.full((1, 1, 2, 2), -7.0)], dim=1)
    assert targets.segment(2)(outputs).tolist() == [-7.0]


def test_a_class_without_pixels_is_told() -> None:
    absent = "no pixel of this photo is given to class 2: the mean over the whole photo is explained"

    class Drawn(nn.Module):
        """Class 0 lies where the photo is bright, class 1 elsewhere, class 2 nowhere."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = x.mean(dim=1, keepdim=True)
            return torch.cat([bright - 0.5, 0.5 - bright, bright.relu() - 9], dim=1)

    photo = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    clf = seewhy.Classifier(Drawn())
    for method in ("occlusion", "gradient"):
        both = seewhy.explain(clf, photo, method, [targets.segment(0), targets.segment(-1)], progress=False)
        seen = seewhy.explain(clf, photo, method, targets.segment(0), progress=False)
        assert [(note.target, str(note)) for note in both.notes if "no pixel" in note] == [(1, absent)]
        assert not any("no pixel" in note for note in seen.notes)
        assert both.targets[1].score == pytest.approx(float(photo.mean()) - 9)
    batch = seewhy.explain(clf, [photo, photo * 0], "gradient", targets.segment(0), progress=False)
    assert [sum("no pixel" in note for note in e.notes) for e in batch] == [0, 1]


class Planted(nn.Module):
    """The class 1 has the pixels that are bright, by 1 more than the class 0; offset : added to all classes, at every pixel."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = 2 * x[:, :1] - 1
        return torch.cat([torch.zeros_like(bright), bright], dim=1) + self.offset


def bright_square(row: int, column: int) -> torch.Tensor:
    photo = torch.zeros(3, 32, 32)
    photo[:, row : row + 8, column : column + 8] = 1
    return photo


@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_hiding_the_pixels_of_a_class_speaks_for_it_whatever_is_added_to_all_classes(offset: float) -> None:
    settings = {"mask_size": 8, "stride": 4, "fill": 0.0, "progress": False}
    clf = seewhy.Classifier(Planted(offset), head="none")
    explanation = seewhy.explain(clf, bright_square(8, 20), "occlusion", targets.segment(1), **settings)
    assert explanation.targets[0].score == pytest.approx((1 + offset) * 64 / 1024)
    # A mask takes 2 from every pixel of the square that it covers, of 1024; each is covered by (8/4)² masks.
    assert explanation.maps.sum() == pytest.approx(4 * 2 * 64 / 1024, rel=1e-4)
    assert explanation.maps.min() == pytest.approx(0, abs=1e-5)
    (row, column) = np.unravel_index(explanation.on_input()[0].argmax(), (32, 32))
    assert 8 <= row < 16
    assert 20 <= column < 28


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("occlusion", {"mask_size": 8, "stride": 4, "fill": 0.0}),
        ("lime", {"segments": "grid", "features": 16, "samples": 256, "model": "ridge", "fill": 0.0}),
        ("lime", {"segments": "grid", "features": 16, "samples": 256, "fill": 0.0}),
        ("rise", {"masks": 400, "fill": 0.0}),
        ("integrated_gradients", {}),
        ("smooth_grad", {"samples": 8, "signed": True}),
        ("gradient", {}),
    ],
)
def test_what_is_added_to_all_classes_changes_no_map_of_a_segment(method: str, settings: dict[str, Any]) -> None:
    photo = bright_square(8, 16)
    (plain, moved) = (
        seewhy.explain(
            seewhy.Classifier(Planted(offset), head="none"), photo, method, targets.segment(1), progress=False, **settings
        )
        for offset in (0.0, 10.0)
    )
    np.testing.assert_allclose(moved.maps, plain.maps, atol=1e-3 * plain.maps.max())
    square = np.zeros((32, 32), bool)
    square[8:16, 16:24] = True
    on_input = plain.on_input()[0]
    assert on_input[square].mean() > 0
    assert on_input[square].mean() > 5 * np.abs(on_input[~square]).mean()


def test_a_black_baseline_is_read_at_the_pixels_of_the_photo() -> None:
    clf = seewhy.Classifier(Planted(10.0), head="none")
    explanation = seewhy.explain(clf, bright_square(8, 20), "integrated_gradients", targets.segment(1), progress=False)
    assert explanation.maps.sum() == pytest.approx(2 * 64 / 1024, rel=1e-4)  # from -1 to 1 at each pixel of the square
    assert explanation.details["difference"] == pytest.approx([2 * 64 / 1024], rel=1e-4)


@pytest.mark.parametrize("method", ["gradient", "occlusion", "integrated_gradients"])
def test_each_photo_of_a_list_has_its_own_pixels(method: str) -> None:
    clf = seewhy.Classifier(Planted(10.0), head="none")
    photos = [bright_square(8, 20), bright_square(20, 4), torch.zeros(3, 32, 32)]
    together = seewhy.explain(clf, photos, method, targets.segment(1), progress=False)
    for photo, explanation in zip(photos, together, strict=True):
        alone = seewhy.explain(clf, photo, method, targets.segment(1), progress=False)
        np.testing.assert_allclose(explanation.maps, alone.maps, atol=1e-7)
    if method == "gradient":
        for photo, explanation in zip(photos[:2], together, strict=False):
            np.testing.assert_allclose(explanation.maps[0], 2 / 1024 * photo[0].numpy(), atol=1e-7)


def test_a_segment_may_stand_beside_another_function_and_for_some_photos_only() -> None:
    clf = seewhy.Classifier(Planted(), head="none")
    (mean, photos) = (lambda output: output[:, 1].mean((1, 2)), [bright_square(8, 20), bright_square(20, 4)])
    (first, second) = seewhy.explain(clf, photos, "gradient", [[targets.segment(1)], [mean]], progress=False)
    np.testing.assert_allclose(first.maps[0], 2 / 1024 * photos[0][0].numpy(), atol=1e-7)
    np.testing.assert_allclose(second.maps[0], np.full((32, 32), 2 / 1024), atol=1e-7)
    assert first.targets[0].score == pytest.approx(64 / 1024)
    assert second.targets[0].score == pytest.approx((64 - 960) / 1024)


def test_segment_at_a_photo_keeps_its_pixels() -> None:
    fixed = targets.segment(0).at_photo(PIXELS)
    assert fixed(PIXELS.flip(1)).tolist() == [(1.0 + 0.0) / 4]  # the left column, whoever wins there now
    assert fixed.__name__ == "pixels of class 0"


def test_segment_of_one_channel_has_two_sides() -> None:
    outputs = torch.tensor([[[[2.0, -1.0], [1.0, -3.0]]]])
    assert targets.segment(1)(outputs).tolist() == [3.0 / 4]
    assert targets.segment(0)(outputs).tolist() == [4.0 / 4]


def test_segment_is_differentiable_where_the_class_wins() -> None:
    outputs = PIXELS.clone().requires_grad_()
    targets.segment(1)(outputs).sum().backward()
    assert outputs.grad.tolist() == [[[[0, 0], [0, 0]], [[0, 0.25], [0, 0.25]]]]


def test_value_is_one_number_of_the_output() -> None:
    outputs = torch.arange(12.0).reshape(2, 3, 2)
    assert targets.value(2, 1)(outputs).tolist() == [5, 11]
    assert targets.value(-1)(outputs[..., 0]).tolist() == [4, 10]
    assert targets.value()(outputs[:, 0, 0]).tolist() == [0, 6]


@pytest.mark.parametrize(
    ("function", "output", "message"),
    [
        (
            targets.segment(1),
            {"out": PIXELS},
            "seewhy.targets.segment(1) reads scores of pixels (N, classes, h, w), and the network returned dict: out "
            "(1, 2, 2, 2): say which entry holds them with output='out'.",
        ),
        (targets.segment(2), PIXELS, "seewhy.targets.segment(2): the network knows the classes 0 to 1."),
        (
            targets.value(1),
            PIXELS,
            "seewhy.targets.value(1) reads one number of each photo, and the network returned a tensor (1, 2, 2, 2): give one "
            "index for each axis behind the first.",
        ),
        (
            targets.value(7),
            PIXELS[:, 0, 0],
            "seewhy.targets.value(7): a number of a tensor (1, 2) was meant, which has no such place.",
        ),
    ],
)
def test_ready_targets_that_do_not_fit(function, output, message: str) -> None:
    with pytest.raises(TargetError) as error:
        function(output)
    assert str(error.value) == message


@pytest.mark.parametrize("ready", [targets.segment, targets.value])
@pytest.mark.parametrize("index", ["cat", 1.5, True])
def test_an_index_is_a_whole_number(ready, index: object) -> None:
    with pytest.raises(TargetError, match="is no index: write a whole number"):
        ready(index)
