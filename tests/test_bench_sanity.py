"""The sanity experiment: replaced weights change the gradient's map, and less that of guided backpropagation."""

from __future__ import annotations

import pytest
from bench import sanity

import seewhy


def test_guided_backprop_keeps_more_of_its_map_than_the_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    clf = seewhy.load("demo:honest")
    likenesses = sanity.measure(clf, [scene.photo for scene in seewhy.demo.scenes(3, seed=1)], layers=3)
    (last, half, _) = ({method: rows[depth] for method, rows in likenesses.items()} for depth in range(3))
    # With the last layer replaced the answer is gone, and with half of the layers what led to it, too.
    assert last["gradient"].layer == "fc"
    assert last["guided_backprop"].structure > 0.9 > last["gradient"].structure
    assert half["guided_backprop"].rank > 0.4
    assert half["gradient"].rank < 0.3
    assert half["grad_cam"].rank < 0.3
    sanity.show(likenesses)
    (line,) = (text for text in capsys.readouterr().out.splitlines() if text.startswith("guided_backprop"))
    assert line.split()[1:3] == [f"{last['guided_backprop'].rank:.2f}", f"({last['guided_backprop'].structure:.2f})"]
