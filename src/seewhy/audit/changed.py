"""A photo with a change in it, as the network sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.trials import Tried
from seewhy.audit.whole_photo import properties_of
from seewhy.classifier import Classifier
from seewhy.edits import Edit
from seewhy.errors import PhotoError
from seewhy.records import Photo
from seewhy.store.opening import edited, open_photo
from seewhy.store.photos import ListedPhotos

Opened = TypeVar("Opened")

_READERS = 4  # at once
_LOOKED_AT = 3  # photos, before a change is taken for one that the network cannot see


def changed_photo(clf: Classifier, listed_photos: ListedPhotos, number: int, edit: Edit | None) -> Photo:
    """number : of the photo in the list. edit : None for the photo as it is. Raises PhotoError."""

    def read(source: Any) -> Photo:
        return clf.read(source if edit is None else edited(clf.picture, listed_photos.root, source, edit.record()))

    return _opened(read, listed_photos, number)


def with_properties(clf: Classifier, listed_photos: ListedPhotos, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
    """The photos with their properties, as they were opened: a thumbnail shows neither noise nor blur. Without them where a photo
    cannot be read any more, and for numbers of no photo."""

    def of(photo: AuditedPhoto) -> AuditedPhoto:
        try:
            picture = _opened(clf.picture, listed_photos, photo.number)
        except PhotoError:
            return photo
        return replace(photo, properties=properties_of(picture.values))

    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(of, photos))


def _opened(read: Callable[[Any], Opened], listed_photos: ListedPhotos, number: int) -> Opened:
    member = None if listed_photos.members is None else listed_photos.members[number]
    query = "" if listed_photos.queries is None else listed_photos.queries[number]
    (opened, _) = open_photo(read, listed_photos.root, listed_photos.paths[number], member, query)
    return opened


def why_unseen(clf: Classifier, listed_photos: ListedPhotos, tried: Tried) -> str:
    """Why a cue cannot be tried: as the plan says, or as nothing of it is left behind the preprocessing. What a crop cuts off
    nobody can try, and a photo without JPEG blocks cannot have fewer. Empty where it can be tried. Photos that cannot be read
    tell nothing: the trials name them."""
    if tried.why_not:
        return tried.why_not
    changes = False
    for place, recipient in islice(enumerate(tried.recipients), _LOOKED_AT):
        cue = tried.candidate.put_on(recipient, place, tried.thirds_of(recipient))[0]
        try:
            before = changed_photo(clf, listed_photos, recipient.number, None)
            after = changed_photo(clf, listed_photos, recipient.number, cue.edit)
        except PhotoError:
            return ""
        if not np.array_equal(before.pixels, after.pixels):
            return ""
        changes |= not np.array_equal(before.original, after.original)
    if not tried.recipients:
        return ""
    return "the network's input shows nothing of it" if changes else "other photos cannot be given it"
