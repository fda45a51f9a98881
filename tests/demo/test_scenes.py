"""The scenes are what the masks say they are, and nothing but the animal tells the class."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seewhy.demo import Scene, scenes
from seewhy.demo.scenes import ANIMALS, draw_scene
from seewhy.errors import OptionError

LABELS = tuple(ANIMALS)


def test_a_scene_is_a_photo_a_label_and_two_masks(clean: list[Scene]) -> None:
    for scene in clean:
        assert scene.photo.shape == (240, 320, 3)
        assert scene.photo.dtype == np.uint8
        assert scene.animal.shape == scene.logo.shape == (240, 320)
        assert scene.animal.dtype == scene.logo.dtype == np.bool_
        assert 0.015 < scene.animal.mean() < 0.3
        assert not scene.logo.any()
    with pytest.raises(dataclasses.FrozenInstanceError):
        clean[0].label = "cow"  # type: ignore[misc]


def test_labels_take_turns() -> None:
    assert [scene.label for scene in scenes(5)] == ["bear", "cow", "sheep", "bear", "cow"]
    assert [scene.label for scene in scenes(3, labels=["coyote", "dog"])] == ["coyote", "dog", "coyote"]
    assert scenes(0) == []


def test_the_same_call_gives_the_same_scenes_whatever_n_is(clean: list[Scene]) -> None:
    for again, scene in zip(scenes(4, labels=LABELS), clean, strict=False):
        assert np.array_equal(again.photo, scene.photo)
        assert np.array_equal(again.animal, scene.animal)


def test_splits_and_seeds_never_share_a_scene() -> None:
    groups = [scenes(4, split, seed=seed) for split in ("train", "validation", "test") for seed in (0, 1)]
    photos = [scene.photo.tobytes() for group in groups for scene in group]
    assert len(set(photos)) == len(photos)
    # Not only other noise: the grounds lie elsewhere.
    small = [scene.photo[::24, ::32].astype(float).ravel() for group in groups for scene in group]
    apart = [np.abs(a - b).mean() for i, a in enumerate(small) for b in small[:i]]
    assert min(apart) > 5


@pytest.mark.parametrize("label", LABELS)
def test_the_mask_is_where_the_animal_changes_the_photo(label: str) -> None:  # so not where grass covers it
    for index in range(4):
        scene, bare = draw_scene(index, "test", 5, label), draw_scene(index, "test", 5, label, animal=False)
        differs = (scene.photo != bare.photo).any(axis=2)
        assert not bare.animal.any()
        # Beside the mask lie only edge pixels of which the animal covers less than a fiftieth: one grey value at most.
        beside = np.abs(scene.photo.astype(int) - bare.photo)[differs & ~scene.animal]
        assert beside.max(initial=0) <= 6
        # An animal's pixel may have the ground's colour by chance, but few do.
        assert differs[scene.animal].mean() > 0.97


def test_where_light_and_ground_do_not_depend_on_the_animal() -> None:
    for index in range(4):
        places = [draw_scene(index, "train", 0, label, animal=False).photo for label in LABELS]
        assert all(np.array_equal(place, places[0]) for place in places)


def test_animals_stand_on_the_same_spots_in_the_same_sizes() -> None:
    boxes = {label: [draw_scene(i, "train", 3, label).animal for i in range(6)] for label in LABELS}
    middles = {label: [np.nonzero(mask)[1].mean() for mask in masks] for label, masks in boxes.items()}
    for label in LABELS:
        assert np.allclose(middles[label], middles["bear"], atol=18)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": -1}, "n = -1: the number of scenes must be 0 or more"),
        ({"n": 1, "seed": -2}, "seed = -2: the seed must be 0 or more"),
        ({"n": 1, "split": "all"}, "split = 'all' is unknown: write one of 'train', 'validation', 'test'"),
        ({"n": 1, "logo": "bears"}, "logo = 'bears' is unknown: write True (on the bears), False (on nothing) or 'all'"),
        ({"n": 1, "labels": ("cat",)}, "label 'cat' is unknown: choose from 'bear', 'cow', 'sheep', 'coyote', 'dog'"),
        ({"n": 1, "labels": ()}, "labels is empty: choose from 'bear', 'cow', 'sheep', 'coyote', 'dog'"),
        ({"n": 1, "labels": "bear"}, "labels = 'bear' is one word: write a list of labels, such as ['bear']"),
    ],
)
def test_mistakes_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as excinfo:
        scenes(**wrong)  # type: ignore[arg-type]
    assert str(excinfo.value) == message
