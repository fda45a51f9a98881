"""Photos of a folder: what they are called, what is skipped, and that readers end with the work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from embeddings import colours
from small_nets import Planted, SmallNet, assert_same_state, state_of

import seewhy
from seewhy.errors import ModelError, PhotoError
from seewhy.features.embed import embed
from seewhy.features.folder import listing, reduced


def test_what_cannot_be_read_is_listed(clf: seewhy.Classifier, folder: Path) -> None:
    broken = folder / "red" / "a broken.jpg"
    broken.write_bytes(b"no picture")
    embedding = embed(clf, folder, labels="folder", progress=False)
    assert len(embedding) == len(embedding.labels) == len(embedding.features) == 12
    assert embedding.skipped == [(str(broken), f"'{broken}' is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can).")]
    assert any("1 of 13 photos could not be read" in note for note in embedding.notes)
    assert not embedding.wrong.any()  # the labels moved with their photos
    with pytest.raises(PhotoError, match=r"^None of the 4 photos can be read\."):
        embed(clf, ["x.jpg"] * 4, progress=False)


def test_stopped_halfway_it_leaves_nothing_behind(small: SmallNet) -> None:
    import threading

    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=16))
    clf.scores(colours(1))
    before = state_of(small)

    def stop(done: int, total: int, partial: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(clf, colours(40), batch_size=2, progress=stop)
    assert_same_state(before, state_of(small))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seewhy-photos")]


def test_progress_counts_photos(clf: seewhy.Classifier) -> None:
    steps: list[tuple[int, int]] = []
    embed(clf, [*colours(6), "missing.jpg"], batch_size=4, progress=lambda done, total, partial: steps.append((done, total)))
    assert steps[-1] == (7, 7)


@pytest.mark.parametrize(("photos", "message"), [([], "^There are no photos"), ("no/where", "^There is no folder 'no/where'")])
def test_no_photos(clf: seewhy.Classifier, photos: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=message):
        embed(clf, photos)
    with pytest.raises(PhotoError, match="holds no photo"):
        embed(clf, tmp_path)
    with pytest.raises(PhotoError, match=r"^No file matches '.*\*\.jpg'"):
        embed(clf, tmp_path / "*.jpg")


def test_values_that_are_not_finite_name_the_photo_and_the_layer(planted: Planted) -> None:
    class Breaks(Planted):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc((self.relu(self.conv(x)) - 1).sqrt().mean(dim=(2, 3)))

    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16))
    with torch.no_grad():
        planted.conv.weight[0, 0] = 1e20
        planted.fc.weight[0, 0] = 1e20
    with pytest.raises(ModelError, match=r"for 'photo 1' are not finite .* come from layer 'fc'"):
        embed(clf, colours(5), progress=False)
    with pytest.raises(ModelError, match=r"come from layer '.*sqrt\(\)'"):
        embed(seewhy.Classifier(Breaks(), preprocess=seewhy.Preprocess(size=16)), colours(5), progress=False)


def test_names_are_the_paths_below_the_folder(folder: Path) -> None:
    sources = listing(folder)
    assert [source.number for source in sources] == list(range(12))
    assert [source.name for source in sources] == sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.png"))
    assert all(source.path == source.photo == folder / source.name for source in sources)


def test_of_a_list_the_folders_belong_to_the_names_only_where_they_are_needed() -> None:
    assert [source.name for source in listing(["a/x.png", "b/y.png"])] == ["x.png", "y.png"]
    assert [source.name for source in listing(["a/x.png", "b/x.png"])] == ["a/x.png", "b/x.png"]
    arrays = listing(np.zeros((2, 4, 4, 3), np.uint8))
    assert [(source.number, source.name, source.path) for source in arrays] == [(0, "photo 1", None), (1, "photo 2", None)]


def test_names_that_are_no_text_can_be_written() -> None:
    (source,) = listing([os.fsdecode(b"caf\xe9.png")])
    assert source.name == "caf\ufffd.png"


def test_a_reduced_photo_keeps_its_geometry(clf: seewhy.Classifier) -> None:
    photo = clf.read(np.full((40, 60, 3), 77, np.uint8))
    small = reduced(photo, 30)
    assert small.original.shape == (20, 30, 3)
    assert (small.original == 77).all()
    assert small.pixels is photo.pixels
    assert small.geometry.frame == tuple(side / 2 for side in photo.geometry.frame)
    assert reduced(photo, 60).original.shape == (40, 60, 3)
