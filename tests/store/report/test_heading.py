from __future__ import annotations

import pytest

from seewhy.store.manifest import Manifest
from seewhy.store.report.heading import about, folder_name, layers_in_words, method_in_words, photos_in_words, title_of


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("/home/ann/secret/photos", "photos"),
        ("../photos/", "photos"),
        (r"C:\Users\ann\photos", "photos"),
        ("s3://bucket/2024/photos", "photos"),
        ("..", ""),
        (".", ""),
        ("", ""),
        ("memory://", ""),
    ],
)
def test_of_a_folder_only_its_own_name_is_said(root: str, name: str) -> None:
    assert folder_name(root) == name


def test_methods_and_layers_are_said_in_words() -> None:
    assert method_in_words("grad_cam", ["grad_cam"]) == "Grad-CAM"
    assert method_in_words("grad_cam", []) == "Grad-CAM"
    assert method_in_words("auto", ["grad_cam", "occlusion"]) == "Grad-CAM and Occlusion (asked for: auto)"
    assert method_in_words("of_another_seewhy", []) == "of_another_seewhy"
    assert [layers_in_words(layers) for layers in (["10"], ["3", "10"], ["a", "b", "c"])] == [
        "layer 10",
        "layers 3 and 10",
        "layers a, b and c",
    ]


def test_a_title_counts_and_the_line_below_leaves_out_what_is_not_known() -> None:
    assert [photos_in_words(count) for count in (0, 1, 1540)] == ["0 photos", "1 photo", "1,540 photos"]
    assert title_of(1, "net.py:build") == "1 photo as net.py:build sees it"
    assert title_of(2, "") == "2 photos as the network sees them"
    whole = Manifest({"weights": "0123456789abcdef"}, {}, {"root": "../photos"})
    network = "net.py:build, weights 01234567"
    assert about(whole, "net.py:build", ["grad_cam"], [["grad_cam"]], ["10"]) == [
        "folder photos",
        network,
        "Grad-CAM at layer 10",
    ]
    nothing = Manifest({"weights": ""}, {}, {"root": ".."})
    assert about(nothing, "", ["rise"], [[]], []) == ["RISE"]
    assert about(nothing, "a", ["rise"], [[]], []) == ["a", "RISE"]
