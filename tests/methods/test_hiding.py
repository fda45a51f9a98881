"""Maps that point beside what counts give way to occlusion; the others are confirmed, or it is said that they are not."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch
from attending_nets import SmallViT
from torch import nn

import seewhy
from seewhy.explain import automatic_choice
from seewhy.explanation.drawing import panels
from seewhy.geometry import peak
from seewhy.methods.hiding import Hiding

PHOTO = seewhy.demo.scenes(1, seed=1)[0].photo


def reason(explanation: seewhy.Explanation) -> str:
    (note,) = (note for note in explanation.notes if note.startswith("method='auto' took"))
    return note.removeprefix("method='auto' took ")


def coarse(cells: int = 2, gain: float = 40.0) -> seewhy.Classifier:
    """Reads how red, green and blue a cell is, and averages its cells. gain : what the logits are multiplied with."""
    side = 64 // cells
    network = nn.Sequential(
        nn.Conv2d(3, 3, side, side, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3, bias=False)
    )
    with torch.no_grad():
        for channel in range(3):
            network[0].weight[channel] = -1.5 / side**2
            network[0].weight[channel, channel] = 3 / side**2
        network[4].weight.copy_(torch.eye(3) * gain)
    return seewhy.Classifier(network, preprocess=seewhy.Preprocess(64, "stretch"), classes=["red", "green", "blue"])


def red_square(row: int, column: int) -> np.ndarray:
    photo = np.full((64, 64, 3), 100, np.uint8)
    photo[row : row + 12, column : column + 12] = [240, 30, 30]
    return photo


def test_a_map_that_points_beside_what_counts_gives_way_to_occlusion() -> None:
    (clf, photo) = (coarse(), red_square(19, 19))  # the middle of its cell lies at (16, 16), the enlarged peak further out
    assert not 19 <= peak(seewhy.explain(clf, photo, "grad_cam").on_photo()[0])[0] < 31
    explanation = seewhy.explain(clf, photo)
    assert explanation.method == "occlusion"
    expected = seewhy.explain(coarse(), photo, "occlusion", mask_size=16, stride=8, score="log_odds")
    np.testing.assert_array_equal(explanation.maps, expected.maps)
    assert peak(explanation.on_photo()[0]) == (25, 25)  # the square's middle
    assert reason(explanation) == "occlusion: grad_cam pointed beside what counts"
    assert explanation.notes[-1] == (
        f"hiding the strongest place of grad_cam lowers the log-odds by 0.0, hiding that of this map by {expected.maps.max():.1f}"
    )
    assert explanation.details["hidden_most"][0] == pytest.approx(expected.maps.max())
    assert explanation.details["hidden_at_peak"][0] < 0
    alone = seewhy.explain(clf, photo, "grad_cam").cost.forward
    assert explanation.cost.forward == expected.cost.forward + alone


def test_a_map_that_hiding_confirms_stays() -> None:
    (clf, photo) = (coarse(), red_square(2, 2))
    explanation = seewhy.explain(clf, photo)
    assert explanation.method == "grad_cam"
    np.testing.assert_array_equal(explanation.maps, seewhy.explain(clf, photo, "grad_cam").maps)
    most = explanation.details["hidden_most"][0]
    assert explanation.details["hidden_at_peak"][0] == pytest.approx(most)
    assert explanation.notes[-1] == (
        f"checked by hiding: without its strongest place the log-odds fall by {most:.1f}, without any other by at most {most:.1f}"
    )


def test_where_hiding_changes_little_the_map_stays_and_a_note_says_so() -> None:
    explanation = seewhy.explain(coarse(gain=1.0), red_square(19, 19))
    assert explanation.method == "grad_cam"
    most = explanation.details["hidden_most"][0]
    assert most < 0.1
    assert explanation.notes[-1] == (
        "this class needs nothing of the photo: hiding all of it leaves its log-odds, so this map shows no evidence"
    )
    assert explanation.details["no_evidence"].tolist() == [True]
    (photo, panel) = panels(explanation)
    colours = [len(np.unique(pixels.reshape(-1, 3), axis=0)) for pixels in (panel.pixels, photo.pixels)]
    assert colours[0] == colours[1]  # the map colours no place: it would point at nothing
    spread = seewhy.explain(coarse(gain=2.0), np.full((64, 64, 3), [200, 90, 90], np.uint8))  # hiding shows the same red
    assert spread.details["hidden_most"][0] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("at_peak", "most", "disagrees"), [(0.89, 1, True), (0.91, 1, False), (0, 0.09, False), (0, 0.11, True), (-1, 0, False)]
)
def test_when_hiding_disagrees(at_peak: float, most: float, disagrees: bool) -> None:
    assert Hiding(np.array([at_peak]), np.array([most])).disagrees == disagrees


def test_the_reason_is_of_a_target_whose_map_was_off() -> None:
    hiding = Hiding(np.array([0.0, 36.5, 5.0]), np.array([1.0, 40.0, 5.0]))
    (choice, numbers) = hiding.reasons("hires_cam")
    assert choice == "method='auto' took occlusion: hires_cam pointed beside what counts"
    assert numbers == "hiding the strongest place of hires_cam lowers the log-odds by 0.0, hiding that of this map by 1.0"
    assert (choice.target, numbers.target) == (None, 0)


def test_the_texts_of_a_check() -> None:
    whole = np.array([[9.0, 3.0, 0.01, -1.12, 0.02], [0, 0, -0.09, 0, -7.0], [0, 0, 0.09, 0, 0]])
    hiding = Hiding(np.array([5.0, 0.02, 0.01, 0, 0]), np.array([5.25, 0.05, 0.04, 0.03, 0.06]), whole)
    texts = [
        "checked by hiding: without its strongest place the log-odds fall by 5.0, without any other by at most 5.2",
        "no place decides alone: hiding any lowers the log-odds by at most 0.05, so the map is not confirmed",
        "this class needs nothing of the photo: hiding all of it leaves its log-odds, so this map shows no evidence",
        "no place speaks for this class: hiding any lowers the log-odds by at most 0.03, hiding all of the photo raises them by "
        "1.12, so the map is not confirmed",
        "no place decides alone: hiding any lowers the log-odds by at most 0.06. The photo's mean colour alone leaves them, "
        "black or white moves them by 7.0: what counts is no place of the photo, so the map is not confirmed",
    ]
    assert hiding.notes() == texts
    assert [note.target for note in hiding.notes()] == [0, 1, 2, 3, 4]
    assert hiding.no_evidence.tolist() == [False, False, True, False, False]
    for tried in (0, 1, 2):  # a budget that ended before black and white
        cut = dataclasses.replace(hiding, whole=whole[:tried])
        assert not cut.no_evidence.any()
        assert cut.notes()[2] == (
            "no place decides alone: hiding any lowers the log-odds by at most 0.04, so the map is not confirmed"
        )


class _MeanColour(nn.Module):
    """Logits of red and blue by the photo's mean red and blue, through a grid of 2×2 cells; gains : of the two."""

    def __init__(self, gains: tuple[float, float]) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 2, 16, 16, bias=False)
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.cells.weight.zero_()
            (self.cells.weight[0, 0], self.cells.weight[1, 2]) = (1 / 256, 1 / 256)
            self.head.weight.copy_(torch.diag(torch.tensor(gains)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.cells(x)).mean((2, 3)))


