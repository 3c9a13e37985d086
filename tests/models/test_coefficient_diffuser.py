"""The small L-Diffuser: the Gaussian it starts from, what it is told, and training on one batch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lutgrade.checkpoints import save_checkpoint
from lutgrade.errors import InputError
from lutgrade.lut import Lut, random_look
from lutgrade.models.adacm import ColorNetwork
from lutgrade.models.coefficient_diffuser import CoefficientDiffuser
from lutgrade.models.conditioned import ConditionedLut
from lutgrade.models.descriptors import EncoderStatistics, RgbUvHistogram
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.evidence import DescriptorEvidence, PredictorEvidence, information_of
from lutgrade.models.nlut import LutBases
from lutgrade.models.predictor import LutPredictor
from lutgrade.objectives.lut_diffusion import LutDenoising, LutDistance
from lutgrade.weights import MissingWeights
from models.learned import graded_sample, pictures, small_encoder, train, without_gradient

SMALL: dict[str, Any] = {"grid": 4, "width": 16, "layers": 1, "heads": 2, "rounds": 2}
UNIT = Diffusion(prediction="v_prediction", zero_terminal_snr=True, spacing="trailing")


class Looks:
    """Random looks to take components of."""

    def sample_luts(self, count: int, size: int) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.stack([random_look(generator).lut(size).table for _ in range(40)])


def small(**options: Any) -> CoefficientDiffuser:
    torch.manual_seed(0)
    reader = options.pop("reader", partial(PredictorEvidence, frozen=False, **SMALL))
    settings: dict[str, Any] = {"size": 9, "components": 8, "hidden": 32, "layers": 1, "steps": 5, **options}
    model = CoefficientDiffuser(reader, settings.pop("diffusion", UNIT), **settings)
    model.fit_to(Looks())
    return model


def test_tables_and_coefficients_there_and_back() -> None:
    model = small(scale=0.2)
    latents = torch.randn(3, 8)
    again = model.encode(model.decode(latents), pictures(0, 3))
    torch.testing.assert_close(again, latents, rtol=0, atol=1e-4)


def test_coefficients_are_of_unit_variance() -> None:
    model = small()
    deviation = model.encode(Looks().sample_luts(40, 9), pictures(0, 40)).std(0)
    torch.testing.assert_close(deviation, torch.ones(8), rtol=0.05, atol=0)


def test_a_lut_is_encoded_as_the_one_that_grades_the_content_like_it() -> None:
    luts = torch.stack([random_look(torch.Generator().manual_seed(seed)).lut(9).table for seed in (98, 99)])
    content = 0.3 * pictures(0, 2)
    errors = []
    for seen in (0.0, 1e6):
        model = small(seen=seen)
        errors.append((Lut(model.decode(model.encode(luts, content)))(content) - Lut(luts)(content)).square().mean())
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_a_pair_that_is_trusted_less_leaves_the_prior_more_weight(scale: float) -> None:
    model = small(temperature=0.0, informed=True, scale=scale).eval()
    told = model.condition(pictures(0), pictures(1))
    calibrate = model.calibrate
    assert calibrate is not None
    drawn = {}
    for trust in (0.0, -30.0):  # the log of the factor of what was found
        with torch.no_grad():
            calibrate.bias[-1] = trust
        *_, latents = model.trajectory(pictures(0), pictures(1))
        drawn[trust] = latents[0] / scale
    torch.testing.assert_close(drawn[0.0], told["mean"], rtol=0, atol=0.02)
    torch.testing.assert_close(drawn[-30.0], told["prior"], rtol=0, atol=0.02)


def test_draws_vary_in_the_directions_that_show_most() -> None:
    content, reference = pictures(0, 1), pictures(1, 1)
    spreads = {}
    for directions in (0, 1, 2):
        model = small(directions=directions).eval()
        *_, latents = model.trajectory(content, reference, 40, seed=0)
        rank = int(torch.linalg.matrix_rank(latents[:, 0].T.cov(), rtol=1e-3))
        assert rank == (directions or 8)
        graded = Lut(model.decode(latents[:, 0]))(content.expand(40, -1, -1, -1))
        spreads[directions] = float(graded.var(0).mean())
    assert spreads[0] > spreads[2] > spreads[1] > spreads[0] / 4  # more than their even share of an eighth


def test_untrained_it_draws_from_the_gaussian_of_the_pair() -> None:
    model = small(steps=100).eval()
    told = model.condition(pictures(0, 1), pictures(1, 1))
    *_, latents = model.trajectory(pictures(0, 1), pictures(1, 1), 1500, seed=0)
    drawn = latents[:, 0]
    covariance = torch.linalg.inv(torch.eye(8) + told["information"][0])
    torch.testing.assert_close(drawn.mean(0), told["mean"][0], rtol=0, atol=0.1)
    torch.testing.assert_close(drawn.T.cov(), covariance, rtol=0, atol=0.15)


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_without_temperature_it_is_the_predictors_lut(scale: float) -> None:
    model = small(temperature=0.0, steps=25, scale=scale).eval()
    predicted = model.reader.predictor(pictures(0), pictures(1)).table
    torch.testing.assert_close(model(pictures(0), pictures(1)).table, predicted, rtol=0, atol=0.02)


def test_information_by_hand() -> None:
    model = small()
    basis = model.reader.basis.at(torch.rand(1, 2, 3))
    precision = torch.tensor([[2.0, 5.0]])
    design = basis.components[0]  # [6, K], the three channels of each colour
    expected = 2 * design[:3].T @ design[:3] + 5 * design[3:].T @ design[3:]
    torch.testing.assert_close(information_of(basis, precision)[0], expected)


def test_seeds_and_batches() -> None:
    model = small().eval()
    first = model(pictures(0), pictures(1), seed=4).table
    assert torch.equal(model(pictures(0), pictures(1), seed=4).table, first)
    assert not torch.equal(model(pictures(0), pictures(1), seed=5).table, first)
    alone = model(pictures(0)[1:], pictures(1)[1:], seed=4).table
    torch.testing.assert_close(alone[0], first[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{"samples": 0}, {"temperature": -1.0}, {"dropout": 1.5}])
def test_sampling_that_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        small(**options)


READERS = {
    "predictor": partial(PredictorEvidence, frozen=False, **SMALL),
    "histogram": partial(DescriptorEvidence, descriptor=RgbUvHistogram(4, 16), length=16, hidden=16),
    "encoder": partial(DescriptorEvidence, descriptor=EncoderStatistics(small_encoder(), 32), length=16, hidden=16),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_stage_2_learns_one_batch(reader: Any) -> None:
    torch.manual_seed(0)
    batch = graded_sample()
    model = small(reader=reader, anchor=False)
    losses = train(model, LutDenoising(draws=8, min_snr=5.0), batch, steps=80, learning_rate=1e-2)
    assert sum(losses[-8:]) < 0.4 * sum(losses[:8])


def test_a_gradient_reaches_every_parameter() -> None:
    model, batch = small(), graded_sample()
    predictor = model.reader.predictor
    zero = (model.network.last, *model.network.modulations, model.calibrate)
    for module in (*zero, predictor.head[-1], predictor.correspondence.weigh[-1]):
        torch.nn.init.normal_(module.weight, std=0.1)
    assert without_gradient(model, lambda: LutDenoising()(model, batch)["loss"]) == []


def test_a_frozen_predictor_stays_and_starts_from_a_checkpoint(tmp_path: Path) -> None:
    predictor = LutPredictor(size=9, components=8, **SMALL)
    predictor.fit_to(Looks())
    save_checkpoint(tmp_path, predictor, {"_target_": "lutgrade.models.predictor.LutPredictor"})
    model = small(reader=partial(PredictorEvidence, checkpoint=str(tmp_path), **SMALL))
    model.initialise()
    model.fit_to(Looks())
    before = {name: value.clone() for name, value in predictor.state_dict().items()}
    train(model, LutDenoising(), graded_sample(), steps=2, learning_rate=1e-2)
    for name, value in model.reader.predictor.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_missing_checkpoint_says_what_to_train(tmp_path: Path) -> None:
    model = small(reader=partial(PredictorEvidence, checkpoint=str(tmp_path), **SMALL))
    with pytest.raises(MissingWeights, match=r"train one, so that .*model\.safetensors is there"):
        model.initialise()


GENERATORS = {"bases": partial(LutBases, count=12, s=4, w=8), "mlp": ColorNetwork}


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
def test_the_other_generators_learn_one_batch(generator: Any) -> None:
    torch.manual_seed(0)
    reader = partial(PredictorEvidence, frozen=False, **SMALL)
    model = ConditionedLut(reader, generator, size=9, components=8, hidden=32)
    model.fit_to(Looks())
    losses = train(model, LutDistance(), graded_sample(), steps=40, learning_rate=1e-2)
    assert losses[-1] < 0.3 * losses[0]


def test_histograms_of_hand_made_pictures() -> None:
    histogram = RgbUvHistogram(bins=5, resolution=8)
    grey = torch.full((1, 3, 8, 8), 0.5)
    black, red = torch.zeros(1, 3, 8, 8), torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    squares = histogram(grey).square().view(3, 5, 5)
    assert abs(float(squares.sum()) - 1) < 1e-5
    assert (squares.flatten(1).argmax(1) == 12).all()  # equal channels: both log ratios are 0, in the middle
    assert histogram(black).isfinite().all()
    assert histogram(red).square().view(3, 5, 5)[0].flatten().argmax() == 18  # log 9 is nearest to 1.5
