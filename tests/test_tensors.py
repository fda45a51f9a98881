"""Volumes: what is read as one, and what every method that knows them makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from small_volumes import BOX, HEADS, SIDES, LinearVolume, PlantedVolume, SmallVolumeNet, noise, planted_volume
from torch import nn

import seewhy
from seewhy.errors import MethodError, ModelError, OptionError, PhotoError
from seewhy.records import Display
from seewhy.tensors import read_tensor

WORKING = [name for name, method in seewhy.METHODS.items() if method.volumes]
GRADIENT = ["grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam"]


def classifier(network: Any, **settings: Any) -> seewhy.Classifier:
    return seewhy.Classifier(network, dimensions=3, **settings)


# -- reading ----------------------------------------------------------------------------------------------------------------


def test_a_volume_is_used_as_it_is_and_three_axes_are_one_channel(tmp_path: Path) -> None:
    clf = classifier(SmallVolumeNet())
    volume = noise()[0]  # (1, 6, 16, 24)
    np.save(tmp_path / "scan.npy", volume[0].numpy())
    np.savez(tmp_path / "scan.npz", volume.numpy())
    tifffile.imwrite(tmp_path / "scan.tif", volume[0].numpy())
    files = [tmp_path / f"scan.{form}" for form in ("npy", "npz", "tif")]
    for given in (volume, volume[0], volume.numpy(), volume[0].numpy(), *files, str(files[0])):
        read = clf.read(given)
        np.testing.assert_array_equal(read.pixels, volume)
        assert read.depth == 6
        assert read.geometry.input == (16, 24)
        assert read.name == (Path(given).name if isinstance(given, (str, Path)) else "volume")
        assert read.preprocessing == "none: the volume is used as it is"
    assert clf.read(read) is read
    np.testing.assert_array_equal(clf.read((volume[0].numpy() * 100).astype(np.int16)).pixels[0], (volume[0] * 100).short())


def test_four_axes_are_one_volume_and_five_are_a_batch() -> None:
    clf = classifier(SmallVolumeNet())
    volumes = noise(3)
    with torch.no_grad():
        expected = SmallVolumeNet().eval()(volumes).softmax(1)
    np.testing.assert_allclose(clf.scores(volumes), expected, rtol=1e-5)
    np.testing.assert_allclose(clf.scores(volumes[0]), expected[:1], rtol=1e-5)
    assert len(clf.classify(volumes)) == 3
    assert [prediction.index for prediction in clf.classify(volumes[0])] == expected[0].argsort(descending=True).tolist()
    assert isinstance(seewhy.explain(clf, volumes[:1]), list)
    assert seewhy.explain(clf, volumes[0]).maps.shape == (1, 3, 8, 12)


def test_the_picture_is_stretched_over_all_slices_at_once() -> None:
    values = np.arange(6 * 16 * 24, dtype=np.float32).reshape(SIDES) - 500
    photo = classifier(SmallVolumeNet()).read(values)
    assert photo.original.dtype == np.uint8
    assert photo.original.shape == SIDES
    (low, high) = np.percentile(values, (2, 98))
    np.testing.assert_allclose(photo.original, 255 * np.clip((values - low) / (high - low), 0, 1), atol=0.51)
    assert photo.display is not None
    assert photo.display.bands == (0,)
    np.testing.assert_allclose(photo.display.limits, [(low, high)])
    assert photo.notes[0].startswith("the picture is stretched, so that it can be seen: -453.9 to 1757 (2nd to 98th percentile)")
    assert photo.raw is None


def test_a_few_voxels_in_an_empty_volume_can_be_seen() -> None:
    values = np.zeros(SIDES, np.float32)
    values[2, 3, 4] = 7
    photo = classifier(SmallVolumeNet()).read(values)
    assert photo.display == Display((0,), ((0.0, 7.0),))
    assert photo.original[2, 3, 4] == 255
    assert photo.original.sum() == 255


def test_bands_of_a_volume_are_chosen_as_those_of_photos() -> None:
    volume = noise(channels=4)[0]
    clf = classifier(SmallVolumeNet(channels=4), display=(3, 0, 1))
    photo = clf.read(volume)
    assert photo.original.shape == (*SIDES, 3)
    assert photo.display is not None
    assert photo.display.bands == (3, 0, 1)
    for number, band in enumerate((3, 0, 1)):
        (low, high) = np.percentile(volume[band].numpy(), (2, 98))
        expected = 255 * np.clip((volume[band].numpy() - low) / (high - low), 0, 1)
        np.testing.assert_allclose(photo.original[..., number], expected, atol=0.51)
    grey = classifier(SmallVolumeNet(channels=4), display=2).read(volume)
    assert grey.original.shape == SIDES


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            torch.zeros(16, 24),
            "The volume has shape (16, 24): one volume is (C, D, H, W), or (D, H, W) of one channel; a batch is ",
        ),
        (
            torch.zeros(1, 1, 1, 6, 16, 24),
            "The volume has shape (1, 1, 1, 6, 16, 24): one volume is (C, D, H, W), or (D, H, W) of ",
        ),
        (torch.zeros(1, 0, 16, 24), "The volume has shape (1, 0, 16, 24): one volume is (C, D, H, W)"),
        (np.zeros(SIDES, np.uint8), "The volume holds uint8: give floats as the network was trained on them (volume / 255, or "),
        (torch.zeros(SIDES, dtype=torch.complex64), "The volume holds complex64: give floats"),
        (np.full(SIDES, np.nan), "The tensor holds values that are not finite (NaN or infinity): repair them first."),
        ("scan.dcm", "'scan.dcm' cannot be read as a volume: give a .npy, .npz or .tif file, or the array (C, D, H, W) itself."),
        (3, "A volume cannot be a int: give a float tensor or array (C, D, H, W), or a .npy file of one."),
        (
            torch.zeros(2, *SIDES),
            "2 channels given, but the network's first layer 'features.0' wants 1: use a tensor of that many",
        ),
    ],
)
def test_what_is_no_volume_is_one_line(given: Any, message: str) -> None:
    with pytest.raises(PhotoError) as error:
        classifier(SmallVolumeNet()).read(given)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_the_number_of_dimensions_that_a_network_wants_is_named() -> None:
    with pytest.raises(ModelError) as error:
        seewhy.explain(seewhy.Classifier(SmallVolumeNet()), torch.randn(6, 16, 24))
    assert str(error.value) == (
        "The network cannot take an input of shape (6, 16, 24): its layer 'features.0' is a convolution of volumes (C, D, H, W): "
        "write dimensions=3."
    )
    flat = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    with pytest.raises(ModelError) as error:
        seewhy.explain(classifier(flat), noise()[0])
    assert str(error.value) == (
        "The network cannot take an input of shape (1, 6, 16, 24): its layer '0' is a convolution of photos (C, H, W): leave out "
        "dimensions=3."
    )


def test_dimensions_are_checked() -> None:
    with pytest.raises(OptionError, match=r"^dimensions=4: write 2 for photos or 3 for volumes\.$"):
        seewhy.Classifier(PlantedVolume(), dimensions=4)
    with pytest.raises(OptionError, match=r"^dimensions=3: volumes are used as they are: leave preprocess= out\.$"):
        classifier(PlantedVolume(), preprocess=seewhy.Preprocess())
    with pytest.raises(OptionError, match=r"clf\.dimensions cannot be changed afterwards"):
        classifier(PlantedVolume()).dimensions = 2
    assert classifier(PlantedVolume()).with_network(PlantedVolume()).dimensions == 3


def test_photos_of_two_dimensions_are_read_as_before() -> None:
    values = torch.rand(3, 5, 7)
    photo = read_tensor(values, 2, None, "as it is", lambda shape: None)
    assert photo.depth is None
    assert photo.name == "tensor"
    np.testing.assert_array_equal(photo.original, values.permute(1, 2, 0))
    np.testing.assert_array_equal(photo.pixels, values)


# -- every method that knows volumes --------------------------------------------------------------------------------------------


def test_the_cam_family_and_occlusion_know_volumes() -> None:
    family = {"cam", "grad_cam", "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam", "eigen_cam"}
    assert set(WORKING) == family | {"occlusion"}


@pytest.mark.parametrize("method", sorted(set(seewhy.METHODS) - set(WORKING)))
def test_other_methods_refuse_in_one_line_that_names_what_works(method: str) -> None:
    with pytest.raises(MethodError) as error:
        seewhy.explain(classifier(PlantedVolume()), planted_volume(), method=method)
    assert str(error.value) == (
        f"{seewhy.METHODS[method].title} explains photos, and this classifier is one of volumes. Working there: method='cam', "
        "method='grad_cam', method='grad_cam_plus_plus', method='hires_cam', method='layer_cam', method='score_cam', "
        "method='eigen_cam' or method='occlusion'."
    )


@pytest.mark.parametrize("method", WORKING)
def test_the_peak_lies_in_the_planted_box(method: str) -> None:
    e = seewhy.explain(classifier(PlantedVolume()), planted_volume(), method=method, target=1)
    values = e.on_input()[0]
    assert values.shape == SIDES
    np.testing.assert_array_equal(e.on_photo()[0], values)
    inside = np.zeros(SIDES, dtype=bool)
    inside[BOX] = True
    assert inside.flat[int(values.argmax())]
    if method == "occlusion":  # a box of masks is larger than what it finds
        assert values[inside].mean() > 4 * np.abs(values[~inside]).mean()
    else:
        assert e.maps.shape == (1, *SIDES)
        np.testing.assert_allclose(e.maps[0][~inside], 0, atol=1e-6)
        np.testing.assert_allclose(e.maps[0][inside], e.maps[0].max(), rtol=1e-5)
    if method == "cam":
        np.testing.assert_allclose(e.maps[0][inside], 0.5)
    if method == "grad_cam":
        np.testing.assert_allclose(e.maps[0][inside], 0.5 / inside.size)


def by_hand(method: str, network: SmallVolumeNet, volume: torch.Tensor, target: int) -> torch.Tensor:
    """The papers' equations on autograd's gradients: ``(d, h, w)``, without the last ReLU."""
    network = network.eval()
    features = network.features(volume[None]).detach().requires_grad_()
    rest = network.classes(features.flatten(1) if network.head == "flat" else features.mean(dim=(2, 3, 4)))
    (g,) = torch.autograd.grad(rest[0, target], features)
    (a, g) = (features[0].detach(), g[0])
    total = torch.zeros(a.shape[1:])
    for k in range(len(a)):
        if method == "grad_cam":
            total += g[k].mean() * a[k]
        elif method == "hires_cam":
            total += g[k] * a[k]
        elif method == "layer_cam":
            total += g[k].clamp(min=0) * a[k]
        else:
            below = 2 * g[k] ** 2 + a[k].sum() * g[k] ** 3
            total += (torch.where(below == 0, 0, g[k] ** 2 / below) * g[k].clamp(min=0)).sum() * a[k]
    return total


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("method", GRADIENT)
def test_the_equations_written_twice(method: str, head: str) -> None:
    network = SmallVolumeNet(head)
    volume = noise()[0]
    e = seewhy.explain(classifier(network), volume, method=method, target=[0, 2], relu=False)
    assert e.layer == "features"
    assert e.maps.shape == (2, 3, 8, 12)
    for k, target in enumerate((0, 2)):
        expected = by_hand(method, network, volume, target).numpy()
        assert expected.any()
        np.testing.assert_allclose(e.maps[k], expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_cam_adds_up_to_the_logit() -> None:
    network = SmallVolumeNet()
    volumes = noise(2)
    for e, volume in zip(seewhy.explain(classifier(network), volumes, method="cam", target=[0, 1, 2]), volumes, strict=True):
        with torch.no_grad():
            logits = network.eval()(volume[None])[0].numpy()
            (features, weight) = (network.features(volume[None])[0], network.classes.weight)
        np.testing.assert_allclose(e.maps.mean(axis=(1, 2, 3)) + e.details["bias"], logits, rtol=1e-4)
        np.testing.assert_allclose(e.maps, torch.einsum("kc,cdhw->kdhw", weight, features).detach(), rtol=1e-4, atol=1e-5)


def test_eigen_cam_is_the_first_component_of_all_places() -> None:
    network = SmallVolumeNet().eval()
    volume = noise()[0]
    e = seewhy.explain(classifier(network), volume, method="eigen_cam", relu=False)
    with torch.no_grad():
        values = network.features(volume[None])[0].flatten(1).T.double().numpy()  # (places, c)
    (_, directions) = np.linalg.eigh(np.cov(values.T))
    component = (values @ directions[:, -1]).reshape(3, 8, 12)
    component *= np.sign(np.corrcoef(component.ravel(), values.sum(axis=1))[0, 1])
    np.testing.assert_allclose(e.maps[0], component, rtol=1e-4, atol=1e-5)


def test_score_cam_weights_volumes_by_their_scores() -> None:
    network = SmallVolumeNet("deep").eval()
    volume = noise()[0]
    e = seewhy.explain(classifier(network), volume, method="score_cam", layer="features.3", target=1, relu=False)
    with torch.no_grad():
        features = network.features[:4](volume[None])[0]
        values = []
        large = seewhy.geometry.resize_volume(features.numpy(), SIDES)
        for map in large:
            mask = torch.from_numpy((map - map.min()) / (map.max() - map.min()))
            values.append(float(network((volume * mask)[None])[0, 1]))
        weights = torch.tensor(values).sub(float(network(torch.zeros_like(volume)[None])[0, 1])).softmax(0)
    expected = sum(weight * map for weight, map in zip(weights, features, strict=True))
    np.testing.assert_allclose(e.maps[0], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", WORKING)
def test_a_batch_is_one_by_one(method: str) -> None:
    clf = classifier(SmallVolumeNet())
    volumes = noise(3)
    together = seewhy.explain(clf, volumes, method=method, **({"stride": 4} if method == "occlusion" else {}))
    for e, volume in zip(together, volumes, strict=True):
        alone = seewhy.explain(clf, volume, method=method, **({"stride": 4} if method == "occlusion" else {}))
        assert e.targets == alone.targets
        np.testing.assert_allclose(e.maps, alone.maps, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("network", "method", "reason"),
    [
        (SmallVolumeNet("mean"), "grad_cam", "the head averages 'features'"),
        (SmallVolumeNet("flat"), "hires_cam", "the head reads each place of 'features' by itself"),
        (lambda x: x.mean(dim=(2, 3, 4)), "occlusion", "this is a function, whose inside cannot be watched"),
    ],
)
def test_auto_takes_what_suits_the_network(network: Any, method: str, reason: str) -> None:
    volume = noise(channels=2 if method == "occlusion" else 1)[0]
    e = seewhy.explain(classifier(network), volume, mask_size=(2, 4, 6), stride=(2, 4, 6)) if method == "occlusion" else None
    e = e or seewhy.explain(classifier(network), volume)
    assert e.method == method
    assert e.notes[-1] == f"method='auto' took {method}: {reason}"


def test_slices_that_are_read_as_channels_give_one_map_for_all_of_them() -> None:
    class AsChannels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(6, 4, 3, padding=1)
            self.fc = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.conv(x.squeeze(1)).relu().mean(dim=(2, 3)))

    torch.manual_seed(0)
    network = AsChannels()
    volume = noise()[0]
    e = seewhy.explain(classifier(network), volume, target=0, method="cam")
    assert e.maps.shape == (1, 1, 16, 24)
    with torch.no_grad():
        expected = torch.einsum("c,chw->hw", network.fc.weight[0], network.conv(volume)[0].relu())
    np.testing.assert_allclose(e.maps[0, 0], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(e.on_input()[0], np.broadcast_to(e.maps[0], SIDES), rtol=1e-5)


def test_a_volume_stands_beside_other_inputs() -> None:
    class WithAge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = PlantedVolume()

        def forward(self, image: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
            return self.inner(image) + age[:, None]

    clf = classifier(WithAge(), explain="image", inputs={"age": 2.0})
    e = seewhy.explain(clf, planted_volume(), method="hires_cam", target=1)
    np.testing.assert_allclose(e.maps[0][BOX], 0.5 / np.prod(SIDES))
    (both,) = seewhy.explain(clf, [{"image": planted_volume(), "age": 3.0}], method="hires_cam", target=1)
    np.testing.assert_array_equal(both.maps, e.maps)
    assert both.photo.inputs == {"age": 3.0}


# -- occlusion ------------------------------------------------------------------------------------------------------------------


def box_sums(products: np.ndarray, size: tuple[int, ...], starts: list[range]) -> np.ndarray:
    """The sum of what lies in each box, cut off at the edges: ``(slices, rows, columns)`` of boxes."""
    sums = np.zeros([len(axis) for axis in starts])
    for place in np.ndindex(*sums.shape):
        first = [axis[number] for axis, number in zip(starts, place, strict=True)]
        box = tuple(slice(max(0, start), max(0, start + side)) for start, side in zip(first, size, strict=True))
        sums[place] = products[box].sum()
    return sums


@pytest.mark.parametrize(
    ("settings", "size", "starts"),
    [
        ({"mask_size": (2, 4, 6), "stride": (1, 3, 5), "clip": False}, (2, 4, 6), [range(5), range(0, 13, 3), range(0, 19, 5)]),
        ({"mask_size": (2, 5, 6), "stride": (2, 4, 6)}, (2, 5, 6), [range(0, 6, 2), range(-2, 14, 4), range(-2, 22, 6)]),
        ({"mask_size": 3, "stride": 3}, (3, 3, 3), [range(-1, 5, 3), range(-1, 15, 3), range(-1, 23, 3)]),
        ({}, (1, 3, 5), [range(6), range(-1, 15, 2), range(-2, 22, 2)]),  # 20 % and 10 % of each side, rounded half up
    ],
)
def test_occlusion_of_a_linear_network_gives_the_sums_of_the_boxes(settings: Any, size: Any, starts: list[range]) -> None:
    network = LinearVolume(SIDES)
    volume = noise()[0]
    e = seewhy.explain(classifier(network), volume, method="occlusion", target=0, fill=0, score="logit", **settings)
    expected = box_sums((network.weight.detach() * volume[0]).numpy(), size, starts)
    np.testing.assert_allclose(e.maps[0], expected, rtol=1e-4, atol=1e-3)
    assert e.details["mask_size"] == size
    assert e.details["mask_slices"].tolist() == [start for start in starts[0] for _ in range(len(starts[1]) * len(starts[2]))]
    assert e.details["mask_columns"].tolist() == list(starts[2]) * (len(starts[0]) * len(starts[1]))
    axes = [(starts[k][0] + size[k] / 2, float(starts[k][1] - starts[k][0])) for k in range(3)]
    assert e.sample_grid.axes == tuple(axes)
    assert e.details["computed"] == "whole photos"


def test_the_average_over_the_boxes_that_cover_a_voxel() -> None:
    network = LinearVolume(SIDES)
    volume = noise()[0]
    settings = {"mask_size": (3, 6, 8), "stride": (2, 4, 8), "reduce": "average", "fill": 0, "score": "logit"}
    e = seewhy.explain(classifier(network), volume, method="occlusion", target=0, **settings)
    products = (network.weight.detach() * volume[0]).numpy()
    (total, count) = (np.zeros(SIDES), np.zeros(SIDES))
    for first in np.ndindex(3, 4, 3):  # ceil((H - m) / s) + 1 positions
        box = tuple(slice(s * k, s * k + m) for k, s, m in zip(first, (2, 4, 8), (3, 6, 8), strict=True))
        total[box] += products[box].sum()
        count[box] += 1
    assert e.maps.shape == (1, *SIDES)
    np.testing.assert_allclose(e.maps[0], total / count, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("fill", ["mean", "black", "blur", "noise", 2.5, [1.0, 2.0]])
def test_fills_of_a_volume(fill: Any) -> None:
    e = seewhy.explain(classifier(PlantedVolume()), planted_volume(), method="occlusion", target=1, fill=fill, stride=(2, 6, 6))
    assert e.maps.shape == (1, 3, 3, 4)
    assert np.isfinite(e.maps).all()
    assert e.maps.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"mask_size": (4, 4)},
            "mask_size=(4, 4): write pixels of the network's input, a whole number above 0, or (slices, rows, ",
        ),
        ({"stride": 0}, "stride=0: write pixels of the network's input, a whole number above 0, or (slices, rows, columns)."),
        ({"mask_size": 8}, "mask_size=8: larger than the network's input (6×16×24 pixels): write a smaller one."),
    ],
)
def test_masks_that_do_not_fit_are_one_line(settings: Any, message: str) -> None:
    with pytest.raises(OptionError) as error:
        seewhy.explain(classifier(PlantedVolume()), planted_volume(), method="occlusion", **settings)
    assert str(error.value).startswith(message)


def test_a_budget_leaves_a_map_of_the_whole_volume() -> None:
    clf = classifier(PlantedVolume())
    settings = {"method": "occlusion", "target": 1, "mask_size": (2, 4, 6), "stride": (1, 2, 3)}
    whole = seewhy.explain(clf, planted_volume(), **settings)
    part = seewhy.explain(clf, planted_volume(), budget=120, **settings)
    assert whole.maps.shape == part.maps.shape == (1, 6, 8, 8)
    assert part.partial
    assert part.cost.forward <= 120
    measured = part.details["measured"]
    np.testing.assert_array_equal(part.maps[0][measured], whole.maps[0][measured])
    assert measured.sum() == 119  # and the volume itself
    off = float(np.abs(part.maps - whole.maps).mean())
    assert off < 0.05 * np.ptp(whole.maps)
    assert 0.2 * off < part.details["estimated_error"][0] < 5 * off
    assert np.unravel_index(int(part.on_input()[0].argmax()), SIDES)[0] in (3, 4)


# -- saved, and maps of one's own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
def test_a_saved_explanation_comes_back(tmp_path: Path, method: str) -> None:
    clf = classifier(PlantedVolume(), classes=["none", "lesion"])
    e = seewhy.explain(clf, planted_volume(), method=method, target=["lesion", "none"])
    back = seewhy.Explanation.load(e.save(tmp_path / "e.npz"))
    np.testing.assert_array_equal(back.maps, e.maps)
    np.testing.assert_array_equal(back.photo.original, e.photo.original)
    np.testing.assert_array_equal(back.photo.pixels, e.photo.pixels)
    np.testing.assert_array_equal(back.on_input(), e.on_input())
    assert back.photo.depth == 6
    assert back.sample_grid == e.sample_grid
    assert back.record() == e.record()
    assert repr(back) == repr(e)


def test_a_map_of_ones_own() -> None:
    clf = classifier(PlantedVolume())
    values = np.arange(24.0).reshape(2, 3, 4)
    e = seewhy.Explanation.from_map(clf, planted_volume(), values, target=1)
    np.testing.assert_array_equal(e.maps[0], values)
    assert e.on_input().shape == (1, *SIDES)
    with pytest.raises(
        OptionError, match=r"^The map has shape \(3, 4\): give finite numbers, \(d, h, w\), or \(K, d, h, w\) for"
    ):
        seewhy.Explanation.from_map(clf, planted_volume(), values[0], target=1)


# -- loading ----------------------------------------------------------------------------------------------------------------

MODEL = """
from small_volumes import SmallVolumeNet
import seewhy

