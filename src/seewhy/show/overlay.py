"""A map laid over a photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, setting
from seewhy.geometry import Geometry, resize_map
from seewhy.show import colour
from seewhy.show.colour import Floats, Limits, Pixels
from seewhy.show.tables import ROWS, jet, table

GREY = np.array([0.2989, 0.5870, 0.1140])  # red, green and blue as the eye weighs them
# The look, tuned by eye on dark, light, grey and busy photos.
COLOUR_LEFT = 0.25  # of the photo's own colour, where nothing speaks: what is coloured then is evidence
SEEN = (24.0, 0.62)  # its light becomes 24 + 0.62 * light: snow gets darker than the evidence, a black bear is not lost
UNSEEN = (8.0, 0.36)  # outside the crop: plainly darker than "seen, but no evidence"
OPACITY = 0.86  # of the strongest evidence
RISE = 0.8  # below 1, so that medium evidence is visible at all
GRAIN = 0.32  # of the colours' light follows the photo's, so that one sees what lies under the hottest place
EVEN = 0.7  # light of the photo that leaves the map's colours as they are


def one_map(map: npt.ArrayLike, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The map as float32 of the photo's ``size``; NaN stays where it was, infinite values become NaN."""
    small = np.asarray(map)
    if small.ndim != 2 or not small.size or small.dtype.kind not in "fiub":
        raise OptionError(f"A map is one array (rows, columns), this one has shape {small.shape}.")
    missing = ~np.isfinite(small)
    small = np.where(missing, np.nan, small).astype(np.float32)
    if small.shape == size:
        return small
    large = resize_map(np.where(missing, 0, small), size)
    if missing.any():
        large[resize_map(missing, size, "nearest") > 0.5] = np.nan
    return large


def overlay(
    photo: Any,
    map: npt.ArrayLike,
    cmap: Any = None,
    alpha: float | None = None,
    limits: Limits | None = None,
    signed: bool = False,
) -> Pixels:
    """The photo with the evidence on it, uint8 ``(H, W, 3)``.

    photo : a file's name, uint8 ``(H, W)`` or ``(H, W, 3)``, floats in [0, 1], a PIL image or a seewhy Photo.
    map : ``(h, w)``, raw numbers; enlarged to the photo if it is smaller. NaN (not seen by the network) is shown dark.
    cmap : None for our own colours, or a name. See ``seewhy.show.colour.table``.
    alpha : None: opacity grows with the evidence, over a paler photo, so that no evidence shows no colour. A number
        mixes evenly, ``(1 - alpha) * photo + alpha * colour``, as figures with one transparency do.
    limits : what the ends of the scale stand for; None takes the map's own.
    signed : True draws zero as neutral, values above and below it in two hues.
    """
    pixels = colour.as_pixels(photo)
    large = one_map(map, (pixels.shape[0], pixels.shape[1]))
    if limits is None:
        (limits,) = colour.limits([large], signed=signed)
    colours = 255 * table(cmap, signed=signed)
    coloured = colours[colour.rows_of(large, len(colours), limits, signed=signed)]  # (H, W, 3)
    seen = ~np.isnan(large)[:, :, None]
    if alpha is None:
        opacity = OPACITY * colour.strength(large, limits, signed=signed)[:, :, None] ** RISE
        ground = dimmed(pixels, *SEEN)
        coloured = coloured * (1 + GRAIN * ((pixels @ GREY)[:, :, None] / 255 - EVEN))
    elif 0 <= alpha <= 1:
        (opacity, ground) = (np.full(seen.shape, float(alpha)), pixels.astype(np.float64))
    else:
        raise OptionError(f"{setting('alpha', alpha)} is not between 0 (photo only) and 1 (colours only).")
    return colour.to_bytes(np.where(seen, (1 - opacity) * ground + opacity * coloured, dimmed(pixels, *UNSEEN)))


def dimmed(pixels: Pixels, lift: float, light: float) -> Floats:
    """The photo with most of its colour and part of its light taken away, 0-255."""
    pale: Floats = COLOUR_LEFT * pixels + (1 - COLOUR_LEFT) * (pixels @ GREY)[:, :, None]
    return lift + light * pale


