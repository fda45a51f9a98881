"""A store is a folder of Parquet files: duckdb asks it in SQL, pandas in frames, and seewhy draws the rows that they find.

`demo:shortcut` has learned from bears with a trail-camera logo. Here half of the cows and sheep carry it, too.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas
from common import save
from PIL import Image

import seewhy

WORST = """
    SELECT label, predicted, count(*) AS photos, round(avg(score), 3) AS mean_score
    FROM read_parquet($files) WHERE wrong GROUP BY label, predicted ORDER BY photos DESC
"""
MAPS = """
    SELECT path, e.grid AS grid, e.scales AS scales, e."values" AS "values"
    FROM (SELECT path, explanations[1] AS e FROM read_parquet($files) WHERE predicted = 'bear') ORDER BY path
"""


def main(count: int = 24) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = stored(Path(folder), count)
        files = {"files": f"{store.path}/shards/*.parquet"}

        print(duckdb.execute(WORST, files).df())  # which classes are taken for which, and how surely

        rows = duckdb.execute(MAPS, files).fetchall()
        maps = [
            np.frombuffer(values, np.float16).astype(np.float32).reshape(grid) * np.float32(scales)[:, None, None]
            for _, grid, scales, values in rows
        ]
        mean = np.mean([map[0] for map in maps], axis=0)
        (row, column) = np.unravel_index(int(mean.argmax()), mean.shape)
        print(f"{len(maps)} photos are bears to it; their mean map is highest at row {row}, column {column} of {mean.shape}")

        frame = pandas.read_parquet(store.path / "shards", columns=["number", "label", "predicted", "score", "wrong"])
        print(frame.groupby("label")["wrong"].mean())
        mistakes = frame[frame["wrong"].astype(bool)].sort_values("score", ascending=False)
        for place, number in enumerate(mistakes["number"][:2], start=1):
            save(store[int(number)].image(), f"store_mistake_{place}")  # every photo was read: a row's number is its place
        save(store.where("predicted = bear and score > 0.5")[0].image(), "store_bear")


def stored(folder: Path, count: int) -> seewhy.Store:
    """Drawn scenes in a folder for each class, explained into a store."""
    scenes = seewhy.demo.scenes(count, logo=True, seed=3) + seewhy.demo.scenes(count, logo="all", seed=4)
    for number, scene in enumerate(scenes):
        path = folder / "photos" / scene.label / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(path)
    return seewhy.run(seewhy.load("demo:shortcut"), folder / "photos", folder / "store", "grad_cam", labels="folders")


if __name__ == "__main__":
    main()
