"""The picture that a person sees of a photo with more bits, or more bands, than a screen has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, PhotoError, is_whole_number, setting
from seewhy.photo import Picture
from seewhy.records import Display
from seewhy.show.colour import Limits, bands_shown, limits_of_bands, stretched


@dataclass(frozen=True, eq=False)
class Shown:
    """What a person sees: the fields of ``Photo`` of the same names, and notes on them."""

    original: npt.NDArray[Any]
    raw: npt.NDArray[Any] | None = None
    display: Display | None = None
    notes: tuple[str, ...] = ()


def checked_display(display: Any) -> tuple[int, ...] | None:
    """One band or three, counted from 0. Raises OptionError."""
    if display is None:
        return None
    bands = (display,) if is_whole_number(display) else display
    if not isinstance(bands, (tuple, list)) or len(bands) not in (1, 3) or not all(is_whole_number(b) and b >= 0 for b in bands):
        raise OptionError(
            f"{setting('display', display)}: write one band or three (red, green, blue), counted from 0: "
            f"{setting('display', (3, 2, 1))}."
        )
    return tuple(int(band) for band in bands)


def shown(picture: Picture, ends: Limits | None, display: tuple[int, ...] | None) -> Shown:
    """What a person sees of an opened picture.

    ends : the numbers that become 0 and 1 for the network, None for those of its type. display : the bands to show, None for the
    first ones. Raises PhotoError for a band that the photo does not have.
    """
    values = picture.values
    if display is not None and (values.ndim == 2 or values.shape[2] == 1):
        display = None  # grey has no bands to choose from
    by_type = ends is None and (values.ndim == 2 or values.shape[2] in (1, 3))
    if by_type and display is None and values.dtype != np.uint16:
        return Shown(values if values.dtype == np.uint8 else np.asarray(picture.image()))
    return shown_bands(values, ends or (0.0, float(picture.full)), display, 255.0)


def shown_bands(values: npt.NDArray[Any], ends: Limits | None, display: tuple[int, ...] | None, units: float = 1.0) -> Shown:
    """The bands of ``(H, W, C)`` or ``(H, W)`` values. ends : see :func:`shown`; None where values have no scale.

    units : the limits of the display are in units of the network's pixels: ``units`` times the share of ``ends``.
    """
    bands_last = values[:, :, None] if values.ndim == 2 else values
    channels = bands_last.shape[2]
    if display is not None and max(display) >= channels:
        raise PhotoError(
            f"{setting('display', display)} names band {max(display)}, but the photo has {channels} bands, 0 to {channels - 1}."
        )
    bands = bands_shown(channels, display)
    limits = limits_of_bands(bands_last, bands, ends)
    pixels = stretched(bands_last[..., list(bands)], limits)
    (low, high) = ends or (0.0, 1.0)
    scale = units / (high - low)
    in_pixels = tuple(((black - low) * scale, (white - low) * scale) for black, white in limits)
    return Shown(
        pixels[..., 0] if len(bands) == 1 else pixels,
        values,
        Display(bands, in_pixels),
        tuple(_notes(bands, channels, limits, display, limits[0] == ends)),
    )


def shown_volume(values: npt.NDArray[Any], display: tuple[int, ...] | None) -> Shown:
    """The bands of a volume ``(D, H, W, C)``, each stretched from its 2nd to its 98th percentile over all slices.

    Where nearly all of a band is background, from its smallest to its largest value. ``original`` is uint8 ``(D, H, W)`` or
    ``(D, H, W, 3)``.
    """
    tall = values.reshape(-1, *values.shape[2:])  # one slice below the other
    view = shown_bands(tall, None, display)
    assert view.display is not None
    bands = view.display.bands
    limits = [
        (low, high) if high > low else (float(values[..., band].min()), float(values[..., band].max()))
        for band, (low, high) in zip(bands, view.display.limits, strict=True)
    ]
    pixels = stretched(values[..., list(bands)], limits)
    notes = tuple(_notes(bands, values.shape[3], limits, display, False)) if limits == list(view.display.limits) else ()
    return Shown(pixels[..., 0] if len(bands) == 1 else pixels, None, Display(bands, tuple(limits)), notes)


def _notes(
    bands: tuple[int, ...], channels: int, limits: list[Limits], display: tuple[int, ...] | None, as_it_is: bool
) -> list[str]:
    """Which bands the picture shows, and what was stretched."""
    if channels not in (1, 3) or display is not None:
        which = f"band {bands[0]}" if len(bands) == 1 else f"bands {', '.join(map(str, bands))}"
        text = f"{which} shown, of {channels} (counted from 0"
        text += ")" if display is not None else f"; {setting('display')} chooses)"
        if as_it_is:
            return [text]
        of_each = "each stretched from its" if len(bands) > 1 else "stretched from its"
        return [f"{text}, {of_each} 2nd to its 98th percentile: the network sees all of them as they are"]
    if as_it_is:
        return []
    (black, white) = (f"{value:.4g}" for value in limits[0])
    return [
        f"the picture is stretched, so that it can be seen: {black} to {white} (2nd to 98th percentile) are black to white; the "
        "network sees the values as they are"
    ]
