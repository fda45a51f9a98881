"""The photos of a class that carry a cue, and those that do not: how many of each are answered rightly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seewhy.audit.candidates import Candidate
from seewhy.audit.photos import audited
from seewhy.store.report.scanning import scan

if TYPE_CHECKING:
    import pyarrow.dataset

MOST_WRONG = 200  # paths that are kept of a group


@dataclass
class PhotoGroup:
    """photos, right : how many. wrong : the paths of those answered wrongly, at most MOST_WRONG."""

    photos: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)


def groups(rows: pyarrow.dataset.Dataset, cues: Mapping[int, Candidate]) -> dict[int, tuple[PhotoGroup, PhotoGroup]]:
    """Of each class its photos that carry its cue, and the others: all of them, those of both halves and those answered wrongly.

    rows : of the run on the photos as they are. cues : one for each class that is asked for. They tell nothing of causes: photos
    with the cue may be easier for other reasons.
    """
    from pyarrow import compute

    found = {index: (PhotoGroup(), PhotoGroup()) for index in cues}
    if not cues:
        return found
    columns = ("number", "path", "sha256", "label_index", "predicted_index", "thumbnail")
    for row in scan(rows, columns, compute.field("label_index").isin(list(cues))):
        if row["predicted_index"] is None:
            continue
        photo = audited(row)
        (carrying, others) = found[photo.label]
        group = carrying if cues[photo.label].carriers([photo]) else others
        group.photos += 1
        if photo.predicted == photo.label:
            group.right += 1
        elif len(group.wrong) < MOST_WRONG:
            group.wrong.append(photo.path)
    return found
