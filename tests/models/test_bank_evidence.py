"""Generators of LUTs that are told by a GS-Extractor."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from lutgrade.models.adacm import ColorNetwork
from lutgrade.models.bank_evidence import BankEvidence
from lutgrade.models.conditioned import ConditionedLut
from lutgrade.models.nlut import LutBases
from lutgrade.objectives.lut_diffusion import LutDistance
from models.learned import graded_sample, pictures, train, without_gradient
from models.test_ldiffuser import WIDTH, style


def evidence(size: int = 9, components: int = 0) -> BankEvidence:
    return BankEvidence(size, components, condition=style(), length=WIDTH)


@pytest.fixture(params=[partial(LutBases, count=8, s=4, w=4), ColorNetwork], ids=["bases", "mlp"])
def model(request: pytest.FixtureRequest) -> ConditionedLut:
    torch.manual_seed(0)
    generator: Any = request.param
    return ConditionedLut(lambda size, components: evidence(size, components), generator, size=9, components=0)


def test_the_features_are_the_mean_of_the_first_bank() -> None:
    torch.manual_seed(0)
    whole, reader = style(), evidence()
    reader.encoder.load_state_dict(whole.state_dict())  # type: ignore[attr-defined]
    told = reader(pictures(0), pictures(1))
    first = next(iter(whole(pictures(0), pictures(1)).values()))
    torch.testing.assert_close(told["features"], first.mean(1))
    assert told["features"].shape == (2, reader.length)
    assert told["mean"].shape == (2, 0)


def test_learns_one_batch_with_the_extractor_as_it_is(model: ConditionedLut) -> None:
    batch = graded_sample()
    before = {name: value.clone() for name, value in model.reader.state_dict().items()}  # type: ignore[attr-defined]
    losses = train(model, LutDistance(), batch, steps=60, learning_rate=2e-3)
    assert losses[-1] < 0.5 * losses[0]
    assert all(torch.equal(value, before[name]) for name, value in model.reader.state_dict().items())  # type: ignore[attr-defined]
    assert without_gradient(model, lambda: LutDistance()(model, batch)["loss"]) == []
    table = model.eval()(pictures(2), pictures(3, height=17, width=12)).table.detach()
    assert table.shape == (2, 3, 9, 9, 9)
    assert 0 <= float(table.min()) <= float(table.max()) <= 1
