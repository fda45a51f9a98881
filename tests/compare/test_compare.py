"""compare(): several networks, several methods, on the same photos."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import heads
import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image
from small_nets import Planted, SmallNet

import seewhy
from seewhy.evaluate import rank_correlation
from seewhy.features.folder import reduced


@pytest.fixture(scope="module")
def networks() -> list[seewhy.Classifier]:
    return [seewhy.load("demo:honest"), seewhy.load("demo:shortcut")]


@pytest.fixture(scope="module")
def bears() -> list[seewhy.demo.Scene]:
    return [scene for scene in seewhy.demo.scenes(40, logo=True, seed=2) if scene.label == "bear"][:4]


def test_two_networks_explain_the_same_class_side_by_side(
    networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene]
) -> None:
    result = seewhy.compare(networks, [scene.photo for scene in bears], relu=False)
    assert (result.columns, result.of, len(result)) == (["demo:honest", "demo:shortcut"], "networks", 4)
    for scene, row, matrix in zip(bears, result.explanations, result.correlations, strict=True):
        for clf, e in zip(networks, row, strict=True):
            alone = seewhy.explain(clf, scene.photo, target=row[0].targets[0].name, relu=False)
            np.testing.assert_array_equal(e.maps, alone.maps)
        small = [replace(e, photo=reduced(e.photo, 256)).on_photo()[0] for e in row]
        expected = rank_correlation(*small)
        assert matrix[0, 1] == matrix[1, 0] == pytest.approx(expected, abs=1e-6)
        assert matrix[0, 0] == matrix[1, 1] == 1
    # One looks at the animal, the other one at the corner.
    assert result.agreement[0, 1] < 0.5
    assert result.agreement[0, 1] == pytest.approx(result.correlations[:, 0, 1].mean(), abs=1e-6)


def test_memory_does_not_grow_with_the_size_of_the_photos(networks: list[seewhy.Classifier]) -> None:
    """3000×2250 pixels are kept as 1024×768, once for all columns; the maps are those of the whole photo."""
    pixels = seewhy.demo.scenes(1, seed=2)[0].photo
    photo = np.asarray(Image.fromarray(pixels).resize((3000, 2250)))
    for comparison in (
        seewhy.compare(networks, photo, relu=False),
        seewhy.compare(networks[0], photo, ["grad_cam", "lime"], relu=False, samples=20),
    ):
        (row,) = comparison.explanations
        assert [e.photo.original.shape for e in row] == [(768, 1024, 3)] * 2
        assert row[0].photo.original is row[1].photo.original
        assert row[1].photo.geometry.photo == (768, 1024)
        alone = seewhy.explain(networks[0], photo, relu=False)
        np.testing.assert_array_equal(row[0].maps, alone.maps)
        assert row[0].on_photo().shape == (1, 768, 1024)
        assert not [e for e in row if e.raw is not None or any(isinstance(value, np.ndarray) for value in e.details.values())]
        assert comparison.plot() is not None


def test_several_methods_of_one_network(networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene]) -> None:
    result = seewhy.compare(networks[0], bears[0].photo, ["grad_cam", "hires_cam", "gradient"], "bear", relu=False, signed=True)
    assert (result.columns, result.of, result.targets) == (["grad_cam", "hires_cam", "gradient"], "methods", ["bear"])
    (row,) = result.explanations
    assert [e.settings.get("relu") for e in row] == [False, False, None]
    assert row[2].settings["signed"] is True
    assert result.correlations[0, 0, 1] > 0.99  # the head averages: both are the same map
    assert result.same_prediction.tolist() == np.ones((3, 3)).tolist()


def test_a_folder_and_a_photo_that_cannot_be_read(
    networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene], tmp_path: Path
) -> None:
    for number, scene in enumerate(bears[:2]):
        Image.fromarray(scene.photo).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    result = seewhy.compare(networks, tmp_path)
    assert result.names == [str(tmp_path / "0.png"), str(tmp_path / "1.png")]
    assert [name for name, _ in result.skipped] == [str(tmp_path / "broken.jpg")]


def test_what_is_skipped_stands_in_the_notes(
    networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ph").mkdir()
    Path("ph/broken.png").write_bytes(b"no photo")
    result = seewhy.compare(networks, [bears[0].photo, "ph", "nix.png", "ph/broken.png", "nox.png"])
    assert result.notes == ["4 of 5 photos were skipped: ph, nix.png, ph/broken.png ... (4 in all)"]
    assert result.names == ["photo 1"]
    assert result.sentence.startswith("On 1 of 5 photos: ")
    assert result.notes[0] in result.page()


def test_classes_are_compared_by_name(small: SmallNet) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    prepared = seewhy.Preprocess(size=32)
    first = seewhy.Classifier(small.eval(), preprocess=prepared, classes=["ant", "bee", "cat", "dog"])
    second = seewhy.Classifier(SmallNet(3, seed=1).eval(), preprocess=prepared, classes=["dog", "cat", "eel"])
    result = seewhy.compare([first, second], photo, target="cat")
    assert [e.targets[0].index for e in result.explanations[0]] == [2, 1]
    (note,) = result.notes
    assert note == "classes are compared by name: SmallNet (2) does not know ant, bee; only SmallNet (2) knows eel"
    result = seewhy.compare([first, second], photo, target="bee")
    assert result.explanations[0][1] is None
    assert np.isnan(result.correlations[0, 0, 1])
    assert "SmallNet (2) does not know this class" in result.panels()[0].caption
    assert result.predictions == [[clf.classify(photo, 1)[0] for clf in (first, second)]]
    strangers = seewhy.Classifier(SmallNet(2, seed=1).eval(), preprocess=prepared, classes=["x", "y"])
    with pytest.raises(seewhy.SeewhyError, match=r"SmallNet \(1\) and SmallNet \(2\) have no class in common: ant"):
        seewhy.compare([first, strangers], photo)


def planted(classes: list[str]) -> seewhy.Classifier:
    """Its class is the channel that is bright."""
    return seewhy.Classifier(Planted(len(classes)).eval(), preprocess=None, classes=classes)


def bright(*channels: int) -> list[np.ndarray]:
    """A photo for each of the channels: bright there in a square, and a little in the next channel."""
    photos = np.zeros((len(channels), 3, 16, 16), np.float32)
    for photo, channel in zip(photos, channels, strict=True):
        photo[channel, 4:12, 4:12] = 1
        photo[(channel + 1) % 3, :4, :4] = 1
    return list(photos)


def test_what_concerns_one_photo_skips_it() -> None:
    """The second photo's class has a name that two classes of the other network share."""
    networks = [planted(["ant", "bee", "cat"]), planted(["ant", "bee", "bee"])]
    result = seewhy.compare(networks, bright(0, 1, 0))
    assert result.names == ["photo 1", "photo 3"]
    assert result.skipped == [("photo 2", "2 classes are called 'bee': 1 and 2. Say which one by its index: '#1'.")]
    assert result.notes[-1] == "1 of 3 photos were skipped: photo 2"
    with pytest.raises(seewhy.SeewhyError, match="2 classes are called 'bee'"):
        seewhy.compare(networks, bright(1, 0))


