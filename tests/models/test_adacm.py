"""AdaCM: the predicted network against a plain one, and training on one batch."""

from __future__ import annotations

import torch
from torch import nn

from lutgrade.models.adacm import AdaCM
from lutgrade.objectives.supervised import Supervised
from models.learned import SMALL, graded_sample, pictures, small_encoder, train, without_gradient


def adacm() -> AdaCM:
    torch.manual_seed(0)
    return AdaCM(small_encoder(), **SMALL)  # type: ignore[arg-type]


def test_the_network_of_colours_is_an_mlp_of_its_weights() -> None:
    model = adacm()
    mlp = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    weights = torch.cat([p.detach().flatten() for p in mlp.parameters()])
    colors = torch.rand(3, 50)
    ours = model.network._map(colors, torch.stack([weights, 0 * weights]))
    torch.testing.assert_close(ours[0].T, mlp(colors.T), rtol=1e-4, atol=1e-5)
    assert torch.equal(ours[1], torch.zeros(3, 50))


def test_the_untrained_model_changes_little() -> None:
    content = pictures(0)
    assert (adacm().eval()(content, pictures(1))(content) - content).abs().max() < 0.15


def test_a_gradient_reaches_every_parameter() -> None:
    model, batch = adacm(), graded_sample()
    assert without_gradient(model, lambda: Supervised()(model, batch)["loss"]) == []


def test_learns_one_batch() -> None:
    losses = train(adacm(), Supervised(), graded_sample(), steps=30, learning_rate=1e-2)
    assert losses[-1] < 0.25 * losses[0]
