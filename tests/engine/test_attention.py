"""The tables of attention, in every way to write it."""

from __future__ import annotations

import pytest
import torch
from attending_nets import FORMS, HEADS, WIDTH, SmallViT
from torch import nn
from torch.nn import functional
from traced_networks import traced

import seewhy
from seewhy.engine.attention import find_attention, forward_with_attention
from seewhy.engine.plan import make_plan
from seewhy.engine.steps import Grid, Step
from seewhy.errors import MethodError

PHOTOS = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))
TOKENS = 1 + 4 * 6


def opened(network: nn.Module, graph: bool = False):
    plan = make_plan(network, PHOTOS[:1], lambda output: output, "exact")
    assert plan.trace is not None
    attention = find_attention(plan.trace)
    assert not isinstance(attention, str), attention
    return attention, *forward_with_attention(plan, PHOTOS, lambda output: output, attention.steps, graph)


def expected_tables(network: SmallViT) -> list[torch.Tensor]:
    tables = []
    with torch.no_grad():
        tokens = network.tokens(PHOTOS)
        for block in network.blocks:
            tables.append(block.table(tokens)[0])
            tokens = block(tokens)
    return tables


@pytest.mark.parametrize("form", FORMS)
def test_the_tables_are_those_of_the_network(form: str) -> None:
    network = SmallViT(form).eval()
    (attention, output, tables) = opened(network)
    assert [table.shape for table in tables] == [(2, HEADS, TOKENS, TOKENS)] * 3
    for table, expected in zip(tables, expected_tables(network), strict=True):
        torch.testing.assert_close(table, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(output, network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)
    assert attention.length == TOKENS
    assert attention.grid == Grid(4, 6, WIDTH, "tokens", skip=1)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_the_tables(form: str) -> None:
    """By finite differences: one entry of the first block's table is moved."""
    network = SmallViT(form).eval().double().requires_grad_(False)
    photos = PHOTOS.double()
    plan = make_plan(network, photos[:1], lambda output: output, "exact")
    attention = find_attention(plan.trace)
    (output, tables) = forward_with_attention(plan, photos, lambda output: output, attention.steps, graph=True)
    (gradient,) = torch.autograd.grad(output[0, 2], tables[0])

    def score(nudge: torch.Tensor) -> torch.Tensor:
        (first, *others) = network.blocks
        tokens = network.tokens(photos)
        (table, values) = first.table(tokens)
        tokens = tokens + first.attention.out_proj(((table + nudge) @ values).transpose(1, 2).flatten(2))
        tokens = tokens + first.dense(tokens)
        for block in others:
            tokens = block(tokens)
        return network.fc(network.norm(tokens)[:, 0])[0, 2]

    for place in [(0, 0, 3, 5), (0, 1, 0, 24), (0, 1, 17, 2)]:
        nudge = torch.zeros_like(tables[0])
        nudge[place] = 1e-5
        expected = (score(nudge) - score(-nudge)) / 2e-5
        assert float(gradient[place]) == pytest.approx(float(expected), rel=1e-4, abs=1e-9)


def fused_by(**settings):
    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 4, 4)
            self.project = nn.Linear(8, 24)
            self.fc = nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(x).flatten(2).mT
            (q, k, v) = self.project(tokens).unflatten(-1, (3, 4, 2)).permute(2, 0, 3, 1, 4)
            if settings.get("enable_gqa"):  # two heads look at the keys of one: 0 and 1 at those of 0, 2 and 3 at those of 1
                (k, v) = (k[:, :2], v[:, :2])
            read = functional.scaled_dot_product_attention(q, k, v, **settings).transpose(1, 2).flatten(2)
            return self.fc((tokens + read).mean(1))

    torch.manual_seed(0)
    return Fused().eval()