def test_a_setting_that_fails_ends_the_work_with_the_first_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    explain = seewhy.compare.__globals__["explain"]
    monkeypatch.setitem(seewhy.compare.__globals__, "explain", lambda *a, **k: (calls.append(1), explain(*a, **k))[1])
    clf = planted(["ant", "bee", "cat"])
    with pytest.raises(seewhy.SeewhyError, match="'nowhere'"):
        seewhy.compare([clf, clf], bright(0, 1, 2), layer="nowhere")
    assert len(calls) == 1


def test_ctrl_c_keeps_the_photos_that_are_done() -> None:
    """Ctrl-C in the middle of the second photo's second map: explain would return part of it, which is not compared."""
    network = Planted(3).eval()
    (seen, last) = (0, 10**9)

    def interrupted(pixels: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        seen += len(pixels)
        if seen > last:
            raise KeyboardInterrupt
        return network(pixels)

    classes = ["ant", "bee", "cat"]
    networks = [planted(classes), seewhy.Classifier(interrupted, preprocess=None, classes=classes)]
    whole = seewhy.compare(networks, bright(0, 1), "occlusion")
    assert (whole.partial, whole.notes) == (False, [])
    (seen, last) = (0, seen * 3 // 4)
    result = seewhy.compare(networks, bright(0, 1, 2), "occlusion")
    assert (result.names, result.partial, result.unreached) == (["photo 1"], True, 2)
    np.testing.assert_array_equal(result.correlations, whole.correlations[:1])
    assert result.notes == ["interrupted after 1 of 3 photos"]
    assert result.sentence.startswith("On 1 of 3 photos: ")
    assert result.record()["partial"] is True
    (seen, last) = (0, 10)
    with pytest.raises(KeyboardInterrupt):
        seewhy.compare(networks, bright(0, 1, 2), "occlusion")


def test_settings_beside_a_method_that_is_made_are_refused() -> None:
    clf = planted(["ant", "bee", "cat"])
    made = seewhy.METHODS["grad_cam"](relu=True)
    for methods in ([made, "hires_cam"], ["lime", made]):
        with pytest.raises(seewhy.SeewhyError, match="The method is made already: relu cannot be given beside it"):
            seewhy.compare(clf, bright(0), methods, relu=False)
    (row,) = seewhy.compare(clf, bright(0), [made, "gradient"], signed=True).explanations
    assert [e.settings.get("signed") for e in row] == [None, True]


def test_the_budget_holds_for_every_map(networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene]) -> None:
    result = seewhy.compare(networks[0], bears[0].photo, ["occlusion", "rise"], budget=20, batch_size=4)
    assert [e.cost.forward for e in result.explanations[0]] == [20, 20]
    assert (result.notes, [e.partial for e in result.explanations[0]]) == ([], [True, True])
    result = seewhy.compare(networks[0], [scene.photo for scene in bears[:2]], ["grad_cam", "rise"], budget=20)
    assert result.notes == ["rise: the budget stopped 2 of 2 maps before they were complete"]
    with pytest.raises(seewhy.SeewhyError, match="batch_size=0"):
        seewhy.compare(networks[0], bears[0].photo, ["occlusion", "rise"], batch_size=0)


def test_a_budget_goes_to_the_methods_that_it_can_limit(
    networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene]
) -> None:
    result = seewhy.compare(networks[0], bears[0].photo, ["grad_cam", "rise"], budget=20)
    assert [len(e.notes) for e in result.explanations[0]] == [0, 1]
    result = seewhy.compare(networks[0], bears[0].photo, ["grad_cam", "cam"], budget=20)
    assert [e.notes[0].startswith("budget=20 limits nothing") for e in result.explanations[0]] == [True, True]


