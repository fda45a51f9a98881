"""From the person's photo to the network's input, with the way back.

Everything that prepares pixels has one form: ``apply(picture)`` gives the input's pixels (0-255, before normalisation) and
the geometry; ``normalise`` is what is done to them inside the function that methods differentiate.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from seewhy.errors import OptionError, PhotoError, is_number, is_whole_number, listed, setting
from seewhy.formatting import format_size
from seewhy.geometry import Array, Geometry
from seewhy.photo import Expected, Picture

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
ORDERS = ("RGB", "BGR")
# A resized picture above this many pixels is never made: only the part that the crop needs is (or an error).
MOST_PIXELS = 32_000_000
TRIALS = 16  # runs of a person's transform that must agree: half of them would miss a random flip far too often


class PhotoPreprocess(Protocol):
    """What a classifier needs of its preprocessing."""

    @property
    def input_size(self) -> tuple[int, int] | None: ...

    @property
    def expected(self) -> Expected:
        """What it says of a photo before that is opened."""

    @property
    def ends(self) -> tuple[float, float] | None:
        """The photo's numbers that become 0 and 1; None: those of its type (255 of 8 bits, 65535 of 16, 1 of floats)."""

    def apply(self, picture: Picture) -> tuple[Array, Geometry, tuple[str, ...]]:
        """Pixels float32 ``(C, h, w)`` in 0-255, where they lie on the picture, and notes."""

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(N, C, h, w)`` pixels to the values the network was trained on; differentiable."""

    def describe(self) -> str:
        """In words, for every output."""


@dataclass(frozen=True)
class Preprocess:
    """Resize, crop, normalise: ``Preprocess(size=224, mean=[...], std=[...])``.

    size : the network's input, an int or (H, W).
    resize : "shorter" (aspect kept; the photo just covers ``size``), "stretch" (exactly ``size``, aspect lost), or an int:
        the shorter side becomes so many pixels before the crop (torchvision's 256 for 224).
    crop : cut the centre out. With False and "shorter" the whole photo is kept, so the input is as long as the photo
        is (the class activation maps of the sources); the long side is rounded up.
    mean, std : numbers or one per channel, in units of [0, 1]; None leaves [0, 1].
    channels : 3 (grey photos are repeated), or 1 for grey networks (colour photos become grey), or how many bands there are.
    interpolation : "nearest", "bilinear", "bicubic" or "lanczos".
    range : which of the photo's own numbers become 0 and 1: (low, high), or high alone (low is 0). 4095 for 12 bits in a file of
        16, (0, 10000) for reflectances, 1 for numbers that the network takes as they are; nothing is cut off beyond. None: 255 of
        8-bit photos, 65535 of 16-bit ones, and floats are in [0, 1] already. mean and std are in units of what comes out.
    order : of the colours that the network reads, "RGB", or "BGR" for one that learned from OpenCV's pictures; ``mean`` and
        ``std`` stand in that order, too. Photos, fills and pictures stay RGB.
    """

    size: int | tuple[int, int] = 224
    resize: str | int = "shorter"
    crop: bool = True
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    channels: int = 3
    interpolation: str = "bilinear"
    range: float | tuple[float, float] | None = None
    order: str = "RGB"

    def __post_init__(self) -> None:
        sizes = tuple(self.size) if isinstance(self.size, (tuple, list)) else (self.size,)
        if len(sizes) not in (1, 2) or not all(is_whole_number(s) and s > 0 for s in sizes):
            raise OptionError(f"{setting('size', self.size)}: write one number or (rows, columns), above 0.")
        if self.resize not in ("shorter", "stretch") and not (type(self.resize) is int and self.resize > 0):
            raise OptionError(
                f"{setting('resize', self.resize)}: write 'shorter', 'stretch', or the shorter side's pixels before the crop."
            )
        if self.interpolation not in INTERPOLATIONS:
            raise OptionError(f"{setting('interpolation', self.interpolation)}: write one of {listed(INTERPOLATIONS)}.")
        if self.order not in ORDERS:
            raise OptionError(f"{setting('order', self.order)}: write one of {listed(ORDERS)}.")
        if self.order != "RGB" and self.channels != 3:
            raise OptionError(f"{setting('order', self.order)} is of 3 channels, these photos have {self.channels}.")
        if not isinstance(self.channels, int) or self.channels < 1:
            raise OptionError(f"{setting('channels', self.channels)}: a photo has at least 1.")
        for name in ("mean", "std"):
            value = getattr(self, name)
            if value is not None and np.asarray(value).dtype.kind not in "iuf":
                raise OptionError(f"{setting(name, value)}: write numbers in units of [0, 1].")
            largest = 0.0 if value is None else float(np.abs(np.asarray(value)).max(initial=0))
            if self.range is None and largest > (1 if name == "mean" else 10):
                raise OptionError(f"{setting(name, value)}: it is in units of [0, 1]; divide numbers of 0-255 by 255.")
            if value is not None and np.size(value) not in (1, self.channels):
                raise OptionError(
                    f"{name} has {np.size(value)} values for {self.channels} channels: write one number, or {self.channels}."
                )
        if self.std is not None and not np.all(np.asarray(self.std) > 0):
            raise OptionError(f"{setting('std', self.std)}: the standard deviation must be above 0.")
        ends: Any = self.range if isinstance(self.range, (tuple, list)) else (0, self.range)
        if self.range is not None and not (len(ends) == 2 and all(map(is_number, ends)) and ends[0] < ends[1]):
            raise OptionError(f"{setting('range', self.range)}: write the photo's number that becomes 1, or (low, high).")

    @property
    def ends(self) -> tuple[float, float] | None:
        """The photo's numbers that become 0 and 1; None: those of its type."""
        if self.range is None:
            return None
        (low, high) = self.range if isinstance(self.range, (tuple, list)) else (0, self.range)
        return float(low), float(high)

    @property
    def expected(self) -> Expected:
        """What it says of a photo before that is opened."""
        return Expected(self.channels, self.range is not None)

    @property
    def input_size(self) -> tuple[int, int]:
        """(H, W)."""
        return (self.size, self.size) if isinstance(self.size, int) else (self.size[0], self.size[1])

    def apply(self, picture: Picture) -> tuple[Array, Geometry, tuple[str, ...]]:
        """Pixels float32 ``(C, h, w)`` in 0-255, where they lie on the picture, and notes."""
        (values, notes_on_range) = in_range(picture, self.ends)
        (values, notes) = with_channels(values, self.channels)
        (resized, corner, size) = self._plan(picture.size)
        if resized[0] * resized[1] <= MOST_PIXELS:
            # Resize, then cut: exactly what the libraries do, to the last bit.
            box = (0.0, 0.0, float(picture.size[1]), float(picture.size[0]))
            large = self._resize(values, resized, box)
            pixels = large[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
        elif size[0] * size[1] <= MOST_PIXELS:
            # A very thin photo: only the part that the crop keeps is ever made (equal up to one grey level).
            (down, across) = (picture.size[0] / resized[0], picture.size[1] / resized[1])
            (top, left) = (corner[0] * down, corner[1] * across)
            pixels = self._resize(values, size, (left, top, left + size[1] * across, top + size[0] * down))
        else:
            raise PhotoError(
                f"The photo has {format_size(picture.size)} pixels: without a crop its input would have {format_size(size)}. "
                f"Use {setting('crop', True)} or {setting('resize', 'stretch')}."
            )
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
        return pixels, Geometry.resized(picture.size, resized, corner, size), (*notes, *notes_on_range)

    def _plan(self, photo: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(rows, columns) after resizing, (top, left) of the crop, (rows, columns) of the input."""
        size = self.input_size
        if self.resize == "stretch":
            return size, (0, 0), size
        (height, width) = photo
        if isinstance(self.resize, int):
            shorter = self.resize
        else:  # the photo covers the input: for a square input its shorter side becomes that side
            shorter = size[0] if height * size[1] <= width * size[0] else size[1]
        rows_first = height <= width if isinstance(self.resize, int) else height * size[1] <= width * size[0]
        rounded: Callable[[float], int] = int if self.crop else math.ceil
        if rows_first:
            resized = (shorter, max(1, rounded(shorter * width / height)))
        else:
            resized = (max(1, rounded(shorter * height / width)), shorter)
        if not self.crop:
            return resized, (0, 0), resized
        if resized[0] < size[0] or resized[1] < size[1]:
            raise OptionError(
                f"{setting('resize', self.resize)} makes the photo "
                f"{format_size(resized)}, smaller than the input, {format_size(size)}: "
                f"write {setting('resize', 'shorter')} or a larger number."
            )
        corner = (round((resized[0] - size[0]) / 2), round((resized[1] - size[1]) / 2))
        return resized, corner, size

    def _resize(
        self, values: npt.NDArray[Any], size: tuple[int, int], box: tuple[float, float, float, float]
    ) -> npt.NDArray[Any]:
        """``(H, W, C)`` to ``(h, w, C)`` in 0-255; 8-bit pictures stay 8-bit, as in the libraries' own transforms."""
        resample = INTERPOLATIONS[self.interpolation]
        to = (size[1], size[0])
        if values.dtype == np.uint8 and values.shape[2] == 3:
            return np.asarray(Image.fromarray(values).resize(to, resample, box))
        scale = 1 if values.dtype == np.uint8 else 255
        bands = (Image.fromarray(np.ascontiguousarray(values[..., band])) for band in range(values.shape[2]))
        return np.stack([np.asarray(band.resize(to, resample, box)) for band in bands], axis=2) * scale

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(N, C, h, w)`` pixels to the values the network was trained on; differentiable."""
        unit = (pixels if self.order == "RGB" else pixels.flip(1)) / 255
        in_place = not unit.requires_grad
        if self.mean is not None:
            mean = _per_channel(self.mean, unit)
            unit = unit.sub_(mean) if in_place else unit - mean
        if self.std is not None:
            std = _per_channel(self.std, unit)
            unit = unit.div_(std) if in_place else unit / std
        return unit

    def describe(self) -> str:
        """For every output. Sizes are rows × columns."""
        size = format_size(self.input_size)
        if self.resize == "stretch":
            fit = f"stretched to {size}"
        elif isinstance(self.resize, int) or self.input_size[0] == self.input_size[1]:
            shorter = self.resize if isinstance(self.resize, int) else self.input_size[0]
            fit = f"shorter side {shorter}" + (f", centre crop {size}" if self.crop else ", no crop")
        else:  # which side decides depends on the photo
            fit = f"resized to cover {size}" + (", centre crop" if self.crop else ", no crop")
        colours = {1: "grey", 3: self.order}.get(self.channels, f"{self.channels} channels")
        parts = [fit + (f" ({self.interpolation})" if self.interpolation != "bilinear" else ""), colours]
        parts.append("values 0-1" if self.ends is None else f"values {self.ends[0]:g} to {self.ends[1]:g} as 0-1")
        if self.mean is not None:
            parts.append(f"mean {_numbers(self.mean)}")
        if self.std is not None:
            parts.append(f"std {_numbers(self.std)}")
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class TransformPreprocess:
    """Somebody else's transform (torchvision, timm, Hugging Face), its geometry found by trying it out.

    Black, white and grey pictures show what it does to values; a picture of coordinates, as large as the photo, shows where
    each input pixel comes from. A transform that is random, or that turns or bends the picture, is refused.
    """

    transform: Callable[..., Any]
    mean: Array = field(init=False)  # (C, 1, 1): what black becomes, in network units
    gain: Array = field(init=False)  # (C, 1, 1): network units per grey level
    input_size: tuple[int, int] = field(init=False)

    expected = Expected(3)
    ends = None

    def __post_init__(self) -> None:
        coordinates = _coordinates(256, 320)
        first = self._run(coordinates)
        if not all(np.array_equal(first, self._run(coordinates)) for _ in range(TRIALS)):
            raise OptionError(f"The transform {self._name()} is random: give the one used for evaluation.")
        black, grey, white = (self._run(Image.new("RGB", (320, 256), (v, v, v))) for v in (0, 102, 255))
        low, middle, high = (x.mean(axis=(1, 2), keepdims=True) for x in (black, grey, white))
        gain = (high - low) / 255
        tolerance = 1e-3 * np.abs(high - low)
        if not (np.abs(gain) > 0).all() or (np.abs(low + 102 * gain - middle) > tolerance).any():
            raise OptionError(
                f"The transform {self._name()} does not treat brightness evenly (black {low.ravel()}, grey {middle.ravel()}, "
                f"white {high.ravel()}): describe it as seewhy.Preprocess(size=..., mean=..., std=...) instead."
            )
        object.__setattr__(self, "mean", low.astype(np.float32))
        object.__setattr__(self, "gain", gain.astype(np.float32))
        object.__setattr__(self, "input_size", (black.shape[1], black.shape[2]))

    def apply(self, picture: Picture) -> tuple[Array, Geometry, tuple[str, ...]]:
        """Pixels float32 ``(C, h, w)`` in 0-255, where they lie on the picture, and notes."""
        (values, notes) = with_channels(picture.values, 3)
        pixels = self._pixels(Picture(values).image())
        if picture.values.dtype == np.uint16:
            notes = (*notes, "16 bits a pixel were reduced to 8: the transform takes 8-bit pictures")
        return pixels, self._geometry(picture.size), notes

    def _geometry(self, size: tuple[int, int]) -> Geometry:
        (height, width) = size
        ramps = self._pixels(_coordinates(height, width))
        axes = []
        for channel, (length, across) in enumerate(((height, 1), (width, 0))):
            along = ramps[channel].mean(axis=across) * length / 255  # photo position of each input row or column
            centres = np.arange(len(along)) + 0.5
            inner = slice(len(along) // 8, max(len(along) - len(along) // 8, 2))  # resizing blurs the ends
            if length < 4 or len(along) < 4:
                (scale, offset) = (length / len(along), 0.0)
            else:
                (scale, offset) = np.polyfit(centres[inner], along[inner], 1)
            level = max(length / 255, abs(scale))
            bent = np.abs(scale * centres + offset - along)[inner].max(initial=0.0) > 1.5 * level
            turned = np.ptp(ramps[channel], axis=across).max(initial=0.0) > 3
            if scale <= 0 or bent or turned:
                raise OptionError(
                    f"The transform {self._name()} flips, turns or bends the picture, so a map could not be laid back on the "
                    "photo: describe it as seewhy.Preprocess(...) instead."
                )
            # The ramp has 256 steps: snap to the edge-to-edge fit where that explains what was seen.
            (fitted, shift) = (length / len(along), 0.0)
            if abs((scale - fitted) * len(along)) < 2 * level and abs(offset) < 2 * level:
                (scale, offset) = (fitted, shift)
            axes.append((float(scale), float(offset)))
        return Geometry(size, (ramps.shape[1], ramps.shape[2]), axes[0], axes[1])

    def _pixels(self, image: Image.Image) -> Array:
        return np.ascontiguousarray((self._run(image) - self.mean) / self.gain, dtype=np.float32)

    def _run(self, image: Image.Image) -> npt.NDArray[np.float64]:
        try:
            if _takes_images(self.transform):  # an image processor of transformers
                out = self.transform(images=image, return_tensors="pt")
            else:
                out = self.transform(image)
        except Exception as error:  # whatever a person's transform raises
            raise OptionError(
                f"The transform {self._name()} failed on a picture of {format_size((image.height, image.width))}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if hasattr(out, "keys"):
            out = out["pixel_values"]
        values = np.asarray(out.detach().cpu().numpy() if isinstance(out, torch.Tensor) else out, dtype=np.float64)
        values = values[0] if values.ndim == 4 and len(values) == 1 else values
        if values.ndim != 3 or values.shape[0] not in (1, 3):
            raise OptionError(
                f"The transform {self._name()} gave {type(out).__name__} of shape {values.shape}; expected a tensor (3, H, W): "
                "end it with ToTensor()."
            )
        return values

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(N, C, h, w)`` pixels to the values the network was trained on; differentiable."""
        gain, mean = (torch.from_numpy(a).to(pixels) for a in (self.gain, self.mean))
        return pixels * gain + mean

    def describe(self) -> str:
        """For every output. The size is rows × columns."""
        return f"the transform {self._name()}, input {format_size(self.input_size)}"

    def _name(self) -> str:
        return str(getattr(self.transform, "__name__", type(self.transform).__name__))


def _takes_images(transform: Callable[..., Any]) -> bool:
    try:
        return "images" in inspect.signature(transform).parameters
    except (TypeError, ValueError):  # a built-in function tells nothing of itself
        return False


def _coordinates(height: int, width: int) -> Image.Image:
    """A picture whose red channel says how far down a pixel is, the green one how far right."""
    ramps = np.zeros((height, width, 3), dtype=np.uint8)
    ramps[..., 0] = np.round((np.arange(height) + 0.5) / height * 255)[:, None]
    ramps[..., 1] = np.round((np.arange(width) + 0.5) / width * 255)[None, :]
    return Image.fromarray(ramps)


def as_preprocess(preprocess: Any) -> PhotoPreprocess | None:
    """The preprocessing in its one form; None stays None (photos are then tensors of the network's own input)."""
    if preprocess is None or isinstance(preprocess, (Preprocess, TransformPreprocess)):
        return preprocess
    if callable(preprocess):
        return TransformPreprocess(preprocess)
    raise OptionError(f"preprocess={preprocess!r}: write seewhy.Preprocess(size=..., mean=..., std=...), a transform, or None.")


def in_range(picture: Picture, ends: tuple[float, float] | None) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The picture's values as floats with 0 black and 1 white, and what was done; 8 bits without ``ends`` as they are.

    ends : the numbers that become 0 and 1; None for those of the picture's type, whatever numbers the photo itself has.
    """
    values = picture.values
    if ends is None and values.dtype != np.uint16:
        return values, ()
    (low, high) = ends or (0.0, float(picture.full))
    unit = ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)
    (least, most) = (float(values.min()), float(values.max()))
    if ends is not None:
        outside = least < low or most > high
        note = f"the photo's values reach from {least:g} to {most:g}, beyond the range {low:g} to {high:g}: nothing was cut off"
        return unit, (note,) * outside
    note = f"16 bits a pixel: 0-{high:g} became 0-1, and this photo reaches {most:g}"
    usual = next((2**bits - 1 for bits in (8, 10, 12, 14) if most < 2**bits), None)
    if usual is not None:
        note += (
            f"; if the network was trained on another range as 0-1, write that: {setting('range', usual)} for "
            f"{usual.bit_length()} bits"
        )
    return unit, (note,)


def with_channels(values: npt.NDArray[Any], channels: int) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """``(H, W)`` or ``(H, W, C)`` as ``(H, W, channels)``; a note says what was done."""
    values = values[..., None] if values.ndim == 2 else values
    present = values.shape[2]
    if present == channels:
        return values, ()
    if present == 1 and channels == 3:
        note = f"1 channel given, the network wants {channels}: the grey channel was repeated"
        return np.repeat(values, channels, axis=2), (note,)
    if present == 4 and channels == 3:
        return values[..., :3], ("the fourth channel was left out",)
    if present == 3 and channels == 1:
        grey = values.astype(np.float64) @ (0.299, 0.587, 0.114)
        grey = np.floor(grey + 0.5).astype(np.uint8) if values.dtype == np.uint8 else grey.astype(np.float32)
        return grey[..., None], ("the network is grey: the colours were turned to brightness",)
    many = f" (an array, or a TIFF of {channels} bands or pages)" if channels not in (1, 3) else ""
    raise PhotoError(
        f"The photo has {present} channel{'s' * (present != 1)}, the preprocessing takes {channels}: give a photo of "
        f"{channels}{many}, or, in Python, write Preprocess(channels={present}) if the network was trained on {present}."
    )


def _per_channel(value: float | Sequence[float], like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device).reshape(-1, 1, 1)


def _numbers(value: float | Sequence[float]) -> str:
    return "/".join(f"{v:g}" for v in np.ravel(value))
