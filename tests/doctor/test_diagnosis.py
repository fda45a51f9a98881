"""One fault at a time on the demo network: its name, its setting, and that nothing else is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.doctor import Basis, Certainty, Fault, Unknown
from seewhy.engine import runner
from seewhy.errors import PhotoError, TargetError
from seewhy.load.demo import DEMO_MEAN, DEMO_STD

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def faults(clf, photos, labels=None) -> list[Fault]:
    return seewhy.doctor(clf, photos, labels, progress=False).faults


def test_a_sound_network_is_not_blamed(honest, scene_photos, scene_labels) -> None:
    diagnosis = seewhy.doctor(honest, scene_photos[:12], scene_labels[:12], progress=False)
    assert diagnosis.findings == ()
    assert diagnosis.unknown == ()
    assert diagnosis.sources == (Basis.LABELS, Basis.STATISTICS)
    assert (diagnosis.photos, diagnosis.labelled) == (12, 12)
    assert diagnosis.sentence.startswith("Nothing wrong was found (12 photos, all labelled)")
    now = next(attempt for attempt in diagnosis.attempts if attempt.current)
    assert now.gap < 0.03
    assert sum(attempt.gap < now.gap for attempt in diagnosis.attempts if attempt.gap is not None) <= 2
    assert now.accuracy >= 0.9


@pytest.mark.parametrize("subset", [[0], [1, 4, 7, 10], [0, 3, 6, 9]], ids=["one photo", "cows", "bears"])
def test_few_or_one_sided_photos_do_not_convict(honest, scene_photos, subset: list[int]) -> None:
    assert faults(honest, [scene_photos[i] for i in subset]) == []


def test_dark_photos_do_not_convict(honest, scene_photos, scene_labels) -> None:
    dark = [(0.5 * photo).astype(np.uint8) for photo in scene_photos[:12]]
    assert faults(honest, dark, scene_labels[:12]) == []


PREPARATIONS = {
    "plain": ({"mean": None, "std": None}, Fault.NOT_NORMALISED, None),
    "bytes": ({"mean": 0.0, "std": 1 / 255}, Fault.VALUE_RANGE, None),
    "twice": (
        {
            "mean": tuple(m + m * s for m, s in zip(DEMO_MEAN, DEMO_STD, strict=True)),
            "std": tuple(s * s for s in DEMO_STD),
        },
        Fault.NORMALISED_TWICE,
        {"mean": DEMO_MEAN, "std": DEMO_STD, "order": "RGB"},
    ),
}


@pytest.mark.parametrize("name", PREPARATIONS)
@pytest.mark.parametrize("with_labels", [True, False], ids=["labels", "no labels"])
def test_a_wrong_preparation_is_named(honest, scene_photos, scene_labels, name: str, with_labels: bool) -> None:
    (changes, fault, settings) = PREPARATIONS[name]
    spoilt = honest.with_preprocess(**changes)
    (photos, labels) = (scene_photos, scene_labels)
    diagnosis = seewhy.doctor(spoilt, photos, labels if with_labels else None, progress=False)
    assert diagnosis.faults == [fault]
    (finding,) = diagnosis.findings
    assert finding.evidence["gap"][1] < 0.5 * finding.evidence["gap"][0]
    if settings is not None:
        assert {key: pytest.approx(value) for key, value in settings.items()} == dict(finding.settings)
    # What it says to write mends it.
    mended = spoilt.with_preprocess(**finding.settings)
    assert np.mean([c[0].name == label for c, label in zip(mended.classify(photos), labels, strict=True)]) >= 0.9


@pytest.mark.parametrize("with_labels", [True, False], ids=["labels", "no labels"])
@pytest.mark.parametrize("changes", [{"range": 1, "mean": 0.0, "std": 1.0}, {"range": 65535}], ids=["as they are", "of 16 bits"])
def test_a_range_that_the_photos_do_not_have(honest, scene_photos, scene_labels, changes: dict, with_labels: bool) -> None:
    spoilt = honest.with_preprocess(**changes)
    diagnosis = seewhy.doctor(spoilt, scene_photos, scene_labels if with_labels else None, progress=False)
    assert diagnosis.faults == [Fault.VALUE_RANGE]
    assert Unknown.UNFIT not in diagnosis.unknown
    (finding,) = diagnosis.findings
    assert finding.evidence["gap"][0] > 1
    assert finding.evidence["gap"][1] < 0.03
    assert finding.settings["range"] is None
    mended = spoilt.with_preprocess(**finding.settings)
    right = [classes[0].name == label for classes, label in zip(mended.classify(scene_photos), scene_labels, strict=True)]
    assert np.mean(right) >= 0.9
    # The picture of what it should see is the photo, whatever range it was read with.
    assert np.abs(diagnosis.panels[-1].pixels.astype(int) - honest.read(scene_photos[0]).pixels.transpose(1, 2, 0)).max() <= 1


def test_mean_and_std_that_no_list_knows(honest, scene_photos, scene_labels) -> None:
    """That the photos are not normalised is certain; with what they should be is not."""

    class Others(nn.Module):
        """As if the network had learned from photos of mean 0.35 and std 0.16."""

        def __init__(self) -> None:
            super().__init__()
            self.network = honest.network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            (mean, std) = (torch.tensor(values).reshape(-1, 1, 1) for values in (DEMO_MEAN, DEMO_STD))
            return self.network((x * 0.16 + 0.35 - mean) / std)

    clf = seewhy.Classifier(Others().eval(), honest.preprocess, ["bear", "cow", "sheep"])
    assert faults(clf.with_preprocess(mean=0.35, std=0.16), scene_photos, scene_labels) == []
    diagnosis = seewhy.doctor(clf.with_preprocess(mean=None, std=None), scene_photos, scene_labels, progress=False)
    finding = diagnosis.findings[0]
    assert (finding.fault, finding.certainty) == (Fault.NOT_NORMALISED, Certainty.CERTAIN)
    assert finding.evidence["gap"][1] > 0.03
    assert not finding.evidence["fits_fully"]
    assert "but not certain" in str(diagnosis)
    assert all(other.certainty is Certainty.LIKELY for other in diagnosis.findings[1:])
    known = seewhy.doctor(honest.with_preprocess(mean=None, std=None), scene_photos, scene_labels, progress=False)
    assert known.findings[0].evidence["fits_fully"]
    assert "not certain" not in str(known)


def test_photos_that_no_preparation_makes_fit(honest, scene_photos, tmp_path: Path) -> None:
    """Very dark ones: what the network learned from is not seen in them, and that they do not fit is said all the same."""
    diagnosis = seewhy.doctor(honest, [(0.2 * photo).astype(np.uint8) for photo in scene_photos], progress=False)
    assert diagnosis.findings == ()
    assert next(attempt.gap for attempt in diagnosis.attempts if attempt.current) > 0.3
    assert Unknown.UNFIT in diagnosis.unknown
    assert diagnosis.heading == "The photos, as they are prepared, do not fit the BatchNorms, and why could not be told"
    assert "Nothing wrong" not in str(diagnosis)
    assert "<h1>The photos, as they are prepared, do not fit" in diagnosis.save(tmp_path / "a.html").read_text()
    assert "unfit" in json.loads(diagnosis.save(tmp_path / "a.json").read_text())["unknown"]


def test_one_photo_that_looks_wrong(honest, scene_photos) -> None:
    sound = seewhy.doctor(honest, scene_photos[0], progress=False)
    assert sound.unknown == (Unknown.CLASSES, Unknown.FEW_PHOTOS)
    assert sound.heading == "Nothing wrong was found"
    dark = seewhy.doctor(honest, (0.2 * scene_photos[0]).astype(np.uint8), progress=False)
    assert dark.findings == ()
    assert dark.attempts[0].gap > 0.75
    assert dark.unknown == (Unknown.CLASSES, Unknown.FEW_PHOTOS, Unknown.LOOKS_WRONG)
    assert dark.sentence.startswith("The preparation looks wrong, but so few photos cannot tell (1 photo)")
    assert "A dozen photos would decide." in str(dark)


def test_a_network_that_takes_one_photo_at_once_is_not_blamed_for_its_size(honest, scene_photos, scene_labels) -> None:
    class One(nn.Module):
        """As a network that was exported with a batch of one."""

        def __init__(self) -> None:
            super().__init__()
            self.network = honest.network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) != 1:
                raise RuntimeError(f"Got: {len(x)} Expected: 1")
            return self.network(x)

    clf = seewhy.Classifier(One().eval(), honest.preprocess, ["bear", "cow", "sheep"])
    diagnosis = seewhy.doctor(clf, scene_photos, scene_labels, progress=False)
    assert diagnosis.findings == ()
    usual = seewhy.doctor(honest, scene_photos, scene_labels, progress=False)
    assert diagnosis.attempts[0].gap == pytest.approx(usual.attempts[0].gap, rel=1e-3)
    spoilt = clf.with_preprocess(mean=None, std=None)
    assert faults(spoilt, scene_photos, scene_labels) == [Fault.NOT_NORMALISED]


def test_how_long_it_takes_is_not_told_by_the_first_passes(honest, scene_photos, capsys, monkeypatch) -> None:
    """A clock on which the first trial takes a minute, and each later one a second."""
    done = []

    class Clock:
        @staticmethod
        def monotonic() -> float:
            done.append(1)
            return 0.0 if len(done) == 1 else 60.0 + len(done)

    monkeypatch.setattr(runner, "time", Clock)
    seewhy.doctor(honest, scene_photos)
    (line,) = capsys.readouterr().err.splitlines()
    (told, total) = (int(number) for number in re.search(r"doctor: (\d+) of (\d+) are done", line).groups())
    assert (told, total) == (72, 480)
    assert line.endswith("all of them take about 40 s")


def test_swapped_and_shifted_names_need_labels(honest, scene_photos, scene_labels) -> None:
    swapped = seewhy.Classifier(honest.network, honest.preprocess, ["cow", "bear", "sheep"])
    shifted = seewhy.Classifier(honest.network, honest.preprocess, ["sheep", "bear", "cow"])
    for clf, fault in ((swapped, Fault.CLASSES_SWAPPED), (shifted, Fault.CLASSES_SHIFTED)):
        diagnosis = seewhy.doctor(clf, scene_photos, scene_labels, progress=False)
        assert diagnosis.faults == [fault]
        assert diagnosis.findings[0].certainty is Certainty.CERTAIN  # no preparation explains the labels as well
        assert diagnosis.findings[0].settings == {"classes": ["bear", "cow", "sheep"]}
        without = seewhy.doctor(clf, scene_photos[:6], progress=False)
        assert without.findings == ()
        assert Unknown.CLASSES in without.unknown


def test_the_classifier_and_its_network_stay_as_they_are(honest, scene_photos) -> None:
    before = {name: value.clone() for name, value in honest.network.state_dict().items()}
    state = torch.get_rng_state()
    seewhy.doctor(honest, scene_photos[:4], progress=False)
    assert all(torch.equal(value, before[name]) for name, value in honest.network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in honest.network.modules())
    assert not any(module.training for module in honest.network.modules())


def test_arrays_that_are_normalised_already(honest, scene_photos) -> None:
    raw = scene_photos[0].transpose(2, 0, 1).astype(np.float32) / 255
    normalised = (raw - 0.45) / 0.225
    diagnosis = seewhy.doctor(honest, normalised, progress=False)
    (finding,) = diagnosis.findings
    assert finding.fault is Fault.ALREADY_NORMALISED
    assert finding.certainty is Certainty.CERTAIN
    assert finding.evidence["low"] == pytest.approx(float(normalised.min()))
    assert diagnosis.unknown == (Unknown.BEHIND,)
    as_bytes = seewhy.doctor(honest, raw * 255, progress=False)
    assert as_bytes.faults == [Fault.VALUE_RANGE]
    assert as_bytes.findings[0].evidence["high"] == pytest.approx(255 * float(raw.max()))


def test_a_wrong_size_that_the_network_refuses(scene_photos) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 32 * 32, 3)
    ).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.3).add_(0.01)  # not as initialised
        network[1].running_mean.add_(0.1)
    clf = seewhy.Classifier(network, seewhy.Preprocess(96), ["a", "b", "c"])
    diagnosis = seewhy.doctor(clf, scene_photos[:2], progress=False)
    (finding,) = diagnosis.findings
    assert finding.fault is Fault.INPUT_SIZE
    assert finding.evidence["works"] == [[64, 64]]
    assert finding.settings == {"size": 64}


def test_what_it_writes(honest, scene_photos, scene_labels, tmp_path: Path) -> None:
    spoilt = honest.with_preprocess(mean=None, std=None)
    diagnosis = seewhy.doctor(spoilt, scene_photos, scene_labels, progress=False)
    record = json.loads(diagnosis.save(tmp_path / "a.json").read_text())
    assert record["findings"][0]["fault"] == "not normalised"
    assert set(record["findings"][0]["settings"]) == {"mean", "std", "order"}
    assert len(record["tried"]) == len(diagnosis.attempts) >= 20
    assert sum(row["current"] for row in record["tried"]) == 1
    assert record["cost"]["forward"] == diagnosis.cost.forward > 12 * 20
    page = diagnosis.save(tmp_path / "a.html").read_text()
    for text in ("The photos are not normalised", "What was tried", "order=&#39;RGB&#39;"):
        assert text in page
    assert "<h1>The photos are not normalised</h1>" in page  # how many photos, and what was tried, stand below
    assert "12 photos, all labelled" in page
    assert diagnosis.save(tmp_path / "a.png").stat().st_size > 10_000
    (heads, *rows) = diagnosis.table()
    assert heads == ["preparation", "gap (nats)", "right", "log-likelihood", ""]
    assert [row[-1] for row in rows[:2]] == ["now", "believed"]


def test_photos_that_cannot_be_read_are_skipped_and_named(honest, scene_photos, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    diagnosis = seewhy.doctor(honest, [*scene_photos[:4], tmp_path / "broken.jpg"], progress=False)
    assert diagnosis.photos == 4
    assert [name for name, _ in diagnosis.skipped] == [str(tmp_path / "broken.jpg")]
    with pytest.raises(PhotoError, match=r"broken.jpg"):
        seewhy.doctor(honest, tmp_path / "broken.jpg", progress=False)
    with pytest.raises(PhotoError, match=r"^There is no photo: give one, a list, or a folder\.$"):
        seewhy.doctor(honest, [], progress=False)
    with pytest.raises(TargetError, match="'horse' of photo 1"):
        seewhy.doctor(honest, scene_photos[:2], ["horse", "cow"], progress=False)


def test_a_function_and_a_network_of_tensors(honest, scene_photos, scene_labels) -> None:
    def scores(inputs: torch.Tensor) -> torch.Tensor:
        return honest.network(inputs)

    clf = seewhy.Classifier(scores, honest.with_preprocess(mean=0.0, std=1.0).preprocess, ["bear", "cow", "sheep"])
    diagnosis = seewhy.doctor(clf, scene_photos[:12], scene_labels[:12], progress=False)
    assert diagnosis.faults == [Fault.NOT_NORMALISED]
    assert diagnosis.sources == (Basis.LABELS,)
    assert Unknown.INSIDE in diagnosis.unknown
    photos = [torch.from_numpy(honest.read(photo).pixels) / 255 for photo in scene_photos[:12]]
    tensors = seewhy.Classifier(honest.network, None, ["bear", "cow", "sheep"])
    assert faults(tensors, photos) == [Fault.NOT_NORMALISED]


def test_what_a_network_has_inside_is_said_of_those_alone_that_were_looked_into(honest, scene_photos) -> None:
    """The demo network has BatchNorms: as a function nobody can see them, and nothing is said to be missing."""
    closed = seewhy.Classifier(lambda inputs: honest.network(inputs), honest.preprocess, ["bear", "cow", "sheep"])
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)).eval()
    no_norms = seewhy.Classifier(plain, honest.preprocess, ["bear", "cow", "sheep"])
    (of_closed, of_plain) = (seewhy.doctor(clf, scene_photos[:6], progress=False) for clf in (closed, no_norms))
    no_labels = "no labels were given (labels=). Even gross faults can go unseen so."
    hardly = "The preparation could hardly be judged: "
    unseen = f"{hardly}whether this network has BatchNorms, whose expectations could be compared, cannot be seen, and {no_labels}"
    absent = f"{hardly}this network has no BatchNorm whose expectations could be compared, and {no_labels}"
    assert [str(remark) for remark in of_closed.remarks if remark.startswith(hardly)] == [unseen]
    assert [str(remark) for remark in of_plain.remarks if remark.startswith(hardly)] == [absent]


def test_labels_that_the_network_only_guesses_say_nothing(honest, scene_photos, scene_labels) -> None:
    """Photos with the labels of others: no fault is found, and that labels could not tell is said."""
    photos = [*scene_photos, *scene_photos]
    known = seewhy.doctor(honest, photos, [*scene_labels, *scene_labels], progress=False)
    assert known.unknown == ()
    wrong = [scene_labels[i] for i in np.random.default_rng(3).permutation(12)] * 2
    guessed = seewhy.doctor(honest, photos, wrong, progress=False)
    assert guessed.findings == ()
    assert Unknown.GUESSING in guessed.unknown
    assert "See whether it was trained, and on these classes." in str(guessed)


@pytest.mark.parametrize(("tint", "is_open"), [((180.0, 80.0, 40.0), False), ((100.0, 100.0, 100.0), True)], ids=["red", "grey"])
def test_an_order_of_colours_that_cannot_be_told_is_listed(tint: tuple[float, ...], is_open: bool) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.normal(0, 10, (12, 8, 8, 3)) + rng.normal(0, 10, (12, 1, 1, 3)) + tint
    photos = list(noisy.clip(0, 255).astype(np.uint8))
    values = torch.from_numpy(np.stack(photos) / 255.0).float()
    norm = nn.BatchNorm2d(3)
    norm.running_mean = values.mean((0, 1, 2))
    norm.running_var = values.var((0, 1, 2))
    clf = seewhy.Classifier(nn.Sequential(norm, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval(), seewhy.Preprocess(8), list("abc"))
    diagnosis = seewhy.doctor(clf, photos, progress=False)
    assert diagnosis.findings == ()
    assert (Unknown.COLOURS in diagnosis.unknown) is is_open
    assert ("Whether the network reads red first or blue could not be told" in str(diagnosis)) is is_open
    assert Unknown.COLOURS not in seewhy.doctor(clf, photos[:2], progress=False).unknown  # so few can tell even less
