"""Averaged weights, against the average written out."""

from __future__ import annotations

import torch
from torch import nn

from lutgrade.training.ema import averaged


def test_it_is_the_warmed_up_average_and_copies_buffers() -> None:
    model = nn.BatchNorm1d(3)
    average = averaged(model, 0.5)
    expected = None
    for n in range(6):
        with torch.no_grad():
            model.weight.copy_(torch.tensor([1.0, 2.0, 3.0]) * (n + 1))
            model.running_mean.fill_(n)  # type: ignore[union-attr]
        average.update_parameters(model)
        decay = min(0.5, (1 + n) / (10 + n))
        weight = model.weight.detach().clone()
        expected = weight if expected is None else decay * expected + (1 - decay) * weight
    torch.testing.assert_close(average.module.weight, expected)
    assert average.module.running_mean.tolist() == [5, 5, 5]  # type: ignore[union-attr, operator]
