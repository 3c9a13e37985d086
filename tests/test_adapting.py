"""Test-time training in the pipeline: on a clip's own pairs, without weights but the model's, the same every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from lutgrade.adapting import adapt_to_clip, check_adaptable, unsupervised
from lutgrade.errors import InputError
from lutgrade.models.adacm import AdaCM
from lutgrade.models.encoders import VGGEncoder
from lutgrade.models.matching import MKL
from lutgrade.models.ncst import NCST
from lutgrade.models.nlut import NLUT
from lutgrade.models.pair import PairModel
from lutgrade.progress import silent
from models.learned import SMALL, graded_sample, small_encoder

RANGES = {"brightness": [0.4, 1.6], "contrast": [0.3, 2.0], "temperature": [-2.0, 2.0]}
MODELS: dict[str, Callable[[], PairModel]] = {
    "nlut": lambda: NLUT(small_encoder(), bases=8, s=4, w=8, **SMALL),  # type: ignore[arg-type]
    "ncst": lambda: NCST(small_encoder(), ranges=RANGES, **SMALL),  # type: ignore[arg-type]
    "adacm": lambda: AdaCM(small_encoder(), **SMALL),  # type: ignore[arg-type]
}
PAIRS = graded_sample(batch=2)
CONTENT, REFERENCE = PAIRS.frames[:, 0], PAIRS.reference[:, 0]


def built(name: str) -> PairModel:
    torch.manual_seed(0)
    return MODELS[name]().eval()


@pytest.mark.parametrize("name", MODELS)
def test_adapting_lowers_the_loss_on_the_clip(name: str) -> None:
    model = built(name)
    adapted = adapt_to_clip(model, CONTENT, REFERENCE, 40, silent)
    objective = unsupervised(model)

    def loss(candidate: nn.Module) -> float:
        with torch.no_grad():
            return float(objective(candidate, PAIRS)["loss"])

    assert loss(adapted) < loss(model) - 1e-4


def test_the_same_pairs_give_the_same_model_whatever_the_seed() -> None:
    model, states = built("ncst"), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(adapt_to_clip(model, CONTENT, REFERENCE, 3, silent).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], value) for key, value in model.state_dict().items())


def test_steps_take_the_pairs_in_turn() -> None:
    """One step sees the first pair alone; what the second holds does not matter to it."""
    model = built("nlut")
    one = adapt_to_clip(model, CONTENT, REFERENCE, 1, silent).state_dict()
    other = adapt_to_clip(model, CONTENT.flip(3)[[1, 0]].roll(1, 0), REFERENCE, 1, silent).state_dict()
    first = adapt_to_clip(model, CONTENT[:1], REFERENCE[:1], 1, silent).state_dict()
    assert all(torch.equal(one[key], first[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_progress_counts_the_steps() -> None:
    counted: list[str] = []

    @contextmanager
    def progress(step: str, total: int | None) -> Iterator[Callable[[], None]]:
        counted.append(f"{step} {total}")
        yield lambda: counted.append("step")

    adapt_to_clip(built("nlut"), CONTENT, REFERENCE, 3, progress)
    assert counted == ["adapt 3", "step", "step", "step"]


@pytest.mark.parametrize(("name", "histogram"), [("ncst", 10.0), ("nlut", 0.0)])
def test_a_model_with_vgg_features_is_adapted_on_its_own_vgg(name: str, histogram: float) -> None:
    encoder = VGGEncoder(weights="imagenet")  # a file that need not be there: a checkpoint brings its own
    model = (
        NCST(encoder, ranges=RANGES, size=5, width=8, hidden=8)
        if name == "ncst"
        else NLUT(encoder, size=5, width=8, hidden=8, bases=2, s=2, w=2)
    )
    objective = unsupervised(model)
    assert objective.weights["histogram"] == histogram
    assert isinstance(objective.features.network, VGGEncoder)
    objective.features.network.initialise()
    for key, value in encoder.state_dict().items():
        assert torch.equal(objective.features.network.state_dict()[key], value)


def test_what_cannot_be_adapted_is_refused() -> None:
    with pytest.raises(InputError, match="MKL cannot be adapted to a clip; the models nlut, ncst and adacm can"):
        check_adaptable(MKL())
    batch = NLUT(small_encoder(), bases=8, s=4, w=8, norm="batch", **SMALL)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="norm: batch cannot be adapted"):
        check_adaptable(batch)
