"""What a person sees of photos with more bits or bands than a screen has; everything else works with all of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import Planted
from torch import nn
from wide_photos import bands

import seewhy
from seewhy.cli import main
from seewhy.errors import OptionError, PhotoError
from seewhy.load import from_torchvision
from seewhy.records import Display
from seewhy.show import cam_show
from seewhy.show.colour import as_pixels, stretched, window

BANDS = 13
SQUARE = (slice(4, 8), slice(12, 18))  # rows, columns: nowhere near what a transposition would give
SIZE = (16, 24)


def planted(channel: int = 7) -> np.ndarray:
    """``(H, W, 13)`` reflectances: band ``channel`` alone is bright, in the square."""
    values = np.zeros((*SIZE, BANDS), np.float32)
    values[(*SQUARE, channel)] = 10000
    return values


@pytest.fixture(scope="module")
def clf() -> seewhy.Classifier:
    preprocess = seewhy.Preprocess(size=SIZE, channels=BANDS, range=10000)
    return seewhy.Classifier(Planted(BANDS).eval(), preprocess, display=(3, 2, 1))


# -- what is shown ----------------------------------------------------------------------------------------------------------


def test_three_bands_are_shown_each_with_its_own_window(clf: seewhy.Classifier) -> None:
    values = bands(size=SIZE)
    photo = clf.read(values)
    assert photo.original.dtype == np.uint8
    assert photo.original.shape == (*SIZE, 3)
    for number, band in enumerate((3, 2, 1)):
        (low, high) = np.percentile(values[..., band], (2, 98))
        expected = np.floor(255 * np.clip((values[..., band] - low) / (high - low), 0, 1) + 0.5)
        np.testing.assert_allclose(photo.original[..., number], expected, atol=1)
        np.testing.assert_allclose(photo.display.limits[number], (low * 0.0255, high * 0.0255), rtol=1e-4)
    assert photo.display.bands == (3, 2, 1)
    np.testing.assert_array_equal(photo.raw, values)
    # The network sees all of them, and nothing is stretched.
    np.testing.assert_allclose(photo.pixels, values.transpose(2, 0, 1) / 10000 * 255, rtol=1e-5)
    assert photo.notes == (
        "bands 3, 2, 1 shown, of 13 (counted from 0), each stretched from its 2nd to its 98th percentile: the network sees all "
        "of them as they are",
    )


def test_without_a_choice_the_first_bands_are_shown_and_it_is_said() -> None:
    def read(channels: int, display: Any = None) -> Any:
        preprocess = seewhy.Preprocess(size=SIZE, channels=channels, range=10000)
        return seewhy.Classifier(Planted(channels).eval(), preprocess, display=display).read(bands(channels, SIZE))

    stretch = "the network sees all of them as they are"
    (thirteen, two, five) = (read(13), read(2), read(5, 4))
    assert [str(seewhy.errors.Message(note)) for note in thirteen.notes] == [
        "bands 0, 1, 2 shown, of 13 (counted from 0; display= chooses), each stretched from its 2nd to its 98th percentile: "
        + stretch
    ]
    assert [str(seewhy.errors.Message(note)) for note in two.notes] == [
        "band 0 shown, of 2 (counted from 0; display= chooses), stretched from its 2nd to its 98th percentile: " + stretch
    ]
    assert (two.original.shape, five.original.shape) == (SIZE, SIZE)
    assert five.display.bands == (4,)
    (low, high) = np.percentile(bands(5, SIZE)[..., 4], (2, 98))
    np.testing.assert_allclose(five.original, np.clip((bands(5, SIZE)[..., 4] - low) / (high - low), 0, 1) * 255, atol=1)


def test_tensors_of_the_network_itself_are_shown_the_same_way() -> None:
    values = bands(6, SIZE).transpose(2, 0, 1) / 1000 - 3  # units of its own
    clf = seewhy.Classifier(Planted(6).eval(), display=(5, 0, 3))
    photo = clf.read(torch.from_numpy(values))
    np.testing.assert_array_equal(photo.pixels, values)
    for number, band in enumerate((5, 0, 3)):
        limits = np.percentile(values[band], (2, 98))
        np.testing.assert_allclose(photo.display.limits[number], limits, rtol=1e-4)
        expected = 255 * np.clip((values[band] - limits[0]) / np.ptp(limits), 0, 1)
        np.testing.assert_allclose(photo.original[..., number], expected, atol=1)
    three = seewhy.Classifier(Planted(3).eval()).read(torch.rand(3, 5, 6))
    assert (three.display, three.raw, three.notes) == (None, None, ())


def test_colours_can_be_shown_in_another_order_without_being_stretched() -> None:
    colours = np.random.default_rng(0).integers(0, 40, (*SIZE, 3), np.uint8)  # dark, as a photo at night is
    photo = seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=SIZE), display=(2, 1, 0)).read(colours)
    np.testing.assert_array_equal(photo.original, colours[..., ::-1])
    assert photo.notes == ("bands 2, 1, 0 shown, of 3 (counted from 0)",)
    grey = seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=SIZE), display=(2, 1, 0)).read(colours[..., 0])
    np.testing.assert_array_equal(grey.original, colours[..., 0])


@pytest.mark.parametrize("display", [(1, 2), "rgb", (0, 1, -1), (0, 1, 2, 3), (0.5, 1, 2), ()])
def test_wrong_choices(display: Any) -> None:
    with pytest.raises(OptionError) as error:
        seewhy.Classifier(Planted().eval(), display=display)
    assert str(error.value) == (
        f"display={display!r}: write one band or three (red, green, blue), counted from 0: display=(3, 2, 1)."
    )


def test_a_band_that_the_photo_does_not_have(clf: seewhy.Classifier) -> None:
    other = seewhy.Classifier(clf.network, clf.preprocess, display=(3, 2, 13))
    with pytest.raises(PhotoError) as error:
        other.read(planted())
    assert str(error.value) == "display=(3, 2, 13) names band 13, but the photo has 13 bands, 0 to 12."


def test_a_wrong_number_of_bands_is_one_line(clf: seewhy.Classifier) -> None:
    with pytest.raises(PhotoError) as error:
        clf.read(np.zeros((*SIZE, 5), np.float32))
    assert str(error.value) == (
        "The photo has 5 channels, the preprocessing takes 13: give a photo of 13 (an array, or a TIFF of 13 bands or pages), "
        "or, in Python, write Preprocess(channels=5) if the network was trained on 5."
    )


# -- 16 bits ----------------------------------------------------------------------------------------------------------------


def test_twelve_bits_in_sixteen_are_not_black() -> None:
    values = np.random.default_rng(0).integers(0, 4096, SIZE).astype(np.uint16)
    for clf in (_grey(None), _grey(4095)):
        photo = clf.read(values)
        assert photo.original.shape == SIZE
        assert photo.original.max() >= 250
        assert abs(float(photo.original.mean()) - 127.5) < 8
        np.testing.assert_array_equal(photo.raw, values)
    (by_type, by_range) = (_grey(None).read(values), _grey(4095).read(values))
    np.testing.assert_allclose(by_type.pixels * 65535 / 4095, by_range.pixels, rtol=1e-5)
    assert by_range.notes == ()
    np.testing.assert_array_equal(by_range.original, np.floor(values / 4095 * 255 + 0.5))
    assert [str(seewhy.errors.Message(note)) for note in by_type.notes] == [
        f"16 bits a pixel: 0-65535 became 0-1, and this photo reaches {values.max()}; if the network was trained on another "
        "range as 0-1, write that: range=4095 for 12 bits",
        f"the picture is stretched, so that it can be seen: {np.percentile(values, 2):.4g} to {np.percentile(values, 98):.4g} "
        "(2nd to 98th percentile) are black to white; the network sees the values as they are",
    ]


def test_sixteen_bits_of_the_whole_range_look_as_they_are() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (*SIZE, 3)).astype(np.uint16)
    photo = seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=SIZE)).read(values)
    np.testing.assert_array_equal(photo.original, np.floor(values / 257 + 0.5))
    assert photo.display == Display((0, 1, 2), ((0.0, 255.0),) * 3)
    assert photo.notes == (f"16 bits a pixel: 0-65535 became 0-1, and this photo reaches {values.max()}",)


def _grey(ends: float | None) -> seewhy.Classifier:
    return seewhy.Classifier(Planted(1).eval(), seewhy.Preprocess(size=SIZE, channels=1, range=ends), head="none")


def test_a_map_lies_on_sixteen_bits_as_on_eight() -> None:
    eight = np.zeros((*SIZE, 3), np.uint8)
    eight[(*SQUARE, 0)] = 255
    clf = seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=SIZE))
    for method in ("grad_cam", "occlusion", "gradient"):
        (on_eight, on_sixteen) = (seewhy.explain(clf, photo, method) for photo in (eight, eight.astype(np.uint16) * 257))
        np.testing.assert_allclose(on_sixteen.on_photo(), on_eight.on_photo(), atol=1e-6)
        np.testing.assert_array_equal(on_sixteen.panels()[1].pixels, on_eight.panels()[1].pixels)


# -- pictures of what nobody prepared -----------------------------------------------------------------------------------------


def test_arrays_of_many_bits_or_bands_can_be_drawn_on() -> None:
    values = bands(size=(40, 30))
    map = np.random.default_rng(0).random((5, 4))
    of_three = stretched(values[..., :3], [window(values[..., band]) for band in range(3)])
    np.testing.assert_array_equal(as_pixels(values), of_three)
    np.testing.assert_array_equal(cam_show(values, map), cam_show(of_three, map))
    twelve = np.random.default_rng(0).integers(0, 4096, (40, 30)).astype(np.uint16)
    assert as_pixels(twelve).mean() > 100
    np.testing.assert_array_equal(as_pixels(twelve * 16), np.floor(twelve[..., None].repeat(3, 2) * 16 / 257 + 0.5))
    with pytest.raises(PhotoError, match=r"The photo has shape \(3, 40, 30\)"):
        as_pixels(np.zeros((3, 40, 30)))


def test_a_flat_or_tiny_band_is_no_error() -> None:
    flat = np.full((16, 17, 13), 5.0, np.float32)
    assert (as_pixels(flat) == 0).all()
    assert window(np.array([np.nan])) == (0.0, 0.0)


# -- everything with 13 bands -------------------------------------------------------------------------------------------------

METHODS = [name for name in seewhy.METHODS if name not in ("attention_rollout", "grad_attention_rollout")]


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_every_method_finds_what_one_band_shows(clf: seewhy.Classifier, method: str) -> None:
    settings: dict[str, Any] = {"masks": 300, "grid": 5} if method == "rise" else {}
    settings |= {"samples": 200, "features": 16} if method == "lime" else {}
    e = seewhy.explain(clf, planted(7), method, 7, progress=False, **settings)
    inside = np.zeros(SIZE, bool)
    inside[SQUARE] = True
    map = np.abs(e.on_photo()[0])
    assert map.shape == SIZE
    if method == "deconvnet":  # its signal goes back past every ReLU: here it is the same everywhere, by its definition
        map = map * inside
    assert map[inside].mean() > 3 * map[~inside].mean()
    if e.raw is not None:
        assert e.raw.shape == (1, BANDS, *SIZE)
        assert np.abs(e.raw[0, 7]).sum() > 100 * np.abs(np.delete(e.raw[0], 7, 0)).sum()
    assert e.targets[0].index == 7


@pytest.mark.parametrize("fill", ["mean", "black", "blur", "noise", 30.0, list(range(BANDS))])
def test_every_fill(clf: seewhy.Classifier, fill: Any) -> None:
    e = seewhy.explain(clf, planted(4), "occlusion", 4, fill=fill, score="logit", progress=False)
    (row, column) = np.unravel_index(np.argmax(e.on_photo()[0]), SIZE)
    assert SQUARE[0].start <= row < SQUARE[0].stop
    assert SQUARE[1].start <= column < SQUARE[1].stop


@pytest.mark.parametrize("kind", ["grid", "superpixels"])
def test_segments_of_thirteen_bands(clf: seewhy.Classifier, kind: str) -> None:
    e = seewhy.explain(clf, planted(9), "lime", 9, segments=kind, features=24, samples=300, score="logit", progress=False)
    assert e.details["segments"].shape == SIZE
    (row, column) = np.unravel_index(np.argmax(e.on_photo("nearest")[0]), SIZE)
    assert SQUARE[0].start - 2 <= row < SQUARE[0].stop + 2
    assert SQUARE[1].start - 2 <= column < SQUARE[1].stop + 2


def test_files_keep_every_band(clf: seewhy.Classifier, tmp_path: Path) -> None:
    e = seewhy.explain(clf, bands(size=SIZE), "gradient", 5)
    back = seewhy.Explanation.load(e.save(tmp_path / "e.npz"))
    for name in ("original", "pixels", "raw"):
        np.testing.assert_array_equal(getattr(back.photo, name), getattr(e.photo, name))
    assert back.photo.display == e.photo.display
    assert back.photo.notes == e.photo.notes
    for panel, again in zip(e.panels(), back.panels(), strict=True):
        np.testing.assert_array_equal(panel.pixels, again.pixels)
    assert "bands 3, 2, 1 shown" in e.save(tmp_path / "e.html").read_text()
    assert "Bands 3, 2, 1 shown" in " ".join(panel.caption for panel in e.panels())
    assert e.image().size[0] > 100
    # What was read goes into another classifier with all its bands, and into the same one unchanged.
    assert clf.read(back.photo) is back.photo
    other = clf.with_preprocess(mean=0.25)
    np.testing.assert_array_equal(other.read(back.photo).pixels, e.photo.pixels)
    assert other.display == (3, 2, 1)
    plain = seewhy.explain(
        seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=SIZE)), np.zeros((*SIZE, 3), np.uint8), "cam"
    )
    assert {"display", "inputs", "raw"}.isdisjoint(plain.record()["photo"])  # older versions can read it


def test_what_measures_a_map_works_with_any_channels(clf: seewhy.Classifier) -> None:
    e = seewhy.explain(clf, planted(7), "grad_cam", 7)
    test = seewhy.crop_test(clf, e, share=0.05, progress=False)
    assert test.after < test.controls.min() <= test.before
    assert test.panels()[1].pixels.shape[2] == 3
    evaluation = seewhy.evaluate(clf, e, metrics=("deletion", "insertion", "stability"), steps=16, progress=False)
    assert evaluation.values["deletion"] < evaluation.random["deletion"]
    assert np.isfinite(list(evaluation.values.values())).all()
    check = seewhy.check(clf, e)
    assert check.sentence
    comparison = seewhy.compare(clf, [planted(7), planted(2)], method=["grad_cam", "gradient"], progress=False)
    assert [e.targets[0].index for e in comparison.explanations[0]] == [7, 7]
    activations = seewhy.activations(clf, planted(7), "conv")
    assert activations.beside().shape[2] == 3
    assert int(activations.values.max(axis=(1, 2)).argmax()) == 7


def test_the_crop_test_shows_what_it_removed_in_the_bands_that_are_shown(clf: seewhy.Classifier) -> None:
    values = bands(size=SIZE)
    values[(*SQUARE, 7)] = 10000
    e = seewhy.explain(clf, values, "gradient", 7)
    test = seewhy.crop_test(clf, e, share=0.05, fill="black", progress=False)
    (shown, edited) = (test._edited_photo(pixels, test.region) for pixels in (e.photo.pixels, test.edited))
    np.testing.assert_allclose(shown, e.photo.original, atol=1)  # nothing changed, nothing seen
    assert (edited[test.region] == 0).all()
    np.testing.assert_array_equal(edited[~test.region], e.photo.original[~test.region])


def test_the_command_line_picks_bands(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from small_nets import Planted\n"
        "def build():\n"
        "    return Planted(13).eval()\n"
    )
    np.save(tmp_path / "scene.npy", planted(7))
    arguments = ["explain", str(tmp_path / "scene.npy"), "--model", f"{tmp_path / 'net.py'}:build", "--size", "16,24"]
    arguments += ["--range", "10000", "--display", "3,2,1", "--method", "grad_cam", "-o", str(tmp_path / "why.npz")]
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code
    e = seewhy.Explanation.load(tmp_path / "why.npz")
    assert e.photo.display.bands == (3, 2, 1)
    assert e.photo.preprocessing.endswith("13 channels, values 0 to 10000 as 0-1")
    assert e.targets[0].index == 7


def test_a_network_of_the_batch_is_one_by_one(clf: seewhy.Classifier) -> None:
    photos = [planted(k) for k in (2, 7, 11)]
    together = seewhy.explain(clf, photos, "gradient")
    for e, photo in zip(together, photos, strict=True):
        np.testing.assert_allclose(e.maps, seewhy.explain(clf, photo, "gradient").maps, atol=1e-7)
    assert [e.targets[0].index for e in together] == [2, 7, 11]


def test_a_network_that_is_no_module(clf: seewhy.Classifier) -> None:
    own = Planted(BANDS).eval()
    function = seewhy.Classifier(lambda x: own(x).numpy(), clf.preprocess, display=(3, 2, 1))
    e = seewhy.explain(function, planted(7), "occlusion", 7, progress=False)
    np.testing.assert_allclose(e.maps, seewhy.explain(clf, planted(7), "occlusion", 7, progress=False).maps, atol=1e-6)


def test_sequential_networks_of_any_channels_dream() -> None:
    net = nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    clf = seewhy.Classifier(net, seewhy.Preprocess(size=16, channels=5))
    dream = seewhy.deep_dream(clf, channels=[0], iterations=2, levels=1, progress=False)
    assert dream.images.shape == (1, 16, 16, 3)
    assert np.isfinite(dream.images).all()
    assert dream.notes == ["the input has 5 channels: 0, 1, 2 are shown (counted from 0)"]
    assert len(dream.predictions) == 1


# -- one channel: digits ------------------------------------------------------------------------------------------------------


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1797 digits uint8 ``(n, 8, 8)``, and what they are."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images * 255 / 16).round().astype(np.uint8), data.target


@functools.cache
def digit_classifier(size: int) -> seewhy.Classifier:
    """Trained here for some seconds: two convolutions, in-place ReLUs, Flatten and a dense layer."""
    (images, labels) = digits()
    preprocess = seewhy.Preprocess(size=size, channels=1, mean=0.3, std=0.35)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(16 * (size // 4) ** 2, 10)),
        )
    clf = seewhy.Classifier(net, preprocess, [str(k) for k in range(10)])
    pixels = torch.from_numpy(np.stack([clf.read(image).pixels for image in images]))
    (inputs, truth) = (preprocess.normalise(pixels), torch.from_numpy(labels))
    (optimiser, generator) = (torch.optim.Adam(net.parameters(), 3e-3), torch.Generator().manual_seed(0))
    for _ in range(25):
        for batch in torch.randperm(1400, generator=generator).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), truth[batch]).backward()
            optimiser.step()
    net.eval()
    assert (net(inputs[1400:]).argmax(1) == truth[1400:]).float().mean() > 0.9
    return clf


@functools.cache
def one_of_each(size: int) -> tuple[np.ndarray, ...]:
    """For every digit the first one that was not trained on and is recognised."""
    (images, labels) = digits()
    chosen = digit_classifier(size).scores(list(images[1400:])).argmax(axis=1)
    return tuple(images[1400:][(labels[1400:] == digit) & (chosen == digit)][0] for digit in range(10))


DIGIT_METHODS: dict[str, dict[str, Any]] = {
    "auto": {},
    "occlusion": {},
    "lime": {"features": 16, "samples": 400},
    "gradient": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 32},
}


@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("method", DIGIT_METHODS)
def test_what_a_map_of_a_digit_marks_counts(method: str, size: int) -> None:
    (clf, net) = (digit_classifier(size), digit_classifier(size).network)
    (hidden, elsewhere) = ([], [])
    for digit, image in enumerate(one_of_each(size)):
        e = seewhy.explain(clf, image, method, digit, progress=False, **DIGIT_METHODS[method])
        assert e.targets[0].rank == 1
        map = e.on_input()[0]
        assert map.shape == (size, size)
        assert np.ptp(map) > 0, f"the map of {digit} is blank"
        assert not any("empty" in note or "flat" in note for note in e.notes)
        strongest = np.zeros(map.shape, bool)
        strongest.flat[np.argsort(-map, axis=None)[: round(0.15 * map.size)]] = True
        step = max(1, size // 8)
        moved = [np.roll(strongest, (r, c), (0, 1)) for r in range(0, size, step) for c in range(0, size, step)]
        masks = [strongest, *(mask for mask in moved if (mask & strongest).sum() < 0.4 * strongest.sum())]
        inputs = clf.preprocess.normalise(torch.from_numpy(e.photo.pixels)[None])
        with torch.no_grad():
            copies = torch.where(torch.from_numpy(np.stack(masks))[:, None], inputs.mean(), inputs)
            falls = (net(inputs) - net(copies))[:, digit].numpy()
        hidden.append(float(falls[0]))
        elsewhere.append(float(np.abs(falls[1:]).mean()))
    assert np.mean(hidden) > 1.5 * np.mean(elsewhere)
    # One map in cells of 2×2 pixels, of 8×8, and the plain gradient of so small a photo miss a digit or two.
    least = 8 if size == 8 and method in ("auto", "gradient") else 10
    assert (np.array(hidden) > elsewhere).sum() >= least
    if method == "auto":
        assert e.method == "hires_cam"


def test_grey_photos_stay_grey() -> None:
    e = seewhy.explain(digit_classifier(28), one_of_each(28)[3], "gradient")
    assert e.photo.original.shape == (8, 8)
    panel = e.panels()[0].pixels
    assert (panel == panel[..., :1]).all()
    assert e.photo.pixels.shape == (1, 28, 28)
    assert e.raw.shape == (1, 1, 28, 28)
    without = seewhy.Classifier(digit_classifier(28).network).with_preprocess(size=28)
    assert without.preprocess.channels == 1


# -- non-square inputs ----------------------------------------------------------------------------------------------------------

PLACES = [((16, 24), (slice(4, 8), slice(16, 20))), ((24, 16), (slice(16, 20), slice(4, 8)))]


class Tokens(Planted):
    """Planted, with its grid cut into 4×4 patches that stand in a row behind a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 3, 4, stride=4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 3))
        with torch.no_grad():
            self.patches.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4) / 16)
            self.patches.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), tokens], dim=1)
        return self.fc(self.relu(tokens - 0.2)[:, 1:].mean(dim=1))