@pytest.mark.parametrize(
    "settings",
    [
        {"is_causal": True},
        {"scale": 0.7},
        {"enable_gqa": True},
        {"attn_mask": torch.arange(24)[:, None] >= torch.arange(24)},
        {"attn_mask": torch.linspace(-3, 3, 24 * 24).reshape(24, 24)},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_what_the_fused_operation_can_be_told(settings) -> None:
    network = fused_by(**settings)
    (_, output, (table,)) = opened(network)
    torch.testing.assert_close(output, network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(table.sum(-1), torch.ones(table.shape[:-1]))
    if settings.get("is_causal"):
        assert float(table.triu(1).abs().max()) == 0


class Masked(nn.Module):
    """nn.MultiheadAttention with masks and separate projections."""

    def __init__(self, keys: int | None = None, **settings) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True, kdim=keys, vdim=keys, **settings)
        self.keys = nn.Linear(8, keys or 8)
        self.fc = nn.Linear(8, 3)
        self.masks: dict = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        keys = self.keys(tokens)
        masks = {name: mask[: len(x)] if name == "key_padding_mask" else mask for name, mask in self.masks.items()}
        return self.fc((tokens + self.attention(tokens, keys, keys, **masks)[0]).mean(1))


@pytest.mark.parametrize("keys", [None, 6])
@pytest.mark.parametrize("mask", ["none", "bool", "float", "padding"])
def test_masks_and_separate_projections(keys: int | None, mask: str) -> None:
    network = Masked(keys).eval()
    causal = torch.arange(24)[:, None] < torch.arange(24)  # True: left out
    padding = (torch.arange(24) > 20).expand(2, -1)
    network.masks = {
        "none": {},
        "bool": {"attn_mask": causal},
        "float": {"attn_mask": torch.linspace(-2, 2, 576).reshape(24, 24)},
        "padding": {"key_padding_mask": padding},
    }[mask]
    (_, output, (table,)) = opened(network)
    torch.testing.assert_close(output, network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)
    if mask == "bool":
        assert float(table.triu(1).abs().max()) == 0
    if mask == "padding":
        assert float(table[..., 21:].abs().max()) == 0


@pytest.mark.parametrize("settings", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_keys_that_are_no_tokens_are_refused(settings) -> None:
    with pytest.raises(MethodError, match="keys that are no tokens"):
        opened(Masked(**settings).eval())


class Patches(nn.Module):
    """Tokens come from patches of 4×4, and a dense layer reads their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.fc = nn.Linear(8, 3)


class Windows(Patches):
    """Two windows, each by itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        windows = tokens.unflatten(1, (2, 12)).flatten(0, 1)[:, None]
        return self.fc((tokens + ((windows @ windows.mT).softmax(-1) @ windows).reshape(tokens.shape)).mean(1))


class Pooled(Patches):
    """The second block has half of the tokens."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        for _ in range(2):
            heads = tokens[:, None]
            tokens = (tokens + ((heads @ heads.mT).softmax(-1) @ heads)[:, 0])[:, ::2]
        return self.fc(tokens.mean(1))


class PooledQueries(Patches):
    """Half of the tokens look at all of them, in one fused operation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        few = tokens[:, :12]
        return self.fc((few + functional.scaled_dot_product_attention(few, tokens, tokens)).mean(1))


def test_one_head_without_an_axis_of_its_own() -> None:
    class OneHead(PooledQueries):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(x).flatten(2).mT
            table = (tokens @ tokens.mT).softmax(-1)
            return self.fc((tokens + table @ tokens).mean(1))

    torch.manual_seed(0)
    network = OneHead().eval()
    (_, output, (table,)) = opened(network)
    tokens = network.patches(PHOTOS).flatten(2).mT.detach()
    torch.testing.assert_close(table, (tokens @ tokens.mT).softmax(-1)[:, None], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(output, network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)


def test_tokens_that_look_at_more_than_there_are_of_them() -> None:
    torch.manual_seed(0)
    with pytest.raises(MethodError, match="has 12 tokens that look at 24"):
        seewhy.explain(seewhy.Classifier(PooledQueries().eval()), PHOTOS[0], "attention_rollout")


def mixer() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Flatten(2), nn.Linear(24, 24), nn.GELU(), nn.Flatten(), nn.Linear(192, 3))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (mixer(), "no operation of it is an attention of tokens to tokens"),
        (Windows(), "looks at windows of the photo, each by itself"),
        (Pooled(), "is 24×24, and the last one 12×12"),
    ],
    ids=["mixer", "windows", "pooled"],
)
def test_why_there_is_none(network: nn.Module, reason: str) -> None:
    attention = find_attention(traced(network))
    assert isinstance(attention, str)
    assert attention.endswith(reason)


def test_a_softmax_over_classes_is_no_attention() -> None:
    head = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1))
    steps: tuple[Step, ...] = traced(head).steps
    assert [step.op for step in steps][-1] == "softmax"
    assert isinstance(find_attention(traced(head)), str)


