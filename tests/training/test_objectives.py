from __future__ import annotations

import math

import pytest
import torch

from ruletune.training.objectives import binary_cross_entropy, cross_entropy


@pytest.mark.parametrize("y", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("z", [-3.0, 0.0, 0.7, 5.0])
def test_binary_cross_entropy_is_its_equation_and_so_is_its_gradient(y: float, z: float) -> None:
    logit = torch.tensor([[z]], dtype=torch.float64, requires_grad=True)
    loss = binary_cross_entropy(logit, torch.tensor([[y]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64))
    p = 1 / (1 + math.exp(-z))
    assert loss.item() == pytest.approx(-(y * math.log(p) + (1 - y) * math.log(1 - p)), rel=1e-9)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logit.grad is not None
    assert logit.grad.item() == pytest.approx(p - y, rel=1e-9)


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    targets = torch.softmax(torch.randn(4, 3, dtype=torch.float64), dim=1)
    weights = torch.rand(4, 1, dtype=torch.float64)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: cross_entropy(z, targets, weights), (logits,))
    assert torch.autograd.gradcheck(lambda z: binary_cross_entropy(z, targets, weights), (logits,))


def test_two_classes_by_softmax_are_one_by_the_logistic_function() -> None:
    z = torch.tensor([[1.3]])
    two = cross_entropy(torch.cat([torch.zeros(1, 1), z], dim=1), torch.tensor([[0.0, 1.0]]), torch.ones(1, 1))
    one = binary_cross_entropy(z, torch.ones(1, 1), torch.ones(1, 1))
    assert two.item() == pytest.approx(one.item(), rel=1e-6)


def test_an_example_without_weight_teaches_nothing() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]], requires_grad=True)
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    cross_entropy(logits, targets, torch.tensor([[1.0], [0.0]])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[1].abs().sum() == 0 and logits.grad[0].abs().sum() > 0


def test_labels_may_have_weights_of_their_own() -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    binary_cross_entropy(logits, torch.ones(1, 2), torch.tensor([[1.0, 0.0]])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0 and logits.grad[0, 0] < 0


def test_no_weight_at_all_is_no_loss() -> None:
    assert cross_entropy(torch.zeros(2, 2), torch.full((2, 2), 0.5), torch.zeros(2, 1)).item() == 0