def test_a_map_of_no_class_is_told_of_a_target_that_a_person_asked_for() -> None:
    clf = planted(["ant", "bee", "cat"])
    for target, count in (("top1", 0), ("bee", 1)):
        ((_, e),) = seewhy.compare(clf, bright(0), ["grad_cam", "eigen_cam"], target).explanations
        assert len([note for note in e.notes if note.startswith("target= changes nothing")]) == count


def test_against_is_found_by_name() -> None:
    first = planted(["ant", "bee", "cat"])
    second = planted(["cat", "ant", "bee"])
    for against in ("cat", 2, "#2"):
        result = seewhy.compare([first, second], bright(0), target="ant", against=against)
        assert result.targets == ["ant, not cat"]
        ((a, b),) = result.explanations
        assert [(e.targets[0].name, e.targets[0].against.name) for e in (a, b)] == [("ant", "cat")] * 2
        assert [(e.targets[0].index, e.targets[0].against.index) for e in (a, b)] == [(0, 2), (1, 0)]
    # "top2" is the second choice of the first network.
    ((a, b),) = seewhy.compare([first, second], bright(0), against="top2").explanations
    assert [e.targets[0].against.name for e in (a, b)] == ["bee", "bee"]
    ((a, b),) = seewhy.compare(first, bright(0), ["eigen_cam", "grad_cam"], against="top2").explanations
    assert (a.targets[0].against, b.targets[0].against.name) == (None, "bee")
    result = seewhy.compare([first, planted(["ant", "eel", "bee"])], bright(0), target="ant", against="cat")
    assert result.explanations[0][1] is None
    alone = seewhy.explain(first, bright(0)[0], target="ant", against="cat")
    np.testing.assert_array_equal(result.explanations[0][0].maps, alone.maps)