class Folded(Patches):
    """Four heads of two channels stand in the axis of the photos."""

    def __init__(self, heads_first: bool) -> None:
        super().__init__()
        self.heads_first = heads_first

    def heads(self, tokens: torch.Tensor) -> torch.Tensor:
        """``(N, 4, tokens, 2)``."""
        return tokens.unflatten(-1, (4, 2)).transpose(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        heads = self.heads(tokens)
        folded = (heads.transpose(0, 1) if self.heads_first else heads).flatten(0, 1)
        read = torch.bmm(torch.bmm(folded, folded.mT).softmax(-1), folded)
        read = read.unflatten(0, (4, -1)).transpose(0, 1) if self.heads_first else read.unflatten(0, (-1, 4))
        return self.fc((tokens + read.transpose(1, 2).flatten(2)).mean(1))


@pytest.mark.parametrize("heads_first", [False, True])
@pytest.mark.parametrize("graph", [False, True])
def test_heads_folded_into_the_axis_of_the_photos(heads_first: bool, graph: bool) -> None:
    torch.manual_seed(0)
    network = Folded(heads_first).eval()
    (_, output, (table,)) = opened(network, graph)
    heads = network.heads(network.patches(PHOTOS).flatten(2).mT).detach()
    torch.testing.assert_close(table.detach(), (heads @ heads.mT).softmax(-1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(output.detach(), network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)


def test_who_looks_may_stand_in_the_columns() -> None:
    class Transposed(Patches):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(x).flatten(2).mT
            table = (tokens.roll(1, -1) @ tokens.mT).softmax(dim=-2)  # keys by queries
            return self.fc((tokens + table.mT @ tokens).mean(1))

    torch.manual_seed(0)
    network = Transposed().eval()
    for graph in (False, True):
        (_, output, (table,)) = opened(network, graph)
        tokens = network.patches(PHOTOS).flatten(2).mT.detach()
        expected = (tokens @ tokens.roll(1, -1).mT).softmax(-1)[:, None]
        torch.testing.assert_close(table.detach(), expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(output.detach(), network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)


def test_one_mask_for_each_head_of_each_photo() -> None:
    """A head of nn.MultiheadAttention sees the tokens before, the other one those behind, in the second photo the reverse."""
    network = Masked().eval()
    before = torch.arange(24)[:, None] < torch.arange(24)  # True: left out
    masks = torch.stack([before, before.mT, before.mT, before])
    attend = network.attention.forward

    def masked(*args, **kwargs):
        return attend(*args, attn_mask=masks[: 2 * len(args[0])], **kwargs)

    network.attention.forward = masked
    (_, output, (table,)) = opened(network)
    torch.testing.assert_close(output, network(PHOTOS).detach(), rtol=1e-4, atol=1e-5)
    for photo, head, upper in [(0, 0, True), (0, 1, False), (1, 0, False), (1, 1, True)]:
        hidden = table[photo, head].triu(1) if upper else table[photo, head].tril(-1)
        seen = table[photo, head].tril(-1) if upper else table[photo, head].triu(1)
        assert float(hidden.abs().max()) == 0
        assert float(seen.max()) > 0


class Beside(Patches):
    """Two attentions that run side by side, in each of two blocks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        for _ in range(2):
            (a, b) = (functional.scaled_dot_product_attention(each, each, tokens) for each in (tokens, tokens + 1))
            tokens = tokens + a + b
        return self.fc(tokens.mean(1))


def test_attentions_side_by_side_are_of_one_block() -> None:
    attention = find_attention(traced(Beside()))
    assert not isinstance(attention, str)
    assert [[step.count for step in block] for block in attention.blocks] == [[0, 1], [2, 3]]
    assert [step.count for step in attention.steps] == [0, 1, 2, 3]


class TwoPasses(Patches):
    """The same two blocks on the photo and on a darker one: the second pass does not read the first."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = []
        for photo in (x, 0.5 * x):
            tokens = self.patches(photo).flatten(2).mT
            for _ in range(2):
                tokens = tokens + functional.scaled_dot_product_attention(tokens, tokens, tokens)
            scores.append(self.fc(tokens.mean(1)))
        return scores[0] + scores[1]


class OneOfTwo(Patches):
    """One block in each pass, and only scores are added: no token behind both."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = []
        for photo in (x, 0.5 * x):
            tokens = self.patches(photo).flatten(2).mT
            scores.append(self.fc((tokens + functional.scaled_dot_product_attention(tokens, tokens, tokens)).mean(1)))
        return scores[0] + scores[1]


class Flipped(Patches):
    """Between two blocks the tokens change places."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        for _ in range(2):
            tokens = (tokens + functional.scaled_dot_product_attention(tokens, tokens, tokens)).flip(1)
        return self.fc(tokens.mean(1))


class Versions(Patches):
    """The photo and its mirror image, one behind the other in the axis of the photos."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(torch.cat([x, x.flip(-1)])).flatten(2).mT
        read = functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return self.fc((tokens + read).mean(1)).unflatten(0, (2, -1)).mean(0)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (TwoPasses(), "the attention in '' runs beside others, in a branch of its own"),
        (OneOfTwo(), "behind its last attention there are no 24 tokens with rows and columns"),
        (Flipped(), "the attention in '' has its tokens in another order than the last one"),
        (Versions(), "the attention in '' looks at versions of the photo, each by itself"),
    ],
    ids=["two passes", "one of two", "flipped", "versions"],
)
def test_what_does_not_follow_one_from_the_other(network: nn.Module, reason: str) -> None:
    assert find_attention(traced(network)) == reason
