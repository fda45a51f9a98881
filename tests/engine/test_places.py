"""Where tensors lie over the photo, whatever a network does to its axes.

The grids that are read off the places are held against the network itself: every patch of the photo is changed, one at a time,
and the one cell that then changes must be the one that the grid says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from traced_networks import traced

from seewhy.engine.places import Places
from seewhy.engine.plan import make_plan
from seewhy.engine.probe import forward_with_taps
from seewhy.engine.steps import Grid, Step
from seewhy.engine.trace import trace as trace_of

ROWS, COLUMNS, PATCH = 4, 6, 2
Arrange = Callable[[torch.Tensor], torch.Tensor]


class Arranged(nn.Module):
    """Patches, put in some order by ``arrange``, each by itself through a dense layer and a ReLU; then a head that reads all."""

    def __init__(self, arrange: Arrange, channels_axis: int = -1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, PATCH, PATCH)
        self.dense = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.arrange = arrange
        self.channels_axis = channels_axis
        self.token = nn.Parameter(torch.randn(1, 2, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = self.arrange(self.patches(x).permute(0, 2, 3, 1))  # (N, rows, columns, C)
        features = self.norm(self.dense(values)) if self.channels_axis == -1 else values + 1
        return features.flatten(1).sum(1, keepdim=True) * torch.ones(2)


def tokens(values: torch.Tensor) -> torch.Tensor:
    return values.flatten(1, 2)


def with_class_tokens(values: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.randn(1, 2, 8).expand(len(values), -1, -1), tokens(values)], dim=1)


def with_a_token_behind(values: torch.Tensor) -> torch.Tensor:
    return torch.cat([tokens(values), torch.randn(1, 1, 8).expand(len(values), -1, -1)], dim=1)


def windows(values: torch.Tensor) -> torch.Tensor:
    """(N, 2·3, 2·2, C): windows of 2×2 patches."""
    return values.reshape(-1, 2, 2, 3, 2, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 6, 4, 8)


def shifted(values: torch.Tensor) -> torch.Tensor:
    return windows(torch.roll(values, (-1, -2), dims=(1, 2)))


def shuffled(values: torch.Tensor) -> torch.Tensor:
    order = torch.from_numpy(np.random.default_rng(3).permutation(ROWS * COLUMNS))
    return tokens(values)[:, order]


def there_and_back(values: torch.Tensor) -> torch.Tensor:
    together = shifted(values).reshape(-1, 2, 3, 2, 2, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, ROWS, COLUMNS, 8)
    return torch.roll(together, (1, 2), dims=(1, 2))


def padded(values: torch.Tensor) -> torch.Tensor:
    """To a multiple of 5, as windows of 5 need it."""
    return functional.pad(values, (0, 0, 0, 4, 0, 1))


def cut_again(values: torch.Tensor) -> torch.Tensor:
    return padded(values)[:, :ROWS, :COLUMNS].contiguous()


def transposed(values: torch.Tensor) -> torch.Tensor:
    return values.transpose(1, 2)


def written(values: torch.Tensor) -> torch.Tensor:
    """Into an empty tensor, column by column from the right."""
    out = values.new_zeros(len(values), ROWS * COLUMNS, 8)
    for column in range(COLUMNS):
        out[:, (COLUMNS - 1 - column) * ROWS : (COLUMNS - column) * ROWS] = values[:, :, column]
    return out


LAYOUTS: dict[Any, tuple[str, int]] = {
    tokens: ("tokens", 0),
    with_class_tokens: ("tokens", 2),
    with_a_token_behind: ("tokens", 0),
    windows: ("tokens", 0),
    shifted: ("tokens", 0),
    shuffled: ("tokens", 0),
    there_and_back: ("channels last", 0),
    padded: ("tokens", 0),
    cut_again: ("channels last", 0),
    transposed: ("tokens", 0),
    written: ("tokens", 0),
}


def last_grid(network: nn.Module, op: str, size: tuple[int, int]) -> tuple[Step, Grid]:
    step = [step for step in traced(network, 3, *size).steps if step.op == op][-1]
    assert step.grid is not None
    return step, step.grid


def changed_cells(network: nn.Module, step: Step, size: tuple[int, int]) -> list[list[int]]:
    """For every patch of the photo, row by row: the cells of the step that change with it."""
    torch.manual_seed(1)
    photo = torch.randn(1, 3, *size)
    (rows, columns) = (size[0] // PATCH, size[1] // PATCH)
    copies = photo.repeat(rows * columns, 1, 1, 1)
    for n, copy in enumerate(copies):
        (row, column) = divmod(n, columns)
        copy[:, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] += 1
    plan = make_plan(network, photo, lambda output: output, "exact")
    assert step.grid is not None
    (of_photo, of_copies) = (
        step.grid.read(forward_with_taps(plan, inputs, lambda output: output, (step,)).taps[0]) for inputs in (photo, copies)
    )
    assert of_copies.shape[-2:] == (step.grid.rows, step.grid.columns)
    changed = ((of_copies - of_photo).abs() > 1e-5).any(dim=1).flatten(1)
    return [row.nonzero().flatten().tolist() for row in changed]


@pytest.mark.parametrize("arrange", LAYOUTS, ids=lambda arrange: arrange.__name__)
def test_every_patch_is_found_where_the_network_put_it(arrange: Arrange) -> None:
    network = Arranged(arrange).eval()
    size = (ROWS * PATCH, COLUMNS * PATCH)
    (step, grid) = last_grid(network, "layer_norm", size)
    assert (grid.rows, grid.columns, grid.channels) == (ROWS, COLUMNS, 8)
    assert (grid.layout, grid.skip) == LAYOUTS[arrange]
    assert changed_cells(network, step, size) == [[n] for n in range(ROWS * COLUMNS)]


def test_channels_that_stand_before_the_tokens() -> None:
    network = Arranged(lambda values: values.permute(0, 3, 1, 2).flatten(2), channels_axis=1).eval()
    size = (ROWS * PATCH, COLUMNS * PATCH)
    (step, grid) = last_grid(network, "add", size)
    assert (grid.layout, grid.rows, grid.columns, grid.channels) == ("channels before tokens", ROWS, COLUMNS, 8)
    assert changed_cells(network, step, size) == [[n] for n in range(ROWS * COLUMNS)]


def test_tokens_before_the_batch() -> None:
    network = Arranged(lambda values: tokens(values).transpose(0, 1)).eval()
    network.forward = lambda x: (  # type: ignore[method-assign]
        network.norm(network.dense(network.arrange(network.patches(x).permute(0, 2, 3, 1)))).sum(0)
    )
    size = (ROWS * PATCH, COLUMNS * PATCH)
    (step, grid) = last_grid(network, "layer_norm", size)
    assert (grid.layout, grid.batch_axis) == ("tokens", 1)
    assert changed_cells(network, step, size) == [[n] for n in range(ROWS * COLUMNS)]


class Merged(nn.Module):
    """Swin's merging: four neighbours become one place, with four times the channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, PATCH, PATCH)
        self.reduce = nn.Linear(32, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = self.patches(x).permute(0, 2, 3, 1)
        parts = [values[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return torch.relu(self.reduce(torch.cat(parts, dim=-1)).flatten(1, 2)).mean(1)


def test_merged_neighbours_lie_in_their_middle() -> None:
    network = Merged().eval()
    size = (ROWS * PATCH, COLUMNS * PATCH)
    (step, grid) = last_grid(network, "relu", size)
    assert (grid.layout, grid.rows, grid.columns, grid.channels) == ("tokens", ROWS // 2, COLUMNS // 2, 16)
    expected = [[row // 2 * COLUMNS // 2 + column // 2] for row in range(ROWS) for column in range(COLUMNS)]
    assert changed_cells(network, step, size) == expected


class Attending(nn.Module):
    """Tokens that look at each other, in one of the ways to write that; what they read is added to what they are."""

    def __init__(self, attend: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, PATCH, PATCH)
        self.project = nn.Linear(8, 24)
        self.attend = attend

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = self.patches(x).flatten(2).transpose(1, 2)
        (count, length) = values.shape[:2]
        (queries, keys, content) = self.project(values).reshape(count, length, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = self.attend(queries, keys, content)
        return (mixed.transpose(1, 2).reshape(count, length, 8)).relu().mean(1)


def fused(queries: torch.Tensor, keys: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(queries, keys, content)


def multiplied(queries: torch.Tensor, keys: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    return (queries @ keys.mT).softmax(-1) @ content


def summed(queries: torch.Tensor, keys: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    weights = torch.einsum("n h q d, n h k d -> n h q k", queries, keys).softmax(-1)
    return torch.einsum("nhqk,nhkd->nhqd", [weights, content])


@pytest.mark.parametrize("attend", [fused, multiplied, summed])
def test_what_attention_gives_lies_where_its_query_does(attend: Callable[..., torch.Tensor]) -> None:
    (_, grid) = last_grid(Attending(attend).eval(), "relu", (ROWS * PATCH, COLUMNS * PATCH))
    assert grid == Grid(ROWS, COLUMNS, 8, "tokens")


def test_a_mean_over_all_places_is_no_grid() -> None:
    trace = traced(Merged().eval(), 3, 8, 12)
    grid = trace.steps[-1].grid
    assert grid is None or not grid.has_cells


def test_half_of_a_grid_is_a_grid_and_a_ragged_part_is_none() -> None:
    photo = torch.zeros(1, 3, 4, 6)
    places = Places(photo)

    def grid_of(name: str, func: Any, *args: Any) -> Grid | None:
        result = func(*args)
        places.follow(name, func, args, {}, [result])
        return places.grid(result)

    half = grid_of("__getitem__", torch.Tensor.__getitem__, photo, (slice(None), slice(None), slice(0, 2)))
    assert half == Grid(2, 6, 3, covers=False)
    flat = photo.flatten(2)
    places.follow("flatten", torch.flatten, (photo, 2), {}, [flat])
    assert places.grid(flat) == Grid(4, 6, 3, "channels before tokens")
    assert grid_of("__getitem__", torch.Tensor.__getitem__, flat, (..., slice(0, 23))) is None


def test_an_operation_that_nobody_knows_loses_places_that_do_not_fit() -> None:
    photo = torch.zeros(1, 3, 4, 6)
    places = Places(photo)
    (same, other) = (photo + 1, torch.zeros(1, 7))
    places.follow("mysterious", None, (photo,), {}, [same])
    assert places.grid(same) == Grid(4, 6, 3)
    places.follow("mysterious", None, (photo,), {}, [other])
    assert places.grid(other) is None


class Cut(nn.Module):
    """A convolution before what is cut off or laid otherwise, and behind it patches, a ReLU and a mean."""

    def __init__(self, arrange: Arrange, conv: nn.Module) -> None:
        super().__init__()
        (self.before, self.arrange, self.conv) = (nn.Conv2d(3, 3, 3, padding=1), arrange, conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.arrange(self.before(x))).flatten(2).mT.relu().mean(1)


@pytest.mark.parametrize("conv", [nn.Conv2d(3, 4, 4, 4), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, 2, 1), nn.AvgPool2d(4, 2)])
@pytest.mark.parametrize(
    ("arrange", "covers"),
    [
        (lambda x: x[:, :, 16:, 16:], False),
        (lambda x: x[:, :, :, :16], False),
        (lambda x: x[:, :, 8:-8, 8:-8], False),
        (lambda x: functional.interpolate(x[:, :, 16:], (32, 48)), False),
        (lambda x: functional.pad(x, (3, 3, 3, 3))[:, :, 3:-3, 3:-3], True),
        (lambda x: functional.pad(x, (0, 1, 0, 1)), True),
        (lambda x: x[:, :, ::2, ::2], True),
        (lambda x: functional.max_pool2d(functional.conv2d(x, torch.ones(3, 3, 3, 3)), 3, 2), True),
    ],
    ids=["quadrant", "left half", "centre", "enlarged half", "cut again", "padded", "every other", "unpadded"],
)
def test_whether_a_grid_covers_the_photo(arrange: Arrange, covers: bool, conv: nn.Module) -> None:
    (_, grid) = last_grid(Cut(arrange, conv).eval(), "relu", (32, 48))
    assert grid.layout == "tokens"
    assert grid.covers is covers


def test_far_padding_before_patches_is_no_part_of_the_photo() -> None:
    (_, grid) = last_grid(Cut(lambda x: functional.pad(x, (48, 0, 32, 0)), nn.Conv2d(3, 4, 4, 4)).eval(), "relu", (32, 48))
    assert (grid.rows, grid.columns, grid.covers) == (16, 24, False)


def test_a_step_that_is_thinner_than_half_a_cell_is_no_crop() -> None:
    (_, grid) = last_grid(Cut(lambda x: x[:, :, 1:, 1:], nn.Conv2d(3, 4, 8, 8)).eval(), "relu", (33, 49))
    assert (grid.rows, grid.columns, grid.covers) == (4, 6, True)


# -- volumes ------------------------------------------------------------------------------------------------------------------

SLICES = 2


class PatchedVolume(nn.Module):
    """A volume in patches of two slices, three rows and four columns, laid out in some way; then ReLU, and a mean."""

    def __init__(self, arrange: Arrange) -> None:
        super().__init__()
        self.patches = nn.Conv3d(1, 5, (2, 3, 4), (2, 3, 4))
        self.arrange = arrange

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        laid = self.arrange(self.patches(x)).relu()
        return laid.mean(dim=tuple(axis for axis in range(1, laid.ndim) if laid.shape[axis] != 5))


def behind_a_class_token(values: torch.Tensor) -> torch.Tensor:
    tokens = values.flatten(2).mT
    return torch.cat([torch.ones(len(tokens), 1, 5), tokens], dim=1)


def in_windows(values: torch.Tensor) -> torch.Tensor:
    """``(N, C, 2, 4, 6)`` in windows of 1×2×3 that come one after the other: ``(N, windows, cells, C)``."""
    parts = values.unfold(2, 1, 1).unfold(3, 2, 2).unfold(4, 3, 3)  # (N, C, 2, 2, 2, 1, 2, 3)
    return parts.flatten(5).flatten(2, 4).permute(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("arrange", "layout"),
    [
        (lambda values: values, "channels first"),
        (lambda values: values.permute(0, 2, 3, 4, 1), "channels last"),
        (lambda values: values.flatten(2).mT, "tokens"),
        (lambda values: values.flatten(2), "channels before tokens"),
        (behind_a_class_token, "tokens"),
        (in_windows, "tokens"),
        (lambda values: values.roll((1, 2, 1), (2, 3, 4)).flatten(2).mT, "tokens"),
    ],
    ids=["first", "last", "tokens", "before tokens", "class token", "windows", "rolled"],
)
def test_every_patch_of_a_volume_is_found_where_the_network_put_it(arrange: Arrange, layout: str) -> None:
    network = PatchedVolume(arrange).eval()
    volume = torch.randn(1, 1, 2 * SLICES, 3 * ROWS, 4 * COLUMNS, generator=torch.Generator().manual_seed(0))
    (trace, _) = trace_of(network, volume, lambda output: output)
    step = next(step for step in trace.steps if step.op == "relu")
    assert step.grid is not None
    assert step.grid.layout == layout
    assert step.grid.sides == (SLICES, ROWS, COLUMNS)
    assert step.grid.channels == 5
    with torch.no_grad():
        expected = network.patches(volume).relu()
        laid = network.arrange(network.patches(volume)).relu()
    torch.testing.assert_close(step.grid.read(laid), expected)


def test_merged_slices_lie_in_their_middle() -> None:
    volume = torch.zeros(1, 3, 8, 4, 6)
    places = Places(volume)
    pairs = volume.unflatten(2, (4, 2))
    places.follow("unflatten", torch.Tensor.unflatten, (volume, 2, (4, 2)), {}, [pairs])
    merged = pairs.mean(3)
    places.follow("mean", torch.mean, (pairs, 3), {}, [merged])
    assert places.grid(merged) == Grid(4, 6, 3, depth=4)
    ragged = volume.flatten(2)[..., :-1]
    places.follow("flatten", lambda x: x.flatten(2)[..., :-1], (volume,), {}, [ragged])
    assert places.grid(ragged) is None


def test_a_mean_over_the_depth_leaves_one_slice() -> None:
    volume = torch.zeros(1, 3, 8, 4, 6)
    places = Places(volume)
    flat = volume.mean(2)
    places.follow("mean", torch.mean, (volume, 2), {}, [flat])
    grid = places.grid(flat)
    assert grid is not None
    assert grid.sides == (1, 4, 6)
    values = torch.arange(72.0).reshape(1, 3, 4, 6)
    assert torch.equal(grid.read(values), values[:, :, None])


@pytest.mark.parametrize("sides", [(300, 4, 5), (3, 500, 2), (1, 1, 600)])
def test_large_volumes_are_still_told_apart(sides: tuple[int, int, int]) -> None:
    volume = torch.zeros(1, 1, *sides)
    grid = Places(volume).grid(volume)
    assert grid is not None
    assert grid.sides == sides