def test_a_photo_whose_first_choice_is_compared_with_itself_is_skipped() -> None:
    clf = planted(["ant", "bee", "cat"])
    result = seewhy.compare([clf, clf], bright(2, 0), against="cat")
    assert (result.names, [name for name, _ in result.skipped]) == (["photo 2"], ["photo 1"])
    with pytest.raises(seewhy.SeewhyError, match="None of 2 photos could be compared: against='cat' is the target itself"):
        seewhy.compare([clf, clf], bright(2, 2), against="cat")


def test_what_it_refuses(networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene], small: SmallNet) -> None:
    photo = bears[0].photo
    with pytest.raises(seewhy.SeewhyError, match="1 network and 1 method: compare several networks with one method"):
        seewhy.compare(networks[0], photo)
    with pytest.raises(seewhy.SeewhyError, match="2 networks and 2 methods"):
        seewhy.compare(networks, photo, ["grad_cam", "cam"])
    with pytest.raises(seewhy.SeewhyError, match=r"One of the networks is a SmallNet: wrap it as seewhy\.Classifier"):
        seewhy.compare([networks[0], small], photo)  # type: ignore[list-item]
    with pytest.raises(seewhy.SeewhyError, match="None of grad_cam, cam has a setting 'mask_size'"):
        seewhy.compare(networks[0], photo, ["grad_cam", "cam"], mask_size=3)
    with pytest.raises(seewhy.SeewhyError, match="1 names for 2 networks"):
        seewhy.compare(networks, photo, names=["a"])
    with pytest.raises(seewhy.SeewhyError, match="one class for each photo is compared"):
        seewhy.compare(networks, photo, target=["bear", "cow"])
    for target in ("top3", "top 2", "present"):
        message = f"target='{target}': one class for each photo is compared: its name, its index, or 'top1'."
        with pytest.raises(seewhy.SeewhyError, match=f"^{re.escape(message)}$"):
            seewhy.compare(networks, [photo, photo], target=target)


def test_a_class_may_be_called_like_several(small: SmallNet, small_photos: torch.Tensor) -> None:
    clfs = [
        seewhy.Classifier(net.eval(), preprocess=None, classes=["a", "b", "top3", "present"]) for net in (small, SmallNet(seed=3))
    ]
    for target in ("top3", "present", "a", 1, "#1", "top1"):
        assert len(seewhy.compare(clfs, small_photos[:1], target=target)) == 1
    assert seewhy.compare(clfs, small_photos[:1], target="top3").targets == ["top3"]


def test_progress_counts_maps(networks: list[seewhy.Classifier], bears: list[seewhy.demo.Scene]) -> None:
    told: list[tuple[int, int]] = []
    seewhy.compare(networks, [scene.photo for scene in bears], progress=lambda done, total, partial: told.append((done, total)))
    assert told == [(2, 8), (4, 8), (6, 8), (8, 8)]


def test_the_first_map_of_each_column_says_how_long_it_takes(
    networks: list[seewhy.Classifier],
    bears: list[seewhy.demo.Scene],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("seewhy.engine.runner._LONG", 0)
    photos = [scene.photo for scene in bears[:2]]
    methods = {"method": ["occlusion", "rise"], "masks": 30, "stride": 40, "mask_size": 40}
    seewhy.compare(networks[0], photos, **methods)
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"about .*", "", line) for line in lines] == [
        "Occlusion: 13 forward passes, ",
        "RISE: 31 forward passes, ",
        "Comparison: 2 of 4 are done, all of them take ",
    ]
    told: list[tuple[int, int]] = []
    seewhy.compare(networks[0], photos, **methods, progress=lambda done, total, partial: told.append((done, total)))
    assert told == [(2, 4), (4, 4)]
    seewhy.compare(networks[0], photos, **methods, progress=False)
    assert capsys.readouterr().err == ""