def reddish() -> np.ndarray:
    photo = np.zeros((32, 32, 3), np.uint8)
    photo[..., 0] = 200 + np.random.default_rng(0).integers(-1, 2, (32, 32))
    photo[..., 2] = 20
    return photo


@pytest.mark.parametrize("prepared", [True, False])
def test_a_network_that_reads_the_mean_colour_needs_the_photo(prepared: bool) -> None:
    clf = seewhy.Classifier(_MeanColour((20.0, 20.0)), preprocess=seewhy.Preprocess(size=32) if prepared else None)
    photo = reddish() if prepared else torch.from_numpy(reddish()).movedim(2, 0) / 255
    explanation = seewhy.explain(clf, photo, target=0)
    most = max(0.0, float(explanation.details["hidden_most"][0]))
    assert most < 0.1
    assert explanation.details["no_evidence"].tolist() == [False]
    red_minus_blue = 20 * (reddish()[..., 0].mean() - 20) / 255  # black has 0 of both
    assert explanation.notes[-1] == (
        f"no place decides alone: hiding any lowers the log-odds by at most {most:.2f}. The photo's mean colour alone leaves "
        f"them, black or white moves them by {red_minus_blue:.1f}: what counts is no place of the photo, so the map "
        "is not confirmed"
    )


def test_a_photo_that_speaks_against_the_class_is_not_said_to_leave_it() -> None:
    cells = nn.Conv2d(3, 2, 16, 16)
    network = nn.Sequential(cells, nn.ReLU(), nn.Flatten(), nn.Linear(8, 2, bias=False))
    with torch.no_grad():
        cells.weight.zero_()
        (cells.weight[0, 0], cells.weight[1, 0]) = (1 / 256, -1 / 256)
        cells.bias.copy_(torch.tensor([-0.5, 0.0]))
        network[3].weight.zero_()
        network[3].weight[1, :4] = 2.0  # the more of a cell is red beyond a half, the more it is class 1
    photo = np.zeros((32, 32, 3), np.uint8)
    photo[:16, :16, 0] = 255
    clf = seewhy.Classifier(network.eval(), preprocess=seewhy.Preprocess(size=32))
    explanation = seewhy.explain(clf, photo, target=0)
    assert explanation.details["no_evidence"].tolist() == [False]
    assert explanation.notes[-1] == (
        "no place speaks for this class: hiding any lowers the log-odds by at most 0.00, hiding all of the photo raises them by "
        "1.00, so the map is not confirmed"
    )


