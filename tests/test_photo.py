"""Every form a picture comes in gives the same pixels; what is no picture gives one clear sentence."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seewhy.errors import PhotoError
from seewhy.photo import Picture, QuietPillow, folders_of, open_picture, photo_names_below, photos_below
from seewhy.rasters import NamedFile

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
GREY = RGB[..., 0].copy()


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def message(photo: object) -> str:
    with pytest.raises(PhotoError) as error:
        open_picture(photo)
    return str(error.value)


# -- every form ---------------------------------------------------------------------------------------------------------


def test_files_bytes_and_images_give_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(encoded(RGB))
    content = path.read_bytes()
    forms: list[Any] = [path, str(path), content, bytearray(content), memoryview(content), io.BytesIO(content)]
    forms += [Image.fromarray(RGB), RGB, Image.open(path)]
    for form in forms:
        picture = open_picture(form)
        np.testing.assert_array_equal(picture.values, RGB)
        assert picture.values.dtype == np.uint8
        assert picture.notes == ()
        assert picture.size == (5, 7)
    assert open_picture(path).name == "cat.png"
    assert open_picture(content).name == "photo"
    with path.open("rb") as file:
        np.testing.assert_array_equal(open_picture(file).values, RGB)


def test_a_picture_is_handed_on() -> None:
    picture = Picture(RGB, "a", ("b",))
    assert open_picture(picture) is picture


def test_grey_stays_grey() -> None:
    for form in (GREY, GREY[..., None], Image.fromarray(GREY), encoded(GREY), torch.from_numpy(GREY)[None]):
        picture = open_picture(form)
        np.testing.assert_array_equal(picture.values, GREY)
        assert picture.values.shape == (5, 7)


def test_one_bit_pictures() -> None:
    bits = GREY > 128
    for form in (Image.fromarray(bits), encoded(Image.fromarray(bits)), bits):
        np.testing.assert_array_equal(open_picture(form).values, bits * np.uint8(255))


def test_transparent_parts_are_laid_on_white() -> None:
    rgba = np.dstack([RGB, np.full((5, 7), 255, np.uint8)])
    rgba[0, 0] = (10, 20, 30, 0)
    rgba[0, 1] = (100, 0, 200, 51)  # a fifth
    expected = RGB.copy()
    expected[0, 0] = 255
    expected[0, 1] = (224, 204, 244)
    for form in (Image.fromarray(rgba), encoded(rgba), rgba):
        picture = open_picture(form)
        np.testing.assert_allclose(picture.values.astype(int), expected, atol=1)
        np.testing.assert_array_equal(picture.values[1:], RGB[1:])
        assert picture.notes == ("transparent parts were laid on white",)


def test_an_opaque_alpha_channel_needs_no_note() -> None:
    picture = open_picture(np.dstack([RGB, np.full((5, 7), 255, np.uint8)]))
    np.testing.assert_array_equal(picture.values, RGB)
    assert picture.notes == ()


def test_grey_with_alpha_stays_grey() -> None:
    image = Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (7, 5), 255)])
    image.putpixel((0, 0), (0, 0))
    picture = open_picture(encoded(image))
    expected = GREY.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(picture.values, expected)
    assert picture.notes == ("transparent parts were laid on white",)


def test_palettes() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    np.testing.assert_array_equal(open_picture(encoded(palette)).values, [[[10, 20, 30], [200, 100, 50]]])
    picture = open_picture(encoded(palette, transparency=0))
    np.testing.assert_array_equal(picture.values, [[[255, 255, 255], [200, 100, 50]]])
    assert picture.notes == ("transparent parts were laid on white",)


def test_a_transparent_colour_of_an_rgb_png() -> None:
    flat = np.full((2, 2, 3), 7, np.uint8)
    flat[0, 0] = (1, 2, 3)
    picture = open_picture(encoded(flat, transparency=(1, 2, 3)))
    np.testing.assert_array_equal(picture.values[0, 0], [255, 255, 255])
    np.testing.assert_array_equal(picture.values[1], [[7, 7, 7]] * 2)


def test_sixteen_bits_stay_sixteen() -> None:
    deep = np.array([[0, 128, 129, 257], [25700, 65535, 65406, 65407]], np.uint16)
    for form in (encoded(deep), Image.fromarray(deep), deep, Image.fromarray(deep.astype(np.int32)), deep[None]):
        picture = open_picture(form)
        np.testing.assert_array_equal(picture.values, deep)
        assert picture.values.dtype == np.uint16
        assert (picture.full, picture.notes) == (65535, ())
        # As a PIL image, for transforms that take one, they become eight: divided by 257 and rounded.
        np.testing.assert_array_equal(np.asarray(picture.image()), [[0, 0, 1, 1], [100, 255, 254, 255]])
    colour = open_picture(np.stack([deep, deep[::-1], deep + 1], axis=-1))
    np.testing.assert_array_equal(colour.values, np.stack([deep, deep[::-1], deep + 1], axis=-1))


def test_cmyk_jpeg() -> None:
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan, all magenta and yellow: red
    picture = open_picture(encoded(cmyk, "JPEG", quality=100))
    np.testing.assert_allclose(picture.values, np.tile([255, 0, 0], (8, 8, 1)), atol=4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_rotation_is_undone(orientation: int, kind: str) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (255, 0, 0)  # red top left, green top right, blue bottom left
    upright[:8, 16:] = (0, 255, 0)
    upright[8:, :16] = (0, 0, 255)
    # What the camera stores for each orientation, written with numpy: the inverse of what a viewer does.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    picture = open_picture(encoded(np.ascontiguousarray(stored), kind, exif=exif, **options))
    assert picture.size == (16, 32)
    np.testing.assert_allclose(picture.values.astype(int), upright, atol=12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
def test_one_pixel_and_one_line(shape: tuple[int, int]) -> None:
    line = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(open_picture(line).values, line)
    np.testing.assert_array_equal(open_picture(encoded(line)).values, line)


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "lime")]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(open_picture(gif).values, np.tile(np.uint8([255, 0, 0]), (4, 6, 1)))
    assert open_picture(gif).notes == ("the file holds 2 frames (an animation, or pages): the first one is explained",)
    pages = encoded(frames[0], "TIFF", save_all=True, append_images=[*frames[1:], frames[0]])
    assert open_picture(pages).notes == ("the file holds 3 frames (an animation, or pages): the first one is explained",)
    camera = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])  # a photo and its preview
    for single in (camera, encoded(frames[0], "GIF"), encoded(frames[0], "JPEG")):
        assert open_picture(single).notes == ()


# -- arrays and tensors -------------------------------------------------------------------------------------------------


def test_float_pictures_in_zero_to_one() -> None:
    unit = (RGB / 255).astype(np.float32)
    for form in (torch.from_numpy(unit).permute(2, 0, 1), unit.transpose(2, 0, 1), unit.transpose(2, 0, 1).astype(np.float64)):
        picture = open_picture(form)
        np.testing.assert_allclose(picture.values, unit, atol=1e-7)
        assert (picture.values.dtype, picture.values.shape) == (np.float32, (5, 7, 3))
        assert picture.notes == ()
        np.testing.assert_array_equal(np.asarray(picture.image()), RGB)


def test_tensors_that_need_care() -> None:
    unit = torch.from_numpy(RGB).permute(2, 0, 1) / 255
    np.testing.assert_allclose(open_picture(unit.clone().requires_grad_()).values, RGB / 255, atol=1e-6)
    np.testing.assert_allclose(open_picture(unit.half()).values, RGB / 255, atol=1e-3)
    np.testing.assert_allclose(open_picture(unit.bfloat16()).values, RGB / 255, atol=4e-3)
    np.testing.assert_array_equal(open_picture(torch.from_numpy(RGB).permute(2, 0, 1)).values, RGB)


def test_grey_float_pictures() -> None:
    for form in (GREY / 255, torch.from_numpy(GREY / 255), torch.from_numpy(GREY / 255)[None]):
        picture = open_picture(form)
        assert picture.values.shape == (5, 7, 1)
        np.testing.assert_allclose(picture.values[..., 0], GREY / 255, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(picture.image()), GREY)


def test_what_rounding_leaves_outside_is_cut_off() -> None:
    picture = open_picture(torch.tensor([[[-5e-4, 1 + 5e-4]]]))
    np.testing.assert_array_equal(picture.values[..., 0], [[0, 1]])


@pytest.mark.parametrize(
    ("form", "note"),
    [
        (RGB.transpose(2, 0, 1), "3×5×7: it was read as channels × rows × columns"),
        ((RGB / 255).astype(np.float32), "5×7×3: it was read as rows × columns × channels"),
        (torch.from_numpy(RGB), "5×7×3: it was read as rows × columns × channels"),
        (torch.from_numpy(RGB) / 255, "5×7×3: it was read as rows × columns × channels"),
    ],
)
def test_the_other_order_of_axes_is_read_and_noted(form: Any, note: str) -> None:
    picture = open_picture(form)
    assert picture.notes == (f"the picture is {note}",)
    scale = 1 if picture.values.dtype == np.uint8 else 255
    np.testing.assert_allclose(picture.values * scale, RGB, atol=1e-4)


def test_where_both_orders_fit_the_type_decides() -> None:
    cube = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    np.testing.assert_array_equal(open_picture(cube).values, cube)
    picture = open_picture(torch.from_numpy(cube) / 255)
    np.testing.assert_allclose(picture.values * 255, cube.transpose(1, 2, 0), atol=1e-4)
    assert picture.notes == ()


def test_the_persons_array_is_not_touched_or_shared() -> None:
    own = RGB.copy()
    picture = open_picture(own)
    picture.values[:] = 0
    np.testing.assert_array_equal(own, RGB)


# -- what is no picture -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            torch.tensor([[[-2.1, 2.64]]]),
            "The input ranges -2.1 … 2.6: already normalised, and the preprocessing normalises again. Pass the raw photo, or "
            "build the classifier with preprocess=None.",
        ),
        (
            torch.tensor([[[0.3, 2.64]]]),  # of a bright photo: nothing is negative
            "The input ranges 0.3 … 2.6: already normalised, and the preprocessing normalises again. Pass the raw photo, or "
            "build the classifier with preprocess=None.",
        ),
        (
            torch.tensor([[[0.0, 255.0]]]),
            "The input ranges 0 … 255: a float picture is read as RGB in [0, 1]. Divide it by 255, or pass it as uint8.",
        ),
        (
            np.full((3, 4, 4), 200, np.int64),
            "The input ranges 200 … 200: a float picture is read as RGB in [0, 1]. Divide it by 255, or pass it as uint8.",
        ),
        (
            np.full((3, 4, 4), 128.0),
            "The input ranges 128 … 128: a float picture is read as RGB in [0, 1]. Divide it by 255, or pass it as uint8.",
        ),
        (
            np.linspace(0, 16, 48).reshape(3, 4, 4),  # of scikit-learn's digits
            "The input ranges 0 … 16: a float picture is read as RGB in [0, 1]. Say which number became 1 in the network's "
            "training: range= of Preprocess.",
        ),
        (
            np.linspace(-0.0002, 99.5, 48).reshape(3, 4, 4),
            "The input ranges -0.0002 … 99.5: a float picture is read as RGB in [0, 1]. Say which number became 1 in the "
            "network's training: range= of Preprocess.",
        ),
        (
            np.full((3, 4, 4), -100.0),
            "The input ranges -100 … -100: a float picture is read as RGB in [0, 1]. Say which numbers become 0 and 1, as in the "
            "network's training: range=(0, 10000) of Preprocess.",
        ),
        (np.array([[np.nan, 0]]), "The picture holds values that are not finite (NaN or infinity): repair them first."),
        (np.array([[np.inf, 0]]), "The picture holds values that are not finite (NaN or infinity): repair them first."),
        (
            np.zeros((1, 5, 7, 3), np.uint8),
            "The array has shape (1, 5, 7, 3): a batch. Pass it as a list of photos or as a batch tensor.",
        ),
        (torch.zeros(5), "The tensor has shape (5,): a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1]."),
        (
            np.zeros((0, 4, 3), np.uint8),
            "The array has shape (0, 4, 3): a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1].",
        ),
        (np.array([["a"]]), "The array holds <U1: a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1]."),
        (np.ones((3, 4, 4)) * 1j, "The array holds complex128: a photo is (H, W, 3) uint8 or (C, H, W) float in [0, 1]."),
        (
            5,
            "A photo cannot be a int: give a path, bytes, a PIL image, a uint8 array (H, W, 3) or a float tensor (C, H, W) in "
            "[0, 1].",
        ),
        (b"", "these bytes is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can)."),
        (b"hello", "these bytes is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can)."),
    ],
)
def test_wrong_pixels(form: object, expected: str) -> None:
    assert message(form) == expected


def test_wrong_files(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("I am a text.")
    (tmp_path / "empty.png").touch()
    cannot = "is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can)."
    assert message(tmp_path / "text.jpg") == f"'{tmp_path / 'text.jpg'}' {cannot}"
    assert message(str(tmp_path / "empty.png")) == f"'{tmp_path / 'empty.png'}' {cannot}"
    assert message(tmp_path / "no.jpg") == f"There is no file '{tmp_path / 'no.jpg'}'."
    assert message("https:/a.org/b.jpg") == (
        "There is no file 'https:/a.org/b.jpg'. Addresses are not fetched: save the photo as a file first."
    )
    assert message(tmp_path) == f"'{tmp_path}' is a folder, not a photo."
    assert message("x" * 5000) == f"'{'x' * 5000}' cannot be opened: File name too long."


def test_a_truncated_jpeg(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / "half.jpg"
    content = encoded(noise, "JPEG")
    path.write_bytes(content[: len(content) // 2])
    text = message(path)
    assert text.startswith(f"'{path}' cannot be read to its end: ")
    assert text.endswith(". The file is broken or truncated.")
    assert text.count("cannot be read") == 1
    with Image.open(path) as image:
        assert message(image).startswith("this PIL image cannot be read to its end: ")


def test_a_closed_image() -> None:
    image = Image.open(io.BytesIO(encoded(RGB)))
    image.close()
    expected = "this PIL image cannot be read to its end: Operation on closed image. The file is broken or truncated."
    assert message(image) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_files_end_in_one_kind_of_error(kind: str) -> None:
    """A batch skips the bad file only if it is a PhotoError: cut at every length, and with bytes turned over."""
    content = encoded(np.tile(RGB, (6, 6, 1)), kind)
    rng = np.random.default_rng(5)
    pieces = [content[:length] for length in range(0, len(content) - 20, max(1, len(content) // 60))]
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, min(len(content), 300), 4):
            damaged[place] = rng.integers(0, 256)
        pieces.append(bytes(damaged))
    refusals = 0
    for piece in pieces:
        try:
            open_picture(piece)  # any other exception ends the test
        except PhotoError:
            refusals += 1
    assert refusals >= 50


def test_a_float_tiff_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    Image.fromarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)).save(path)
    assert message(path) == (
        f"'{path}' has pixels from 0 to 1 (mode F): say which numbers become 0 and 1, as in the network's training: "
        "range=(0, 1) of Preprocess."
    )


def test_a_decompression_bomb() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    text = message(bomb)
    assert text.startswith("these bytes says that it is far larger than any photo (Image size (3600000000 pixels)")
    assert text.endswith(" If it really is a photo, reduce it first, or raise PIL.Image.MAX_IMAGE_PIXELS.")


def test_a_photo_between_pillows_limits_is_a_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)  # the photo has 35: Pillow warns, and refuses from 60 on
    np.testing.assert_array_equal(open_picture(encoded(RGB)).values, RGB)


def test_photos_of_a_folder_and_those_below_it(tmp_path: Path) -> None:
    for name in (
        "b/1.jpg",
        "b/c/2.JPG",
        "b-c/3.png",
        "notes.txt",
        ".hidden.jpg",
        ".cache/4.jpg",
        "d.jpg/5.jpg",
        "new\nline.jpg",
        "b/6.HEIC",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b" / "1.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "round").symlink_to(tmp_path)
    names = ["b/1.jpg", "b/c/2.JPG", "b-c/3.png", "d.jpg/5.jpg", "link.jpg", "new\nline.jpg"]
    left_out: dict[str, str | None] = {}
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    others: list[str] = []
    found = photo_names_below(tmp_path, lambda name, error: left_out.update({name: error.strerror}), others.append)
    assert sorted(found) == sorted(names)
    assert others == ["b/6.HEIC"]
    assert left_out == {"gone.jpg": "No such file or directory", "circle.png": "Too many levels of symbolic links"}
    assert photos_below(tmp_path) == [tmp_path / name for name in names]
    assert photos_below(tmp_path / "nowhere") == []


def test_the_folders_of_photos_end_below_the_root() -> None:
    paths = [Path("set/bear/night/1.jpg"), Path("set/2.jpg")]
    assert folders_of(paths) == [["night", "bear"], ["set"]]
    assert folders_of(paths[:1]) == [["night"]]
    assert folders_of(paths[:1], Path("set")) == [["night", "bear"]]
    assert folders_of([]) == []


def test_a_head_of_no_pixels_is_a_broken_file(tmp_path: Path) -> None:
    Image.new("RGB", (9, 7)).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    width = (256).to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + (9).to_bytes(4, "little")
    assert content.count(width) == 1
    (tmp_path / "a.tif").write_bytes(content.replace(width, width[:8] + bytes(4)))
    with pytest.raises(PhotoError, match=r"holds an array of shape \(7, 0, 3\): a photo is rows"):
        open_picture(tmp_path / "a.tif")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(PhotoError, match=r"x\.jpg' cannot be opened: it is no file but a pipe or a device\.$"):
        open_picture(tmp_path / "x.jpg")


def test_a_file_is_called_as_it_was_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"text")
    for content in (None, b"text"):
        with pytest.raises(PhotoError, match=r"^'sub/a\.png' is not a picture that can be read"):
            open_picture(NamedFile(tmp_path / "a.png", "sub/a.png", content))
    Image.new("RGB", (3, 2), "red").save(tmp_path / "b.png")
    assert open_picture(NamedFile(tmp_path / "b.png", "sub/b.png")).name == "b.png"


def test_pillow_is_quiet_as_long_as_any_thread_reads() -> None:
    def told() -> int:
        with warnings.catch_warnings(record=True) as caught:
            warnings.warn_explicit("Corrupt EXIF data.", UserWarning, "f", 1, module="PIL.TiffImagePlugin")
        return len(caught)

    quiet = QuietPillow()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = list(warnings.filters)
        quiet.__enter__()
        quiet.__enter__()  # another thread
        quiet.__exit__()  # the first one is done
        assert told() == 0
        quiet.__exit__()
        assert told() == 1
        assert list(warnings.filters) == before


def test_what_a_broken_tiff_makes_libraries_say_is_not_printed(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), "red").save(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-40])  # in the middle of its tags, which stand at the end
    script = f"import seewhy.photo\nseewhy.photo.open_picture({str(tmp_path / 'a.tif')!r})"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    assert (lines[0], ended.returncode) == ("Traceback (most recent call last):", 1)
    assert lines[-1].startswith("seewhy.errors.PhotoError")
    assert "UserWarning" not in ended.stderr


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    scandir = os.scandir

    def forbidden(path: Path) -> Any:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    left_out: list[tuple[str, str | None]] = []
    assert list(photo_names_below(tmp_path, lambda name, error: left_out.append((name, error.strerror)))) == ["a/1.jpg"]
    assert left_out == [("b", "Permission denied")]
