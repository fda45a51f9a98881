"""The photo as the network sees it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from seewhy.doctor.examination import Examination
from seewhy.doctor.preparations import Normalisation
from seewhy.records import Photo
from seewhy.show import Panel, displayable, frame

LARGEST = 480  # pixels of a side that a picture keeps at most


def panels_of(examination: Examination) -> list[Panel]:
    """The first photo, framed; what the network makes of its input now; and what it would see as is believed.

    The input is turned back into colours by the preparation that is believed: what the network would take for that picture.
    """
    photo = examination.photos[0]
    (normalisation, fit) = examination.chosen or (None, None)
    believed = normalisation or examination.normalisation
    original = displayable(photo.original)
    panels = [
        Panel(
            "The photo", frame(original, photo.geometry), "The frame is what the network gets." if photo.geometry.cropped else ""
        ),
    ]
    if examination.is_tensor:
        panels = []
    now = _back(examination, photo, believed)
    (rows, columns) = now.shape[:2]
    panels.append(Panel("As the network sees it now", now, f"{rows}×{columns} pixels"))
    if examination.chosen is not None:
        best = examination.picture(0, fit)
        pixels = _picture(believed.in_unit(torch.from_numpy(best.pixels) * examination.pixel_scale) * 255)
        text = "; ".join(part.text for part in (normalisation, fit) if part is not None)
        panels.append(Panel("As it should see it", pixels, text))
    return panels


def _back(examination: Examination, photo: Photo, believed: Normalisation) -> npt.NDArray[np.uint8]:
    """The present input as a picture, read by the normalisation that is believed."""
    inputs = examination.normalisation.apply(torch.from_numpy(photo.pixels)[None].float() * examination.pixel_scale)
    (mean, std) = (torch.tensor(values).reshape(-1, 1, 1) for values in (believed.mean, believed.std))
    pixels = (inputs * std + mean) * 255
    return _picture((pixels if believed.order == "RGB" else pixels.flip(1))[0])


def _picture(pixels: torch.Tensor) -> npt.NDArray[np.uint8]:
    """``(C, h, w)`` values of 0-255 as uint8 ``(h, w, 3)``; of other than 3 channels the first one in grey."""
    values = pixels if len(pixels) == 3 else pixels[:1].expand(3, -1, -1)
    shown: npt.NDArray[np.uint8] = values.clamp(0, 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return shown