def test_black_and_white_are_tried_only_where_nothing_else_decides() -> None:
    def passes(gain: float, photo: np.ndarray) -> float:
        clf = coarse(gain=gain)
        seewhy.explain(clf, photo)
        return seewhy.explain(clf, photo).cost.forward - seewhy.explain(clf, photo, "grad_cam").cost.forward

    checked = passes(40.0, red_square(19, 19))
    assert passes(1.0, red_square(19, 19)) == checked + 3 * 2  # the photo and its hidden copy, behind three fills


@pytest.mark.parametrize(("cells", "checked"), [(3, True), (4, False)])
def test_a_grid_of_three_rows_is_coarse(cells: int, checked: bool) -> None:
    assert ("hidden_most" in seewhy.explain(coarse(cells), red_square(2, 2)).details) == checked


def test_whether_a_map_is_checked_is_a_matter_of_that_photo() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 32, 32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    (small, large) = (torch.rand(3, 64, 64), torch.rand(3, 256, 256))
    for photos in ((small, large), (large, small)):
        clf = seewhy.Classifier(network)
        for photo in photos:
            checked = "hidden_most" in seewhy.explain(clf, photo, target=0).details
            assert checked == (photo is small)
        explanations = seewhy.explain(seewhy.Classifier(network), list(photos), target=0, progress=False)
        assert ["hidden_most" in explanation.details for explanation in explanations] == [photo is small for photo in photos]


def test_a_choice_in_place_of_a_method_is_taken_without_a_check() -> None:
    clf = coarse()
    choice = automatic_choice(clf, [clf.read(red_square(19, 19))])
    explanation = seewhy.explain(clf, red_square(19, 19), choice)
    assert explanation.method == "grad_cam"
    assert reason(explanation) == "grad_cam: the head averages '1'"
    assert explanation.cost.forward == 1


def test_a_budget_is_for_the_map_and_its_check() -> None:
    (clf, photo) = (coarse(), red_square(19, 19))
    seewhy.explain(clf, photo)  # the first one also tries which way of running is the fastest
    passes = seewhy.explain(clf, photo).cost.forward
    whole = seewhy.explain(clf, photo, budget=round(passes))
    assert (whole.method, whole.cost.forward) == ("occlusion", passes)
    assert not any("limits nothing" in note for note in whole.notes)
    for budget in (3, 40, round(passes) - 1):  # what was not measured to its end decides nothing
        explanation = seewhy.explain(clf, photo, budget=budget)
        assert (explanation.method, explanation.cost.forward) == ("grad_cam", budget)
        assert explanation.notes[-1] == f"not checked by hiding: stopped by the budget after {budget - 1} passes"
        assert "hidden_most" not in explanation.details
    assert seewhy.explain(clf, photo, budget=60.0).method == "occlusion"
    explanation = seewhy.explain(clf, photo, budget=1e-9)
    assert explanation.method == "grad_cam"
    assert explanation.notes[-1] == "not checked by hiding: the budget leaves nothing for it"


def test_a_map_that_nothing_checks_says_so() -> None:
    clf = seewhy.Classifier(SmallViT(size=(32, 32)).eval(), preprocess=seewhy.Preprocess(size=32))
    for settings in ({"method": "hires_cam"}, {"relu": False}):
        notes = seewhy.explain(clf, PHOTO, target=0, **settings).notes
        assert any("nothing has checked this map: method='auto' does, by hiding" in note for note in notes)
    assert not any("nothing has checked" in note for note in seewhy.explain(clf, PHOTO, target=0).notes)
    assert not any("nothing has checked" in note for note in seewhy.explain(coarse(8), PHOTO, "grad_cam").notes)


