"""How outputs are read: in float64, against the definitions."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from seewhy.errors import OptionError, OutputError
from seewhy.head import Head, describe

Z = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]], dtype=torch.float64)
FIRST = torch.tensor([0, 2])


def gradient(head: str, z: torch.Tensor, index: torch.Tensor, score: str) -> torch.Tensor:
    leaf = z.clone().requires_grad_()
    (result,) = torch.autograd.grad(Head(head).value(leaf, index, score).sum(), leaf)
    return result


def test_softmax_values() -> None:
    p = torch.exp(Z) / torch.exp(Z).sum(1, keepdim=True)
    head = Head("softmax")
    torch.testing.assert_close(head.scores(Z).double(), p, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(head.value(Z, FIRST, "logit"), Z[[0, 1], FIRST])
    torch.testing.assert_close(head.value(Z, FIRST, "probability"), p[[0, 1], FIRST])
    probability = p[[0, 1], FIRST]
    torch.testing.assert_close(head.value(Z, FIRST, "log_odds"), torch.log(probability / (1 - probability)))


def test_sigmoid_values() -> None:
    head = Head("sigmoid")
    p = 1 / (1 + torch.exp(-Z))
    torch.testing.assert_close(head.scores(Z).double(), p, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(head.value(Z, FIRST, "probability"), p[[0, 1], FIRST])
    for score in ("logit", "log_odds"):
        torch.testing.assert_close(head.value(Z, FIRST, score), Z[[0, 1], FIRST])


def test_binary_has_two_sides() -> None:
    head = Head("binary")
    z = torch.tensor([[1.5], [-3.0]])
    assert head.count(z) == 2
    torch.testing.assert_close(head.logits(z), torch.tensor([[-1.5, 1.5], [3.0, -3.0]]))
    positive = 1 / (1 + torch.exp(-z[:, 0]))
    torch.testing.assert_close(head.scores(z), torch.stack([1 - positive, positive], 1))
    for score in ("logit", "log_odds"):
        assert head.value(z, torch.tensor([0, 1]), score).tolist() == [-1.5, -3.0], "the negative side is minus the logit"
    torch.testing.assert_close(head.value(z, torch.tensor([0, 1]), "probability"), torch.stack([1 - positive[0], positive[1]]))


def test_none_hands_the_values_on() -> None:
    head = Head("none")
    torch.testing.assert_close(head.scores(Z).double(), Z)
    for score in ("logit", "probability", "log_odds"):
        torch.testing.assert_close(head.value(Z, FIRST, score), Z[[0, 1], FIRST])
    assert head.unit("probability") == "value"
    assert [Head("softmax").unit(s) for s in ("logit", "probability", "log_odds")] == ["logit", "probability", "log-odds"]


def test_shifted_logits_give_the_same_scores() -> None:
    torch.testing.assert_close(Head().scores(Z.float() + 100), Head().scores(Z.float()), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "binary"])
def test_probability_gradient_is_p_1_minus_p_times_the_log_odds_gradient(head: str) -> None:
    """∂p = p (1 - p) ∂l, exactly: the identity that lets log-odds stand for the documents' probability pictures."""
    z = Z if head != "binary" else Z[:, :1]
    index = FIRST if head != "binary" else torch.tensor([1, 0])
    p = Head(head).value(z, index, "probability")[:, None]
    expected = p * (1 - p) * gradient(head, z, index, "log_odds")
    torch.testing.assert_close(gradient(head, z, index, "probability"), expected, rtol=1e-12, atol=1e-15)
    assert expected.abs().max() > 0.1


def test_log_odds_of_a_saturated_network_do_not_die() -> None:
    z = torch.tensor([[40.0, 0.0, -3.0]])
    zero = torch.tensor([0])
    log_odds = gradient("softmax", z, zero, "log_odds")[0]
    torch.testing.assert_close(log_odds, torch.tensor([1.0, -0.9526, -0.0474]), rtol=0, atol=1e-4)
    assert Head().value(z, zero, "log_odds").item() == pytest.approx(40 - 0.0486, abs=1e-3)
    assert gradient("softmax", z, zero, "probability")[0, 0].item() == 0.0, "the probability's gradient has died"
    for z_ in ([[1e4, -1e4, 0.0]], [[-1e4, 1e4, 0.0]]):
        assert gradient("softmax", torch.tensor(z_), zero, "log_odds").isfinite().all()


