"""Files with more bits or bands than Pillow keeps come at full width; what is no picture gives one clear sentence."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from wide_photos import bands, png16

from seewhy import rasters
from seewhy.errors import PhotoError
from seewhy.photo import Expected, open_picture, photos_below
from seewhy.rasters import read_stack

DEEP = np.random.default_rng(1).integers(0, 65536, (6, 9, 3)).astype(np.uint16)
THIRTEEN = Expected(13, any_range=True)


def message(path: Path, expected: Expected = THIRTEEN) -> str:
    with pytest.raises(PhotoError) as error:
        open_picture(path, expected)
    return str(error.value)


def test_a_colour_png_of_sixteen_bits_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(png16(DEEP))
    for form in (path, str(path), png16(DEEP), io.BytesIO(png16(DEEP))):
        picture = open_picture(form)
        assert picture.values.dtype == np.uint16
        np.testing.assert_array_equal(picture.values, DEEP)


def test_transparency_of_sixteen_bits_is_laid_on_white() -> None:
    alpha = np.full((6, 9, 1), 65535, np.uint16)
    alpha[0, 0] = 0
    alpha[0, 1] = 32768
    picture = open_picture(png16(np.concatenate([DEEP, alpha], axis=2)))
    assert picture.notes == ("transparent parts were laid on white",)
    np.testing.assert_array_equal(picture.values[1:], DEEP[1:])
    np.testing.assert_array_equal(picture.values[0, 0], [65535] * 3)
    half = DEEP[0, 1] * (32768 / 65535) + 65535 * (1 - 32768 / 65535)
    np.testing.assert_allclose(picture.values[0, 1], half, atol=1)
    opaque = open_picture(png16(np.concatenate([DEEP, np.full_like(alpha, 65535)], axis=2)))
    assert opaque.notes == ()


def test_four_channels_stay_four_where_the_network_takes_four() -> None:
    four = np.random.default_rng(2).integers(0, 256, (5, 7, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(four).save(buffer, "PNG")
    deep = four.astype(np.uint16) * 256
    for form, values in ((four, four), (buffer.getvalue(), four), (png16(deep), deep), (four.transpose(2, 0, 1), four)):
        np.testing.assert_array_equal(open_picture(form, Expected(4)).values, values)


@pytest.mark.parametrize("kind", [np.uint16, np.uint8])
def test_colour_tiffs(tmp_path: Path, kind: type) -> None:
    values = DEEP if kind is np.uint16 else (DEEP >> 8).astype(np.uint8)
    tifffile.imwrite(tmp_path / "c.tif", values, photometric="rgb")
    np.testing.assert_array_equal(open_picture(tmp_path / "c.tif").values, values)
    tifffile.imwrite(tmp_path / "p.tif", values.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(open_picture(tmp_path / "p.tif").values, values)


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.uint8])
def test_thirteen_bands_from_every_file(tmp_path: Path, kind: type) -> None:
    values = (bands() / (40 if kind is np.uint8 else 1)).astype(kind)  # (24, 20, 13)
    first = values.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "bands.tif", values, photometric="minisblack", planarconfig="contig")
    tifffile.imwrite(tmp_path / "planes.tif", first, photometric="minisblack", planarconfig="separate")
    tifffile.imwrite(tmp_path / "pages.tif", first, photometric="minisblack")
    np.save(tmp_path / "last.npy", values)
    np.save(tmp_path / "first.npy", first)
    np.savez(tmp_path / "first.npz", scene=first)
    names = ["bands.tif", "planes.tif", "pages.tif", "last.npy", "first.npy", "first.npz"]
    for name in names:
        picture = open_picture(tmp_path / name, THIRTEEN)
        np.testing.assert_array_equal(picture.values, values, err_msg=name)
        assert (picture.values.dtype, picture.name) == (kind, name)
    np.testing.assert_array_equal(open_picture((tmp_path / "bands.tif").read_bytes(), THIRTEEN).values, values)
    # A folder's .npz are rather saved explanations.
    assert [path.name for path in photos_below(tmp_path)] == sorted(name for name in names if not name.endswith("npz"))


def test_as_many_rows_as_bands() -> None:
    square = np.zeros((13, 20, 13), np.float32)
    square[1, 2, 3] = 1
    assert open_picture(square, THIRTEEN).values[2, 3, 1] == 1  # floats: bands first, as a tensor has them
    rows = np.zeros((13, 20, 6), np.float32)
    assert open_picture(rows, Expected(6)).values.shape == (13, 20, 6)
    assert open_picture(rows, THIRTEEN).values.shape == (20, 6, 13)


def test_pages_that_are_no_bands_are_an_animation(tmp_path: Path) -> None:
    pages = (np.arange(4)[:, None, None] * np.ones((4, 6, 5))).astype(np.uint8)
    tifffile.imwrite(tmp_path / "four.tif", pages, photometric="minisblack")
    picture = open_picture(tmp_path / "four.tif", Expected(3))
    assert picture.values.shape == (6, 5)
    assert picture.notes == ("the file holds 4 frames (an animation, or pages): the first one is explained",)
    assert message(tmp_path / "four.tif") == ("The file has 4 grey pages, and the network takes 13 bands: give one page a band.")
    assert open_picture(tmp_path / "four.tif", Expected(4)).values.shape == (6, 5, 4)
    tifffile.imwrite(tmp_path / "three.tif", pages[:3], photometric="minisblack")
    three = open_picture(tmp_path / "three.tif", Expected(3))  # a document, rather than colours
    assert three.values.shape == (6, 5)
    assert three.notes == ("the file holds 3 frames (an animation, or pages): the first one is explained",)


def test_an_opened_image_is_read_like_its_file(tmp_path: Path) -> None:
    values = bands().transpose(2, 0, 1).astype(np.uint16)
    tifffile.imwrite(tmp_path / "pages.tif", values, photometric="minisblack")
    with Image.open(tmp_path / "pages.tif") as image:
        image.seek(2)
        picture = open_picture(image, Expected(13))
        assert image.tell() == 2
    np.testing.assert_array_equal(picture.values, values.transpose(1, 2, 0))
    assert picture.notes == ()


def test_a_smaller_copy_among_the_pages_is_no_band(tmp_path: Path) -> None:
    values = bands().transpose(2, 0, 1).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "preview.tif") as file:
        for band in values:
            file.write(band, contiguous=False)
        file.write(values[0, ::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(open_picture(tmp_path / "preview.tif", Expected(13)).values, values.transpose(1, 2, 0))


def test_pages_of_several_sizes_are_no_photo(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "sizes.tif") as file:
        for number in range(13):
            file.write(np.zeros((6, 5 + (number == 7)), np.uint8), contiguous=False)
    assert message(tmp_path / "sizes.tif") == (
        "The pages of the file have several sizes (6×5, 6×6): the bands of a photo have one."
    )


def pages_of(path: Path, pages: Sequence[npt.NDArray[np.generic]], **tags: Any) -> Path:
    """A TIFF of these pages, each of its own."""
    with tifffile.TiffWriter(path) as file:
        for page in pages:
            file.write(page, contiguous=False, photometric="rgb" if page.ndim == 3 else "minisblack", **tags)
    return path


FOUR = np.random.default_rng(4).integers(0, 4000, (4, 6, 5)).astype(np.uint16)


def test_a_mask_among_the_pages_is_no_band(tmp_path: Path) -> None:
    pages = [Image.fromarray(page) for page in FOUR]
    mask = Image.new("1", (5, 6), 1)
    mask.encoderinfo = {"tiffinfo": {254: 4}}
    pages[0].save(tmp_path / "mask.tif", save_all=True, append_images=[*pages[1:], mask])
    with tifffile.TiffFile(tmp_path / "mask.tif") as file:
        assert [page.tags[254].value if 254 in page.tags else 0 for page in file.pages] == [0, 0, 0, 0, 4]
    np.testing.assert_array_equal(open_picture(tmp_path / "mask.tif", Expected(4)).values, FOUR.transpose(1, 2, 0))


def test_pages_of_several_types_are_no_photo(tmp_path: Path) -> None:
    path = pages_of(tmp_path / "types.tif", [*FOUR[:3], FOUR[3].astype(np.uint8)])
    assert message(path, Expected(4)) == (
        "The pages of the file have several types (uint16, uint8): the bands of a photo have one."
    )


@pytest.mark.parametrize(("count", "said"), [(1, "1 page"), (2, "2 pages")])
def test_a_page_in_colour_among_the_bands_is_told(tmp_path: Path, count: int, said: str) -> None:
    path = pages_of(tmp_path / "colour.tif", [FOUR[0], *[np.zeros((6, 5, 3), np.uint8)] * count, *FOUR[1:]])
    picture = open_picture(path, Expected(4))
    np.testing.assert_array_equal(picture.values, FOUR.transpose(1, 2, 0))
    assert picture.notes == (f"{said} of the file in colour left out: the grey ones are the bands",)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_bands_are_turned_like_a_photo(tmp_path: Path, orientation: int, turns: int, compression: str | None) -> None:
    tags: dict[str, Any] = {"extratags": [(274, "H", 1, orientation, False)], "compression": compression}
    stack = open_picture(pages_of(tmp_path / "stack.tif", FOUR, **tags), Expected(4))
    np.testing.assert_array_equal(stack.values, np.rot90(FOUR.transpose(1, 2, 0), turns))
    alone = open_picture(pages_of(tmp_path / "alone.tif", FOUR[:1], **tags), Expected(1))
    np.testing.assert_array_equal(alone.values, np.rot90(FOUR[0], turns))


def test_nothing_is_logged_of_bands_that_pillow_cannot_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a program that sets up no logging
    tifffile.imwrite(tmp_path / "bands.tif", bands(), photometric="minisblack", planarconfig="contig")
    assert open_picture(tmp_path / "bands.tif", THIRTEEN).values.shape == (24, 20, 13)
    assert capfd.readouterr().err == ""


def archive(path: Path, **arrays: npt.NDArray[np.float32]) -> Path:
    np.savez(path, **arrays)
    return path


def test_arrays_that_are_no_photo(tmp_path: Path) -> None:
    assert message(tmp_path / "none.npy") == f"There is no file '{tmp_path / 'none.npy'}'."
    two = archive(tmp_path / "two.npz", a=np.zeros((3, 3), np.float32), b=np.zeros((3, 3), np.float32))
    assert message(two) == f"'{two}' holds 2 arrays (a, b): a photo is one; pass it as an array."
    saved = archive(tmp_path / "e.npz", record=np.zeros(1, np.float32), maps=np.zeros(1, np.float32))
    assert message(saved) == (f"'{saved}' is a saved explanation, not a photo: read it with seewhy.Explanation.load('{saved}').")
    (tmp_path / "text.npy").write_text("no array")
    assert message(tmp_path / "text.npy").startswith(f"'{tmp_path / 'text.npy'}' cannot be read as an array of numbers: ")
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object))
    assert message(tmp_path / "objects.npy").startswith(f"'{tmp_path / 'objects.npy'}' cannot be read as an array of numbers: ")
    np.save(tmp_path / "line.npy", np.zeros(5))
    assert message(tmp_path / "line.npy") == (
        "The array has shape (5,): a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1]."
    )
    (tmp_path / "cut.tif").write_bytes(b"II*\0" + b"\xff" * 9)
    assert message(tmp_path / "cut.tif").endswith("The file is broken or truncated.")


def test_a_float_tiff_of_many_bands_needs_a_range(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "f.tif", bands(), photometric="minisblack", planarconfig="contig")
    assert message(tmp_path / "f.tif", Expected(13)).endswith(
        "a float picture is read as RGB in [0, 1]. Say which numbers become 0 and 1, as in the network's training: "
        "range=(0, 10000) of Preprocess."
    )


# -- stacks -----------------------------------------------------------------------------------------------------------------

STACK = np.random.default_rng(2).normal(size=(4, 5, 6)).astype(np.float32)


def test_the_pages_of_a_tiff_are_slices(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack")
    np.testing.assert_array_equal(read_stack(path), STACK)
    pages = [Image.fromarray(page) for page in (1000 * STACK).clip(0, None).astype(np.uint16)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(read_stack(path), (1000 * STACK).clip(0, None).astype(np.uint16))


def test_channels_of_a_stack_come_first(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    both = np.stack([STACK, -STACK])
    tifffile.imwrite(path, both.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(read_stack(path), both)
    colours = (100 * np.stack([STACK, 2 * STACK, 3 * STACK], axis=-1)).clip(0, 255).astype(np.uint16)
    tifffile.imwrite(path, colours, photometric="rgb")
    np.testing.assert_array_equal(read_stack(path), np.moveaxis(colours, -1, 0))


def test_what_is_no_stack_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    for picture, more in ((STACK[0], {}), (np.zeros((5, 6, 3), np.uint8), {"photometric": "rgb"})):
        tifffile.imwrite(path, picture, **more)
        with pytest.raises(PhotoError, match="holds one picture of 6×5, no stack of slices: a volume has several pages"):
            read_stack(path)
    path.write_bytes(b"no picture")
    with pytest.raises(PhotoError, match="cannot be read as a TIFF file: "):
        read_stack(path)
    with pytest.raises(PhotoError, match="There is no file"):
        read_stack(tmp_path / "none.tif")


def test_a_pipe_or_a_device_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.npy")
    for path in (tmp_path / "x.npy", Path("/dev/null")):
        with pytest.raises(OSError, match="it is no file but a pipe or a device"):
            rasters.check_regular(path)
    with pytest.raises(PhotoError, match=r"x\.npy' cannot be read as an array of numbers: it is no file but a pipe or a device$"):
        rasters.read_array(tmp_path / "x.npy")
    rasters.check_regular(tmp_path)


def test_an_array_is_called_as_it_was_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=np.zeros(2), two=np.zeros(2))
    for content in (None, (tmp_path / "a.npz").read_bytes()):
        with pytest.raises(PhotoError, match=r"^'sub/a\.npz' holds 2 arrays \(one, two\)"):
            rasters.read_array(rasters.NamedFile(tmp_path / "a.npz", "sub/a.npz", content))
