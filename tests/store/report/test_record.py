from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hand_made_store import HandMadeRow, hand_made, spot

from seewhy.store.manifest import UnreadPhoto
from seewhy.store.report.record import by_concentration, record, without_folders
from seewhy.store.report.tally import count, examples, interval


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/nets/model.py:build", "model.py:build"),
        ("'/home/ann lee/nets/model.onnx' is old", "'model.onnx' is old"),
        ("onnx:/data/model.onnx", "onnx:model.onnx"),
        (r"C:\Users\ann\labels.csv has 3", "labels.csv has 3"),
        ("file:///data/x/labels.csv", "labels.csv"),
        ("labels.csv: 3 of bear/1.jpg", "labels.csv: 3 of bear/1.jpg"),
        ("hf:google/vit-base", "hf:google/vit-base"),
        ("mean 0.52/0.51/0.45, std 0.2/0.2", "mean 0.52/0.51/0.45, std 0.2/0.2"),
        ("s3://bucket/photos", "s3://bucket/photos"),
        ("and/or, 1/2", "and/or, 1/2"),
    ],
)
def test_folders_of_the_machine_are_left_out(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_numbers_of_a_store_made_by_hand(tmp_path: Path) -> None:
    rows = [
        *(HandMadeRow(0, 0, 0.9, {0: spot(7, 0)}) for _ in range(12)),
        *(HandMadeRow(1, 1, 0.9, {1: spot(3, 3) + spot(4, 4) + spot(0, 5)}) for _ in range(11)),
        HandMadeRow(1, 0, 0.7, {0: spot(7, 0)}),
        HandMadeRow(2, 2, 0.7, {2: spot(0, 0)}),
    ]
    unread = [UnreadPhoto("cow/x.jpg", "'/home/ann/cow/x.jpg' is no picture.")]
    store = hand_made(tmp_path / "store", rows, unread=unread, model="/home/ann/nets/a.py:build", notes=["/home/ann/l.csv: 2"])
    tally = count(store.dataset(), store.methods)
    # Of one photo anything is concentrated: few photos come last.
    assert by_concentration(tally) == [0, 1, 2]
    found = examples(store.dataset(), tally, [0, 1, 2], [0, 1, 2])
    numbers = record(tally, found, store._manifest, store.unread, store.complete, None)
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers["interval"] == list(interval(24, 25))
    assert numbers["classes"][1]["recall_interval"] == list(interval(11, 12))
    chosen = record(tally, found, store._manifest, store.unread, store.complete, "wrong", chosen=True)
    assert (chosen["accuracy"], chosen["interval"], chosen["classes"][1]["recall_interval"]) == (24 / 25, None, None)
    assert (numbers["photos"], numbers["labelled"], numbers["right"], numbers["accuracy"]) == (25, 25, 24, 24 / 25)
    (bear, cow, sheep) = numbers["classes"]
    assert (bear["labelled"], bear["right"], bear["recall"], bear["called"], bear["precision"]) == (12, 12, 1.0, 13, 12 / 13)
    assert (cow["labelled"], cow["right"], cow["recall"], cow["precision"]) == (12, 11, 11 / 12, 1.0)
    assert bear["maps"][0]["densest"] == "lower left corner"
    assert bear["maps"][0]["photos"] == 13
    mean = bear["maps"][0]["mean"]
    assert (len(mean), len(mean[0])) == (16, 16)
    assert max(map(max, mean)) == mean[15][0] > 30
    assert sum(map(sum, mean)) / 256 == pytest.approx(1, abs=0.01)  # times an even spread
    assert (sheep["typical"], sheep["odd"], sheep["taken"]) == ([], [], [24])
    assert (bear["typical"], bear["taken"]) == ([0, 1, 2, 3], [])
    assert numbers["mistakes"] == [23]
    assert {"true": "cow", "predicted": "bear", "true_index": 1, "predicted_index": 0, "count": 1} in numbers["cells"]
    assert numbers["unread"] == [{"path": "cow/x.jpg", "reason": "'x.jpg' is no picture."}]
    assert (numbers["model"]["name"], numbers["notes"]) == ("a.py:build", ["l.csv: 2"])
    assert "home" not in json.dumps(numbers)
    assert numbers["versions"]["torch"] == ["2"]


def test_classes_of_few_photos_come_by_their_mistakes(tmp_path: Path) -> None:
    (bear, cow, sheep) = range(3)
    rows = [
        *(HandMadeRow(bear, bear, 0.9, {bear: spot(7, 0)}) for _ in range(3)),
        HandMadeRow(sheep, cow, 0.9, {cow: np.ones((8, 8), np.float32)}),
        HandMadeRow(cow, cow, 0.9, {cow: np.ones((8, 8), np.float32)}),
        HandMadeRow(cow, sheep, 0.9, {sheep: spot(0, 0) + spot(5, 5) + spot(2, 6)}),
    ]
    tally = count(hand_made(tmp_path / "store", rows).dataset(), ["grad_cam"])
    assert by_concentration(tally) == [sheep, cow, bear]  # two mistakes each, then none