# What the others do with tokens is shown with the architectures.
ON_TOKENS = [method for method in METHODS if method not in ("cam", "guided_grad_cam", "eigen_cam", "score_cam")]
FORMS = [(Planted, method) for method in (*METHODS, "auto")] + [(Tokens, method) for method in (*ON_TOKENS, "auto")]


@pytest.mark.parametrize(("network", "method"), FORMS)
@pytest.mark.parametrize(("size", "square"), PLACES)
def test_inputs_that_are_not_square(network: type, size: tuple[int, int], square: Any, method: str) -> None:
    photo = np.zeros((*size, 3), np.uint8)
    photo[(*square, 1)] = 255
    settings: dict[str, Any] = {"masks": 400, "grid": 5} if method == "rise" else {}
    settings |= {"samples": 300, "features": 24, "segments": "grid"} if method == "lime" else {}
    clf = seewhy.Classifier(network().eval(), seewhy.Preprocess(size=size))
    e = seewhy.explain(clf, photo, method, 1, progress=False, **settings)
    if method == "deconvnet":
        assert e.maps.shape == (1, *size)
        return
    map = np.abs(e.on_photo()[0])
    assert map.shape == size
    (row, column) = np.unravel_index(np.argmax(map), size)
    assert square[0].start - 2 <= row < square[0].stop + 2
    assert square[1].start - 2 <= column < square[1].stop + 2
    if network is Tokens and e.layer is not None:
        assert e.maps.shape == (1, size[0] // 4, size[1] // 4)


@pytest.mark.parametrize(("size", "square"), PLACES)
def test_masks_and_segments_of_inputs_that_are_not_square(size: tuple[int, int], square: Any) -> None:
    photo = np.zeros((*size, 3), np.uint8)
    photo[(*square, 1)] = 255
    clf = seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=size))
    for mask_size, stride in (((2, 8), (2, 4)), ((8, 2), (4, 2)), (4, 4)):
        settings = {"mask_size": mask_size, "stride": stride, "score": "logit", "progress": False}
        e = seewhy.explain(clf, photo, "occlusion", 1, reduce="average", **settings)
        # A mask of h×w hides (its share in the square) · 0.5 / (H W) of class 1's logit; the fill is the mean, below the bias.
        (height, width) = mask_size if isinstance(mask_size, tuple) else (mask_size, mask_size)
        inside = (photo[..., 1] > 0).astype(float)
        places = [
            (r, c)
            for r in range(0, size[0] - height + 1, _axis(stride, 0))
            for c in range(0, size[1] - width + 1, _axis(stride, 1))
        ]
        (total, count) = (np.zeros(size), np.zeros(size))
        for r, c in places:
            window = (slice(r, r + height), slice(c, c + width))
            total[window] += inside[window].sum() * 0.5 / inside.size
            count[window] += 1
        np.testing.assert_allclose(e.maps[0], total / count, atol=1e-6)
    labels = np.arange(6).reshape(2, 3).repeat(size[0] // 2, 0).repeat(-(-size[1] // 3), 1)[:, : size[1]]
    e = seewhy.explain(clf, photo, "lime", 1, segments=labels, samples=64, model="ridge", score="logit", progress=False)
    weights = [e.maps[0][labels == k].mean() for k in range(6)]
    shares = [(photo[..., 1] > 0)[labels == k].sum() for k in range(6)]
    assert np.corrcoef(weights, shares)[0, 1] > 0.99
    truth = np.zeros(size, bool)
    truth[square] = True
    e = seewhy.explain(clf, photo, "gradient", 1)
    pointing = seewhy.evaluate(clf, e, metrics=("pointing",), mask=truth, progress=False)
    assert pointing.values["pointing"] == 1


def _axis(stride: int | tuple[int, int], axis: int) -> int:
    return stride[axis] if isinstance(stride, tuple) else stride


@pytest.mark.parametrize("resize", ["stretch", "shorter"])
def test_a_square_photo_in_an_input_that_is_not(resize: str) -> None:
    photo = np.zeros((60, 60, 3), np.uint8)
    photo[20:25, 45:52, 1] = 255
    clf = seewhy.Classifier(Planted().eval(), seewhy.Preprocess(size=(16, 24), resize=resize))
    for method in ("grad_cam", "gradient", "occlusion"):
        e = seewhy.explain(clf, photo, method, 1, progress=False)
        map = e.on_photo()[0]
        assert map.shape == (60, 60)
        assert np.isnan(map).any() == (resize == "shorter")
        (row, column) = np.unravel_index(np.nanargmax(map), map.shape)
        assert 17 <= row < 28
        assert 42 <= column < 55


def test_the_tokens_of_a_vision_transformer_that_is_not_square() -> None:
    from_torchvision.models()  # timm imports torchvision
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = timm.models.VisionTransformer(
            img_size=(96, 64), patch_size=16, embed_dim=24, depth=2, num_heads=2, num_classes=3, global_pool="avg"
        ).eval()
    clf = seewhy.Classifier(net, seewhy.Preprocess(size=(96, 64)))
    photo = np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8)
    e = seewhy.explain(clf, photo, "grad_cam", 2, layer="blocks.1", relu=False)
    assert e.maps.shape == (1, 6, 4)
    tokens: list[torch.Tensor] = []
    handle = net.blocks[1].register_forward_hook(lambda module, args, out: tokens.append(out))
    scores = net(clf.preprocess.normalise(torch.from_numpy(e.photo.pixels)[None]))
    handle.remove()
    (gradient,) = torch.autograd.grad(scores[0, 2], tokens[0])
    skip = tokens[0].shape[1] - 24
    (values, weights) = (tokens[0][0, skip:], gradient[0, skip:].mean(dim=0))
    np.testing.assert_allclose(e.maps[0], (values @ weights).reshape(6, 4).detach().numpy(), atol=1e-6)
    assert seewhy.explain(clf, photo, "occlusion", 2, progress=False).on_photo().shape == (1, 96, 64)
