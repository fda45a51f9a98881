"""What "auto" takes, and why."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch
from attending_nets import SmallViT
from scene_networks import Pair, one_logit, pairs, several_labels
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.errors import LayerError, OptionError
from seewhy.explain import automatic_choice
from seewhy.geometry import peak
from seewhy.methods.auto import PASSES, Hiding

PHOTO = seewhy.demo.scenes(1, seed=1)[0].photo


def reason(explanation: seewhy.Explanation) -> str:
    (note,) = (note for note in explanation.notes if note.startswith("method='auto' took"))
    return note.removeprefix("method='auto' took ")


def classifier(network: object) -> seewhy.Classifier:
    return seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=32))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ((nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)), "grad_cam: the head averages '1'"),
        (
            (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)),
            "grad_cam: the scores read all places of '1' alike",
        ),
        ((nn.Flatten(), nn.Linear(4 * 32 * 32, 3)), "hires_cam: the head reads each place of '1' by itself"),
        (
            (nn.MaxPool2d(4), nn.Flatten(), nn.Linear(4 * 64, 5), nn.ReLU(), nn.Linear(5, 3)),
            "hires_cam: the head reads each place of '1' by itself",
        ),
    ],
)
def test_by_what_the_head_does(head: tuple[nn.Module, ...], expected: str) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *head)
    for module in network:
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.reset_parameters()  # the heads were made when the file was read, from any seed
    clf = classifier(network)
    explanation = seewhy.explain(clf, PHOTO, target=0)
    assert reason(explanation) == expected
    method = expected.partition(":")[0]
    assert explanation.method == method
    np.testing.assert_array_equal(explanation.maps, seewhy.explain(clf, PHOTO, method, target=0).maps)


def test_a_flattening_head_is_seen_also_where_its_relus_are_dead() -> None:
    head = (nn.Flatten(), nn.Linear(4 * 32 * 32, 5), nn.ReLU(), nn.Linear(5, 3))
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *head)
    nn.init.zeros_(network[3].weight)
    nn.init.constant_(network[3].bias, -1.0)
    assert seewhy.explain(classifier(network), PHOTO, target=0).method == "hires_cam"


@pytest.mark.parametrize("read", ["class", "mean"])
def test_a_class_token_reads_each_place_by_itself(read: str) -> None:
    clf = seewhy.Classifier(SmallViT(read=read, size=(32, 32)).eval(), preprocess=seewhy.Preprocess(size=32))
    explanation = seewhy.explain(clf, PHOTO, target=0)
    expected = {
        "class": "hires_cam: the head reads each place of 'blocks.2.norm' by itself",
        "mean": "grad_cam: the head averages 'norm'",
    }
    assert reason(explanation) == expected[read]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit is deprecated, files of it are not gone
def test_what_cannot_be_watched_is_occluded_with_a_budget() -> None:
    network = SmallNet().eval()
    expected = "occlusion: this is {}, whose inside cannot be watched"
    traced = torch.jit.trace(network, torch.zeros(1, 3, 32, 32), check_trace=False)
    for kind, form in (("a function", lambda x: network(x)), ("TorchScript", traced)):
        explanation = seewhy.explain(classifier(form), PHOTO, target=0)
        assert reason(explanation) == expected.format(kind)
        assert explanation.method == "occlusion"
        assert explanation.cost.forward <= PASSES
    few = seewhy.explain(classifier(traced), PHOTO, target=0, budget=30)
    assert few.cost.forward <= 30


def test_where_no_gradient_reaches_a_layer() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            (self.conv, self.fc) = (nn.Conv2d(3, 4, 3), nn.Linear(900, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.fc(torch.relu(self.conv(x)).argmax(1).float().flatten(1))
            return out

    explanation = seewhy.explain(classifier(Cut()), PHOTO, target=0)
    assert explanation.method == "occlusion"
    assert reason(explanation) == "occlusion: no layer can be explained (no gradient reaches any layer)"


def test_settings_restrict_the_choice() -> None:
    clf = classifier(SmallNet())
    assert seewhy.explain(clf, PHOTO, relu=False).signed
    explanation = seewhy.explain(clf, PHOTO, target=0, mask_size=6, stride=6)
    assert reason(explanation) == "occlusion: of what it chooses from, the first with the settings mask_size, stride"
    expected = seewhy.explain(clf, PHOTO, "occlusion", target=0, mask_size=6, stride=6)
    np.testing.assert_array_equal(explanation.maps, expected.maps)
    with pytest.raises(OptionError, match="grad_cam has no setting 'mask'"):
        seewhy.explain(clf, PHOTO, mask=3)
    assert list(seewhy.explain(clf, [])) == []


def test_the_choice_is_that_of_the_layer_that_was_given() -> None:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(4, 4, 8), nn.ReLU(), nn.Flatten())
    network = nn.Sequential(*layers, nn.Linear(4, 3))
    explanation = seewhy.explain(classifier(network), PHOTO, target=0, layer="0")
    assert reason(explanation) == "hires_cam: the head reads each place of '0' by itself"
    with pytest.raises(LayerError, match="no layer 'nought'"):
        seewhy.explain(classifier(network), PHOTO, target=0, layer="nought")


def test_a_photo_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clf = classifier(SmallNet())
    opened: list[object] = []
    apply = seewhy.Preprocess.apply
    monkeypatch.setattr(seewhy.Preprocess, "apply", lambda self, photo: opened.append(photo) or apply(self, photo))
    seewhy.explain(clf, [PHOTO, PHOTO])
    assert len(opened) == 2


# -- the check by hiding ---------------------------------------------------------------------------------------------------


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
    hiding = Hiding(np.array([5.0, 0.02, 0.01]), np.array([5.25, 0.05, 0.04]), np.array([9.0, 3.0, 0.01]))
    assert hiding.notes() == [
        "checked by hiding: without its strongest place the log-odds fall by 5.0, without any other by at most 5.2",
        "no place decides alone: hiding any lowers the log-odds by at most 0.05, so the map is not confirmed",
        "this class needs nothing of the photo: hiding all of it leaves its log-odds, so this map shows no evidence",
    ]
    assert [note.target for note in hiding.notes()] == [0, 1, 2]


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


def test_a_budget_is_one_of_the_check() -> None:
    explanation = seewhy.explain(coarse(), red_square(19, 19), budget=40)
    assert explanation.method == "occlusion"
    assert explanation.partial
    assert not any("limits nothing" in note for note in explanation.notes)
    assert all(19 <= place < 31 for place in peak(explanation.on_photo()[0]))


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
    assert explanation.notes[-1] == "the check by hiding was interrupted"


# -- heads of one logit and of several labels, trained on scenes ----------------------------------------------------------


def peaks_on(label: str, pair: Pair, map: np.ndarray) -> bool:
    """Whether the map ``(240, 640)`` is largest on the animal of that name."""
    return bool(pair.where(label).flat[map.argmax()])


def test_both_sides_of_one_logit_are_found_on_one_photo() -> None:
    (clf, shown) = (one_logit(), pairs(("bear", "sheep")))
    explanations = seewhy.explain(clf, [pair.photo for pair in shown], target=["bear", "sheep"], progress=False)
    for number, side in enumerate(("bear", "sheep")):
        maps = [explanation.on_photo()[number] for explanation in explanations]
        assert all(map.max() > 0 and np.ptp(map) > 0 for map in maps)
        right = [peaks_on(side, pair, map) for pair, map in zip(shown, maps, strict=True)]
        assert np.mean(right) >= 0.95, side
    assert {explanation.method for explanation in explanations} == {"grad_cam"}
    assert not any("empty" in note for explanation in explanations for note in explanation.notes)


def test_one_side_of_one_logit_is_minus_the_other() -> None:
    photo = pairs(("bear", "sheep"))[0].photo
    explanation = seewhy.explain(one_logit(), photo, target=["bear", "sheep"], relu=False)
    np.testing.assert_allclose(explanation.maps[0], -explanation.maps[1], rtol=1e-5)
    assert explanation.targets[0].score + explanation.targets[1].score == pytest.approx(1, abs=1e-6)


def test_every_label_above_the_threshold_has_its_own_map() -> None:
    (clf, shown) = (several_labels(), pairs())
    explanations = seewhy.explain(clf, [pair.photo for pair in shown], target="present", progress=False)
    named = [{target.name for target in explanation.targets} for explanation in explanations]
    assert np.mean([names == set(pair.labels) for names, pair in zip(named, shown, strict=True)]) >= 0.95
    right = []
    for explanation, pair in zip(explanations, shown, strict=True):
        maps = explanation.on_photo()
        assert len(maps) == len(explanation.targets)
        assert all(target.score > 0.5 for target in explanation.targets)
        assert all(map.max() > 0 and np.ptp(map) > 0 for map in maps)
        right += [peaks_on(target.name, pair, map) for target, map in zip(explanation.targets, maps, strict=True)]
    assert len(right) >= 38
    assert np.mean(right) >= 0.95
