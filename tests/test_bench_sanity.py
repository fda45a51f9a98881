"""The sanity experiment: replaced weights change the gradient's map, and less that of guided backpropagation."""

from __future__ import annotations

from bench import sanity

import seewhy


def test_guided_backprop_keeps_more_of_its_map_than_the_gradient() -> None:
    clf = seewhy.load("demo:honest")
    rows = sanity.measure(clf, [scene.photo for scene in seewhy.demo.scenes(3, seed=1)], depths=(1, 6))
    (last, half) = ({row.method: row for row in rows if row.layers == layers} for layers in (1, 6))
    # With the last layer replaced the answer is gone, and with half of the layers what led to it, too.
    assert last["guided_backprop"].structure > 0.9 > last["gradient"].structure
    assert half["guided_backprop"].rank > 0.4
    assert half["gradient"].rank < 0.3
    assert half["grad_cam"].rank < 0.3
    assert last["gradient"].last == "fc"