def test_every_photo_and_every_target_is_checked() -> None:
    photos = [red_square(2, 2), red_square(19, 19)]
    explanations = seewhy.explain(coarse(), photos, progress=False)
    assert [explanation.method for explanation in explanations] == ["grad_cam", "occlusion"]
    both = red_square(2, 2)
    both[38:50, 38:50] = [30, 240, 30]  # towards the photo's middle in its cell: the map of green points beside it
    explanation = seewhy.explain(coarse(), both, target=["red", "green"])
    assert explanation.method == "occlusion"
    assert [target.name for target in explanation.targets] == ["red", "green"]
    assert all(38 <= place < 50 for place in peak(explanation.on_photo()[1]))


class _Moved(nn.Module):
    """Averages how bright each place is, after the places were moved in a grid of the same size."""

    def __init__(self, move: str) -> None:
        super().__init__()
        self.move = move
        self.bright = nn.Conv2d(3, 1, 1)
        self.pool = nn.AvgPool2d(4)
        self.more = nn.Conv2d(1, 1, 1)
        nn.init.constant_(self.bright.weight, 1.0)
        nn.init.constant_(self.bright.bias, -1.5)
        nn.init.constant_(self.more.weight, 1.0)
        nn.init.constant_(self.more.bias, 0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(torch.relu(self.bright(x)))
        if self.move == "grid_sample":  # a spatial transformer that turns the photo upside down
            turn = torch.tensor([[[1.0, 0, 0], [0, -1.0, 0]]]).expand(len(x), -1, -1)
            x = nn.functional.grid_sample(
                x, nn.functional.affine_grid(turn, list(x.shape), align_corners=False), align_corners=False
            )
        elif self.move == "sort":
            x = x.sort(dim=2).values
        bright = torch.relu(self.more(x)).mean((2, 3))
        return torch.cat([bright * 100, 1 - bright], dim=1)


@pytest.mark.parametrize("move", ["grid_sample", "sort", ""])
def test_places_that_are_sampled_or_ordered_anew_are_checked(move: str) -> None:
    photo = torch.zeros(3, 32, 32)
    photo[:, 2:10, 4:12] = 1.0
    explanation = seewhy.explain(seewhy.Classifier(_Moved(move).eval()), photo, target=0)
    assert explanation.method == ("occlusion" if move else "grad_cam")
    (row, column) = peak(explanation.on_photo()[0])
    assert 2 <= row < 10
    assert 4 <= column < 12


@pytest.mark.parametrize("given", [{"relu": False}, {"target": lambda output: output[:, 0]}])
def test_what_leaves_the_check_out(given: dict[str, object]) -> None:
    explanation = seewhy.explain(coarse(), red_square(19, 19), **given)
    assert explanation.method == "grad_cam"
    assert "hidden_most" not in explanation.details


def test_a_fine_grid_of_convolutions_needs_no_check() -> None:
    explanation = seewhy.explain(coarse(8), red_square(19, 19))
    assert explanation.method == "grad_cam"
    assert "hidden_most" not in explanation.details
    assert explanation.cost.forward == 1


def test_a_check_that_is_interrupted_leaves_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["seewhy.explain"]
    explain = module.explain

    def interrupted(clf: object, photo: object, method: object, *others: object, **settings: object) -> object:
        explanation = explain(clf, photo, method, *others, **settings)
        return dataclasses.replace(explanation, details={**explanation.details, "stopped": "interrupted"})

    monkeypatch.setattr(module, "explain", interrupted)
    explanation = explain(coarse(), red_square(19, 19))
    assert explanation.method == "grad_cam"
    assert not explanation.partial
    assert explanation.notes[-1].startswith("not checked by hiding: interrupted after ")


def test_the_progress_of_a_check_is_told() -> None:
    reports: list[tuple[int, int]] = []

    def progress(done: int, total: int, partial: object) -> None:
        assert isinstance(partial, seewhy.Explanation)
        reports.append((done, total))

    seewhy.explain(coarse(), red_square(19, 19), progress=progress)
    assert reports[0] == (1, 1)
    passes = reports[-1][0]
    assert passes > 60  # those of occlusion, behind the map's one
    assert reports[-1] == (passes, passes)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    reports.clear()
    seewhy.explain(coarse(), [red_square(2, 2), red_square(19, 19)], progress=progress, batch_size=1)
    assert reports == [(1, 2), (2, 2), (3, 4), (4, 4)]