def build():
    return SmallVolumeNet()

def classifier():
    return seewhy.Classifier(SmallVolumeNet(), classes=["a", "b", "c"], dimensions=3)

def prepared():
    return seewhy.Classifier(SmallVolumeNet(), preprocess=seewhy.Preprocess(size=16))
"""


def test_a_network_of_volumes_is_loaded_as_one(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(MODEL)
    expected = classifier(SmallVolumeNet()).scores(noise())
    clf = seewhy.load(f"{tmp_path}/my.py:build", dimensions=3, classes=["a", "b", "c"])
    assert (clf.dimensions, clf.name, clf.classes) == (3, "my.py:build", ["a", "b", "c"])
    np.testing.assert_array_equal(clf.scores(noise()), expected)
    own = seewhy.load(f"{tmp_path}/my.py:classifier")
    assert (own.dimensions, own.classes) == (3, ["a", "b", "c"])
    renamed = seewhy.load(f"{tmp_path}/my.py:classifier", classes=["d", "e", "f"])  # stays one of volumes
    assert (renamed.dimensions, renamed.classes) == (3, ["d", "e", "f"])
    np.testing.assert_array_equal(renamed.scores(noise()), expected)
    torch.save(SmallVolumeNet(), tmp_path / "net.pt")
    saved = seewhy.load(tmp_path / "net.pt", trust=True, dimensions=3)
    np.testing.assert_array_equal(saved.scores(noise()), expected)


def test_what_cannot_be_loaded_as_one_of_volumes_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(MODEL)
    for spec in ("demo:honest", f"{tmp_path}/my.py:prepared"):
        with pytest.raises(OptionError) as error:
            seewhy.load(spec, dimensions=3)
        assert str(error.value) == f"dimensions=3: {spec} brings the preprocessing of photos; leave it out."
    with pytest.raises(OptionError, match="dimensions=3: volumes are used as they are: leave preprocess= out"):
        seewhy.load(f"{tmp_path}/my.py:build", dimensions=3, preprocess=seewhy.Preprocess(size=16))
    with pytest.raises(OptionError, match="dimensions=4: write 2 for photos or 3 for volumes"):
        seewhy.load(f"{tmp_path}/my.py:build", dimensions=4)
    clf = seewhy.load(f"{tmp_path}/my.py:build", dimensions=3)
    with pytest.raises(OptionError, match="Volumes are used as they are: leave size=, mean= out, and prepare the file"):
        clf.with_preprocess(size=16, mean=0.5)
