"""What "auto" takes, and why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from attending_nets import SmallViT
from scene_networks import Pair, one_logit, pairs, several_labels
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.errors import LayerError, OptionError
from seewhy.geometry import peak
from seewhy.methods.auto import PASSES

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
        "class": "hires_cam: the head reads each place of 'blocks.2.norm' by itself, and other paths lead around it",
        "mean": "grad_cam: the head averages 'norm'",
    }
    assert reason(explanation) == expected[read]


class Cells(nn.Module):
    """How bright each cell of 8×8 is, twice: in ``fine`` by itself, in ``coarse`` the mean of four. head : what is read of it."""

    def __init__(self, head: Callable[[Cells, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.head = head
        (self.fine, self.coarse) = (nn.Conv2d(3, 3, 8, 8, bias=False), nn.Conv2d(3, 3, 2, 2, bias=False))
        (self.of_fine, self.of_coarse) = (nn.Linear(192, 2, bias=False), nn.Linear(48, 2, bias=False))
        with torch.no_grad():
            for weight, colours in (
                (self.fine.weight, torch.eye(3)),
                (self.coarse.weight, torch.diag(torch.tensor([0.0, 0, 1]))),
            ):
                weight.copy_(colours[:, :, None, None].expand(weight.shape) / weight[0, 0].numel())
            for weight in (self.of_fine.weight, self.of_coarse.weight):
                weight.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self, torch.relu(self.fine(x)))


def both_means(self: Cells, fine: torch.Tensor) -> torch.Tensor:
    """Red decides, and only the fine cells see it; the coarse ones see blue, which counts for a little."""
    coarse = torch.relu(self.coarse(fine))
    red = torch.tensor([[1.0, 0], [0, 0], [0, 0]], device=fine.device)
    blue = torch.tensor([[0.0, 0], [0, 0], [1, 0]], device=fine.device)
    return 400 * fine.mean((2, 3)) @ red + 8 * coarse.mean((2, 3)) @ blue


def both_flat(self: Cells, fine: torch.Tensor) -> torch.Tensor:
    return 8 * self.of_fine(fine.flatten(1)) + self.of_coarse(torch.relu(self.coarse(fine)).flatten(1))


class Flipped(Cells):
    """The mean of a photo's scores and of its mirror image's: what is read is at the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (super().forward(x.flip(-1)) + super().forward(x)) / 2


def red_and_blue() -> np.ndarray:
    """Red in the second row and column of 8×8 cells, blue in the last four."""
    photo = np.full((64, 64, 3), 20, np.uint8)
    photo[8:16, 8:16, 0] = 255
    photo[48:64, 48:64, 2] = 255
    return photo


def reading_by_cell(network: Cells) -> Cells:
    """Red in the second row and column, and blue in the last coarse cell, which counts for a little."""
    with torch.no_grad():
        network.of_fine.weight[0].unflatten(0, (3, 8, 8))[0, 1, 1] = 1
        network.of_coarse.weight[0].unflatten(0, (3, 4, 4))[2, 3, 3] = 1
    return network.eval()


AROUND = {
    "means of two layers": (Cells(both_means), "grad_cam", 1),
    "two layers, flattened": (reading_by_cell(Cells(both_flat)), "hires_cam", 1),
    "photo and mirror image": (reading_by_cell(Flipped(both_flat)), "hires_cam", 6),
}