def recipe(signed: bool = False) -> dict[str, Any]:
    """All that :func:`overlay` is made of, as plain values, for a page that lays maps over photos by itself.

    table : for each row of the scale red, green and blue, 0-255, and its opacity, 0-1. The others are the constants of this file.
    """
    ramp = np.linspace(-1.0 if signed else 0.0, 1.0, ROWS)
    opacity = OPACITY * colour.strength(ramp, (float(ramp[0]), 1.0), signed=signed) ** RISE
    rows = np.column_stack([255 * table(signed=signed), opacity])
    return {
        "table": [[round(float(value), 4) for value in row] for row in rows],
        "grey": GREY.tolist(),
        "colour_left": COLOUR_LEFT,
        "seen": SEEN,
        "unseen": UNSEEN,
        "grain": GRAIN,
        "even": EVEN,
    }


def seen_colours(cmap: Any = None, alpha: float | None = None, signed: bool = False) -> Floats:
    """The table ``(255, 3)`` in [0, 1] as it looks on a mid-grey photo: what a colour bar has to show.

    With an explicit ``alpha`` the table itself, as such figures show it.
    """
    if alpha is not None:
        return table(cmap, signed=signed)
    ramp = np.linspace(-1.0 if signed else 0.0, 1.0, ROWS)[None]  # (1, rows)
    strip = np.full(ramp.shape, 128, dtype=np.uint8)
    seen: Floats = overlay(strip, ramp, cmap, limits=(float(ramp[0, 0]), 1.0), signed=signed)[0] / 255.0
    return seen


def frame(picture: Pixels, geometry: Geometry) -> Pixels:
    """The picture with a thin line around what the network saw; the picture itself when it saw everything.

    picture : uint8 ``(H, W, 3)``, the photo at any size.
    """
    if not geometry.cropped:
        return picture
    framed: Pixels = picture.copy()
    (height, width) = picture.shape[:2]
    (rows, columns) = (height / geometry.photo[0], width / geometry.photo[1])
    (top, left, bottom, right) = geometry.frame
    thick = 1 + round((height * width) ** 0.5 / 500)
    # White between two dark lines: it can be seen on any ground.
    for inwards, line, tone in ((0, 3 * thick, 30), (thick, thick, 255)):
        (y0, x0) = (round(top * rows) + inwards, round(left * columns) + inwards)
        (y1, x1) = (round(bottom * rows) - inwards, round(right * columns) - inwards)
        framed[y0 : y0 + line, x0:x1] = tone
        framed[max(0, y1 - line) : y1, x0:x1] = tone
        framed[y0:y1, x0 : x0 + line] = tone
        framed[y0:y1, max(0, x1 - line) : x1] = tone
    return framed


def outline(picture: Pixels, mask: npt.NDArray[np.bool_]) -> Pixels:
    """The picture with a white line between two dark ones around where ``mask`` is True; it can be seen on any ground.

    picture : uint8 ``(H, W, 3)``. mask : bool ``(H, W)``.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    thick = 1 + round((mask.size**0.5) / 500)
    outlined: Pixels = picture.copy()
    # A border that leaves the picture is closed by its edge.
    inner = binary_erosion(mask, iterations=thick)
    outlined[binary_dilation(mask, iterations=2 * thick) & ~binary_erosion(mask, iterations=2 * thick)] = 30
    outlined[binary_dilation(mask, iterations=thick) & ~inner] = 255
    return outlined


def cam_show(photo: Any, map: npt.ArrayLike) -> Pixels:
    """A class activation map glowing on the darkened grey photo, uint8 ``(H, W, 3)``: the picture of the camera demos.

    1. the map is enlarged to the photo (bicubic); 2. stretched from its minimum to its maximum; 3. values below 0.2
    become 0; 4. the jet table is faded to black at its lower end; 5. the map is coloured with it; 6. and added to the
    grey photo at half its light; 7. the sum is stretched to 0-255.

    Every map is stretched, so two of these pictures cannot be compared, and the very peak is a darker red than its
    surroundings. ``overlay`` does neither. A flat map shows the darkened photo alone.

    photo : a file's name, uint8 ``(H, W)`` or ``(H, W, 3)``, floats in [0, 1], a PIL image or a seewhy Photo.
    map : ``(h, w)``, any numbers.
    """
    pixels = colour.as_pixels(photo)
    large = one_map(map, (pixels.shape[0], pixels.shape[1]))
    dark = np.floor(pixels @ GREY + 0.5)[:, :, None] / 2  # (H, W, 1)
    if colour.is_flat(large):
        return colour.to_bytes(np.broadcast_to(dark, pixels.shape))
    part = np.nan_to_num(colour.min_max(large))
    part[part < 0.2] = 0
    glow = jet() * (np.arange(255) / 254)[:, None]
    coloured = 255 * glow[np.minimum(np.floor(255 * part + 0.5).astype(int), 254)]  # (H, W, 3)
    return colour.to_bytes(255 * colour.min_max(dark + coloured))