def test_tensors_without_preprocessing(small: SmallNet, small_photos: torch.Tensor) -> None:
    clfs = [seewhy.Classifier(net.eval(), preprocess=None) for net in (small, SmallNet(seed=3))]
    assert len(seewhy.compare(clfs, small_photos[:2], names=["before", "after"])) == 2


def test_auto_suits_each_network_and_is_told_once(networks: list[seewhy.Classifier]) -> None:
    photos = [scene.photo for scene in seewhy.demo.scenes(3, seed=5)]
    both = [networks[0], heads.flat()]
    result = seewhy.compare(both, photos, "auto", "bear", relu=False, progress=False)
    for photo, row in zip(photos, result.explanations, strict=True):
        assert [e.method for e in row] == ["grad_cam", "hires_cam"]
        for clf, e in zip(both, row, strict=True):
            np.testing.assert_array_equal(e.maps, seewhy.explain(clf, photo, e.method, "bear", relu=False).maps)
    assert heads.chosen(result.notes)[1] == heads.FLAT
    assert [str(note).partition(": ")[0] for note in result.notes] == ["demo:honest", "Sequential"]
    assert [note for number in range(3) for note in heads.chosen(result.notes_of(number))] == []  # not at each photo again
    assert result.record()["notes"] == [str(note) for note in result.notes]
    assert heads.FLAT in result.page().replace("&#39;", "'")
    texts = " ".join(text.get_text() for text in result.plot().findobj(Text))
    assert heads.FLAT in texts.replace("\n", " ")


def test_auto_takes_occlusion_for_all_networks_where_it_does_for_one() -> None:
    """Else Grad-CAM of one would be compared with occlusion of the other, as if the networks differed."""
    photos = [scene.photo for scene in seewhy.demo.scenes(2, seed=5)]
    open_network = heads.flat()
    both = [
        open_network,
        seewhy.Classifier(lambda x: open_network.network(x), preprocess=open_network.preprocess, classes=heads.CLASSES),
    ]
    result = seewhy.compare(both, photos, "auto", names=["open", "shut"], against="top2", progress=False)
    for photo, row in zip(photos, result.explanations, strict=True):
        assert [e.method for e in row] == ["occlusion", "occlusion"]
        target = row[0].targets[0]
        settings = {"against": target.against.name, "budget": 200, "score": "log_odds"}
        alone = seewhy.explain(open_network, photo, "occlusion", target.name, **settings)
        np.testing.assert_array_equal(row[0].maps, alone.maps)
    np.testing.assert_allclose(result.correlations, 1, atol=1e-3)
    assert [str(note) for note in result.notes] == [
        "open: method='auto' took occlusion: the map of shut is made so, and those of two methods differ also where the networks "
        "agree",
        f"shut: method='auto' took {heads.FUNCTION}",
    ]
    limited = seewhy.compare(both, photos[:1], "auto", budget=9, progress=False)
    assert [e.cost.forward for e in limited.explanations[0]] == [9, 9]


def test_auto_beside_another_method_has_settings_and_one_note() -> None:
    clf = heads.flat()
    photo = seewhy.demo.scenes(1, seed=5)[0].photo
    result = seewhy.compare(clf, photo, ["auto", "gradient"], relu=False, progress=False)
    ((auto, _),) = result.explanations
    np.testing.assert_array_equal(auto.maps, seewhy.explain(clf, photo, "hires_cam", relu=False).maps)
    assert heads.chosen(result.notes) == [heads.FLAT]
    assert result.columns == ["hires_cam (auto)", "gradient"]
    with pytest.raises(seewhy.errors.OptionError, match="None of auto has a setting 'samples'"):
        seewhy.compare([clf, clf], photo, "auto", samples=3)