@pytest.mark.parametrize("case", AROUND)
def test_a_layer_that_other_paths_lead_around_is_checked_by_hiding(case: str) -> None:
    (network, method, column) = AROUND[case]
    clf = classifier(network).with_preprocess(size=64)
    photo = red_and_blue() if column == 1 else np.ascontiguousarray(red_and_blue()[:, ::-1])
    scores = [[float(clf.logits(hidden(photo, row, at))[0, 0]) for at in range(8)] for row in range(8)]
    falls = float(clf.logits(photo)[0, 0]) - np.array(scores)
    assert np.unravel_index(falls.argmax(), falls.shape) == (1, column)  # where the evidence is, by force
    alone = seewhy.explain(clf, photo, method, target=0)
    (row, at) = peak(alone.on_photo()[0])
    assert (row // 8, at // 8) != (1, column)
    why = f"the scores see the photo by paths around '{alone.layer}', too"
    if "mirror" in case:
        why = f"a place of '{alone.layer}' may hold what another place of the photo shows"
    unchecked = f"{why}, and nothing has checked this map: method='auto' does, by hiding"
    assert alone.notes == [unchecked]
    asked_for = seewhy.explain(clf, photo, method, target=0, layer=alone.layer)
    assert asked_for.notes == [unchecked] * ("mirror" in case)  # who names a layer knows what it is beside
    explanation = seewhy.explain(clf, photo, target=0)
    is_beside = bool(explanation.details["hidden_at_peak"][0] < 0.1)
    assert is_beside == (case != "two layers, flattened")
    expected = "pointed beside what counts" if is_beside else "'s strongest place counts less than another"
    assert reason(explanation) == f"occlusion: {method}{' ' * is_beside}{expected}"
    (row, at) = peak(explanation.on_photo()[0])
    assert (row // 8, at // 8) == (1, column)


def hidden(photo: np.ndarray, row: int, column: int) -> np.ndarray:
    """One cell of 8×8 in the colour of what is around."""
    changed = photo.copy()
    changed[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 20
    return changed


def test_where_hiding_confirms_it_the_reason_says_that_other_paths_lead_around_the_layer() -> None:
    clf = classifier(Cells(both_means)).with_preprocess(size=64)
    photo = red_and_blue()
    photo[8:16, 8:16, 0] = 20  # only what the chosen layer sees is left
    explanation = seewhy.explain(clf, photo, target=0)
    assert reason(explanation) == "grad_cam: the scores read all places of 'relu():2' alike, and other paths lead around it"
    assert explanation.notes[-1].startswith("checked by hiding: ")
    np.testing.assert_array_equal(explanation.maps, seewhy.explain(clf, photo, "grad_cam", target=0).maps)


def test_one_path_through_the_layer_is_not_checked() -> None:
    network = reading_by_cell(Cells(lambda self, fine: self.of_fine(fine.flatten(1))))
    explanation = seewhy.explain(classifier(network).with_preprocess(size=64), red_and_blue(), target=0)
    assert explanation.method == "hires_cam"
    assert explanation.notes == ["method='auto' took hires_cam: the head reads each place of 'relu()' by itself"]
    assert explanation.cost.forward == 1


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


def test_what_it_occludes_is_not_flat_where_the_network_is_sure() -> None:
    """In float32 the probability is 1 with and without the square, so in probability hiding would take nothing."""

    def sure(x: torch.Tensor) -> torch.Tensor:
        evidence = x[:, :1, 8:16, 8:16].mean((2, 3))
        return torch.cat([40 + 20 * evidence, torch.zeros_like(evidence)], dim=1)

    photo = torch.zeros(3, 32, 32)
    photo[:, 8:16, 8:16] = 1
    map_ = seewhy.explain(seewhy.Classifier(sure), photo, target=0, fill=0).maps[0]
    assert np.unravel_index(map_.argmax(), map_.shape) == (4, 4)  # every three pixels: its mask covers the square
    assert map_.max() > 10
    assert np.ptp(seewhy.explain(seewhy.Classifier(sure), photo, "occlusion", 0, fill=0).maps) == 0

    class Votes:
        """All for the first class, where it is bright: the odds would be infinite."""

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            bright = (rows.reshape(-1, 32, 32, 3)[:, 12, 12, 0] > 0.5).astype(float)
            return np.stack([bright, 1 - bright], axis=1)

    explanation = seewhy.explain(seewhy.Classifier(Votes()), photo, target=0, fill=0)
    assert explanation.settings["score"] == "probability"
    assert explanation.maps.max() == 1


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
    expected = seewhy.explain(clf, PHOTO, "occlusion", target=0, mask_size=6, stride=6, score="log_odds")
    np.testing.assert_array_equal(explanation.maps, expected.maps)
    in_probability = seewhy.explain(clf, PHOTO, target=0, mask_size=6, stride=6, score="probability")
    expected = seewhy.explain(clf, PHOTO, "occlusion", target=0, mask_size=6, stride=6)
    np.testing.assert_array_equal(in_probability.maps, expected.maps)
    with pytest.raises(OptionError, match="grad_cam has no setting 'mask'"):
        seewhy.explain(clf, PHOTO, mask=3)
    assert list(seewhy.explain(clf, [])) == []


def test_a_layer_that_is_given_does_not_change_the_choice() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    explanation = seewhy.explain(classifier(network), PHOTO, target=0, layer="0")
    assert (explanation.method, explanation.layer) == ("grad_cam", "0")
    with pytest.raises(LayerError, match="no layer 'nought'"):
        seewhy.explain(classifier(network), PHOTO, target=0, layer="nought")


def test_a_photo_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clf = classifier(SmallNet())
    opened: list[object] = []
    apply = seewhy.Preprocess.apply
    monkeypatch.setattr(seewhy.Preprocess, "apply", lambda self, photo: opened.append(photo) or apply(self, photo))
    seewhy.explain(clf, [PHOTO, PHOTO])
    assert len(opened) == 2


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
