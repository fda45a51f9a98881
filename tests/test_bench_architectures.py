"""One network of each layout by every method, as `make tables` does it for all of them; and the page."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bench import architectures
from bench.architectures import EQUAL, FAILED, REFUSED, WORKS, Architecture, Row, page, tried

import seewhy

SMALL = (
    architectures.torchvision("squeezenet1_1", 64),
    architectures.timm("convnext_atto", 64, depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)),
    architectures.timm("vit_tiny_patch16_224", 48, 64, img_size=(48, 64), patch_size=8, embed_dim=32, depth=2, num_heads=2),
    architectures.timm("deit_tiny_distilled_patch16_224", 48, img_size=48, patch_size=8, embed_dim=32, depth=2, num_heads=2),
    architectures.timm(
        "swin_tiny_patch4_window7_224", 64, img_size=64, window_size=4, embed_dim=16, depths=(1, 2), num_heads=(1, 2)
    ),
    architectures.timm("hiera_tiny_224", 64, img_size=64, embed_dim=16, stages=(1, 1, 1, 1)),
    architectures.timm("mixer_s16_224", 224),
    architectures.transformers("Swin", window_size=4, **architectures._STAGES),
    architectures.transformers("ViT", **architectures._SMALL),
)
# The layout of the automatic layer, its grid, and what refuses.
EXPECTED = {
    "torchvision:squeezenet1_1": ("channels first", "3×3", {"attention_rollout"}),
    "timm:convnext_atto": ("channels first", "2×2", {"guided_backprop", "attention_rollout"}),
    "timm:vit_tiny_patch16_224": ("tokens", "6×8", {"guided_backprop"}),
    "timm:deit_tiny_distilled_patch16_224": ("tokens", "6×6", {"guided_backprop"}),
    "timm:swin_tiny_patch4_window7_224": ("channels last", "8×8", {"guided_backprop", "attention_rollout"}),
    "timm:hiera_tiny_224": ("tokens", "2×2", {"guided_backprop", "attention_rollout"}),
    "timm:mixer_s16_224": ("tokens", "14×14", {"guided_backprop", "attention_rollout"}),
    "transformers:Swin": ("tokens", "8×8", {"guided_backprop", "attention_rollout"}),
    "transformers:ViT": ("tokens", "8×8", {"guided_backprop"}),
}


@pytest.mark.parametrize("architecture", SMALL, ids=lambda architecture: architecture.title)
def test_one_of_each_layout(architecture: Architecture) -> None:
    if importlib.util.find_spec(architecture.library) is None:
        pytest.skip(f"{architecture.library} is not installed")
    row = tried(architecture)
    (layout, grid, refusing) = EXPECTED[architecture.title]
    assert (row.layout, row.grid) == (layout, grid)
    assert not [(method, text) for method, (sign, text) in row.cells.items() if sign == FAILED]
    assert {method for method, (sign, _) in row.cells.items() if sign == REFUSED} == refusing
    assert row.cells["gradient"][0] == EQUAL  # to captum
    if layout == "channels first":
        assert row.cells["hires_cam"][0] == EQUAL


def row(title: str = "timm:swin", **cells: tuple[str, str]) -> Row:
    every = dict.fromkeys(architectures.COLUMNS, (WORKS, "")) | {"auto": (WORKS, "grad_cam")} | cells
    return Row(title, 28.25, "norm", "7×7", "channels last", every, 2.0)


def test_the_page() -> None:
    text = page(
        [row(gradient=(EQUAL, ""), attention_rollout=(REFUSED, "windows.")), row("timm:b", lime=(FAILED, "does not vary"))]
    )
    assert "2 networks of torchvision, timm and transformers" in text
    assert "| timm:swin | 28.2 | `norm` | 7×7 | channels last | grad_cam | + | + | = | + | + | + | - |" in text
    assert "* `attention_rollout`: windows." in text
    assert "* timm:b, `lime`: does not vary" in text
    assert page([row()]).endswith("## Failures\n\nNone.\n")


def test_what_is_no_map() -> None:
    photo = torch.rand(3, 16, 24)
    explanation = seewhy.explain(seewhy.Classifier(lambda x: torch.stack([x.mean((1, 2, 3)), x[:, 0].mean((1, 2))], 1)), photo)
    assert architectures.problem_of(explanation, photo) == ""
    for values, problem in ((np.nan, "not finite"), (0.5, "does not vary")):
        explanation.maps[...] = values
        assert architectures.problem_of(explanation, photo) == problem


def test_rows_are_kept_for_as_long_as_the_sources_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "PLACE", tmp_path)
    calls = []
    monkeypatch.setattr(architectures, "tried", lambda architecture: calls.append(architecture) or row(architecture.title))
    first = architectures.measure(SMALL[:2])
    assert architectures.measure(SMALL[:2]) == first
    assert len(calls) == 2
    assert architectures.measure(SMALL[1:2]) == first[1:]
    for path in tmp_path.glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"sources": "others"}))
    assert architectures.measure(SMALL[:2]) == first
    assert len(calls) == 4


def test_a_network_outside_the_table_is_named() -> None:
    small = architectures.named("timm:convnext_atto")
    assert (small.title, small.size) == ("timm:convnext_atto", (224, 224))
    assert architectures.named("timm:fastvit_t8@256").size == (256, 256)
    assert architectures.named("torchvision:resnet18").title == "torchvision:resnet18"