def test_probabilities_are_not_softmaxed_again() -> None:
    p = Z.softmax(1)
    head = Head("softmax")
    assert head.look_like_probabilities(p)
    assert not head.look_like_probabilities(Z)
    assert not Head("sigmoid").look_like_probabilities(p)
    head = head.ending_in("softmax")
    assert head.probabilities
    torch.testing.assert_close(head.scores(p).double(), p, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(head.value(p, FIRST, "probability"), p[[0, 1], FIRST])
    torch.testing.assert_close(head.value(p.float(), FIRST, "logit"), p.float().log()[[0, 1], FIRST])
    torch.testing.assert_close(head.value(p, FIRST, "log_odds"), Head().value(Z, FIRST, "log_odds"))


@pytest.mark.parametrize("rows", [[[0.5, 0.6]], [[-0.1, 1.1]], [[2.0, -1.0]], [[0.5, 0.5], [0.2, 0.3]]])
def test_rows_that_are_no_probabilities(rows: list[list[float]]) -> None:
    assert not Head().look_like_probabilities(torch.tensor(rows))


def test_a_probability_of_zero_has_a_finite_logit() -> None:
    p = torch.tensor([[1.0, 0.0, 0.0]])
    for score in ("logit", "log_odds"):
        assert Head(probabilities=True).value(p, torch.tensor([1]), score).isfinite().all()


def test_half_precision_outputs_become_float32() -> None:
    scores = Head().scores(Z.half())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.double(), Z.softmax(1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(3,), ()])
def test_binary_takes_squeezed_outputs(shape: tuple[int, ...]) -> None:
    assert Head("binary").check(torch.ones(shape)).shape == (3 if shape else 1, 1)


SEGMENTATION = (
    "The network returned a tensor (1, 21, 8, 8). Expected class scores (N, classes). This looks like segmentation: in "
    "Python pass target=seewhy.targets.segment(12) for the pixels of class 12, or another function of the output."
)
ONE_NUMBER = (
    "The network returns one number per photo: write head='binary' (yes or no, the number is a logit) or head='none' (the "
    "number is a score)."
)


@pytest.mark.parametrize(
    ("head", "output", "message"),
    [
        ("softmax", torch.zeros(1, 21, 8, 8), SEGMENTATION),
        (
            "softmax",
            torch.zeros(5),
            ONE_NUMBER,
        ),
        ("softmax", torch.zeros(2, 1), ONE_NUMBER),
        (
            "binary",
            torch.zeros(2, 3),
            "The network returned a tensor (2, 3), but head='binary' wants one logit per photo: write head='softmax'.",
        ),
        (
            "softmax",
            OrderedDict(out=torch.zeros(1, 21, 4, 4), extra=None),
            "The network returned OrderedDict: out (1, 21, 4, 4), extra NoneType. Expected class scores (N, classes): say which "
            "entry holds them with output='out'; a function given as the target then gets that entry.",
        ),
    ],
)
def test_outputs_that_are_no_class_scores(head: str, output: object, message: str) -> None:
    with pytest.raises(OutputError) as error:
        Head(head).check(output)
    assert str(error.value) == message


def test_outputs_that_are_class_scores() -> None:
    assert Head("none").check(torch.zeros(2, 1)).shape == (2, 1)
    assert Head("softmax").check(torch.zeros(2, 3)).shape == (2, 3)


def test_describe() -> None:
    assert describe((torch.zeros(1, 2), 5)) == "tuple: 0 (1, 2), 1 int"
    assert describe("text") == "str"
    assert describe({}) == "dict"


def test_unknown_heads_and_scores() -> None:
    with pytest.raises(OptionError) as error:
        Head("sofmax")
    assert str(error.value) == "head='sofmax': write one of softmax, sigmoid, binary, none."
    with pytest.raises(OptionError) as error:
        Head().value(Z, FIRST, "logits")
    assert str(error.value) == "score='logits': write one of logit, probability, log_odds."
