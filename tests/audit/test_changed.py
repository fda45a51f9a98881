from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from reduced_photos import noise, photos
from tried_candidates import stamp_candidate

import seewhy
from seewhy.audit.changed import changed_photo, why_unseen
from seewhy.audit.trials import Tried
from seewhy.edits import Fill
from seewhy.errors import PhotoError
from seewhy.store.photos import ListedPhotos, list_photos
from seewhy.store.places import folder_at


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> ListedPhotos:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(4):
        (folder / str(number // 2)).mkdir(exist_ok=True)
        Image.fromarray(noise(number)).save(folder / str(number // 2) / f"{number}.png")
    return list_photos(folder, None, classifier().class_names())


def classifier(crop: int = 64) -> seewhy.Classifier:
    preprocess = seewhy.Preprocess(size=crop, resize=64, mean=(0, 0, 0), std=(1, 1, 1))
    return seewhy.Classifier(lambda batch: torch.zeros(len(batch), 2), preprocess, classes=["a", "b"])


def tried() -> Tried:
    recipients = photos([noise(2), noise(3)], label=1, first=2)
    return Tried(0, stamp_candidate(donors=photos([noise(0), noise(1)])), recipients, [], recipients)


def test_a_photo_is_read_with_its_change(listed: ListedPhotos) -> None:
    photo = changed_photo(classifier(), listed, 1, Fill(box=(0, 0, 0.5, 1), colour=(0,)))
    np.testing.assert_array_equal(photo.pixels[:, :32], 0)
    np.testing.assert_array_equal(photo.pixels[:, 32:], noise(1)[32:].transpose(2, 0, 1))
    np.testing.assert_array_equal(changed_photo(classifier(), listed, 1, None).pixels, noise(1).transpose(2, 0, 1))


def test_what_a_crop_cuts_off_does_not_arrive(listed: ListedPhotos) -> None:
    """The stamp lies in rows 50 to 60 of 64."""
    assert why_unseen(classifier(), listed, tried()) == ""
    assert why_unseen(classifier(crop=40), listed, tried()) == ""  # rows 12 to 52
    assert why_unseen(classifier(crop=32), listed, tried()) == "the network's input shows nothing of it"  # rows 16 to 48
    same = replace(tried(), recipients=tried().candidate.donors[:1])  # its own stamp is laid on it
    assert why_unseen(classifier(), listed, same) == "other photos cannot be given it"
    assert why_unseen(classifier(), listed, replace(tried(), why_not="too few photos")) == "too few photos"


def test_photos_that_cannot_be_read_tell_nothing(listed: ListedPhotos, tmp_path: Path) -> None:
    gone = replace(listed, root=folder_at(str(tmp_path)))
    assert why_unseen(classifier(crop=32), gone, tried()) == ""
    with pytest.raises(PhotoError):
        changed_photo(classifier(), gone, 0, None)
