"""The style objective and the mixture: their parts add up, and they train without a target."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.encoders import SmallEncoder, VGGEncoder
from lutgrade.models.nlut import NLUT
from lutgrade.objectives.mixture import Mixture
from lutgrade.objectives.style import Style
from lutgrade.objectives.supervised import Supervised
from lutgrade.protocols import Sample
from models.learned import SMALL, graded_sample, numbers, small_encoder, train

WEIGHTS = {"content": 0.5, "style": 2.0, "histogram": 0.1, "smoothness": 0.3, "monotonicity": 0.7}


def style(**changes: object) -> Style:
    features = SmallEncoder((8, 8, 16, 16), seed=0, frozen=True)
    return Style(features, **({**WEIGHTS, "bins": 16, "resolution": 32} | changes))  # type: ignore[arg-type]


def nlut() -> NLUT:
    torch.manual_seed(0)
    return NLUT(small_encoder(), bases=16, s=4, w=8, **SMALL)  # type: ignore[arg-type]


class Identity(nn.Module):
    """The identity as a LUT, and how often it was asked for."""

    calls = 0

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        self.calls += 1
        return Lut(Lut.identity(9).table.expand(len(content), -1, -1, -1, -1))


@pytest.mark.parametrize("frames", [1, 2])
def test_the_loss_is_the_weighted_sum_of_its_parts(frames: int) -> None:
    terms = numbers(style()(nlut(), graded_sample(frames=frames)))
    assert set(terms) == {"loss", *WEIGHTS}
    assert terms["loss"] == pytest.approx(sum(w * terms[name] for name, w in WEIGHTS.items()), rel=1e-5)


def test_an_identity_keeps_the_content_and_matches_itself() -> None:
    batch = graded_sample()
    same = replace(batch, reference=batch.frames)
    terms = style()(Identity(), same)
    assert terms["content"] == pytest.approx(0, abs=1e-8)
    assert terms["style"] == pytest.approx(0, abs=1e-8)
    assert terms["histogram"] == pytest.approx(0, abs=1e-3)
    assert style()(Identity(), batch)["style"] > 1e-3


def test_frames_of_a_clip_count_as_one_batch() -> None:
    """Two equal frames cost what one does."""
    one, two = (style()(Identity(), graded_sample(frames=n)) for n in (1, 2))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value)


def test_the_features_do_not_learn() -> None:
    objective = style()
    before = [p.clone() for p in objective.features.network.parameters()]
    losses = train(nlut(), objective, graded_sample(), steps=15, learning_rate=1e-2)
    assert losses[-1] < 0.8 * losses[0]
    for parameter, old in zip(objective.features.network.parameters(), before, strict=True):
        assert torch.equal(parameter, old)


def test_missing_vgg_weights_are_named_on_the_first_batch(tmp_path: Path) -> None:
    objective = Style(VGGEncoder(str(tmp_path / "vgg19.pth")))
    with pytest.raises(InputError, match=r"no VGG-19 at .*vgg19\.pth"):
        objective(Identity(), graded_sample())


def test_features_that_do_not_count_are_not_looked_at(tmp_path: Path) -> None:
    objective = Style(VGGEncoder(str(tmp_path / "vgg19.pth")), content=0.0, style=0.0, histogram=1.0)
    assert set(objective(Identity(), graded_sample())) == {"loss", "histogram"}


def test_a_model_without_a_lut_is_refused() -> None:
    class Blur(nn.Module):
        def forward(self, content: Tensor, reference: Tensor) -> nn.Module:
            return nn.AvgPool2d(3, 1, 1)

    with pytest.raises(InputError, match="predicts a LUT, not a AvgPool2d"):
        style()(Blur(), graded_sample())


def test_a_mixture_weighs_its_objectives_and_predicts_once() -> None:
    batch, model = graded_sample(), Identity()
    supervised, unsupervised = Supervised(lab=1), style()
    mixture = Mixture({"supervised": supervised, "style": unsupervised}, {"supervised": 1.0, "style": 0.1})
    terms = mixture(model, batch)
    assert model.calls == 1
    alone = supervised(model, batch), unsupervised(model, batch)
    assert terms["loss"] == pytest.approx(float(alone[0]["loss"] + 0.1 * alone[1]["loss"]), rel=1e-5)
    assert terms["supervised/lab"] == alone[0]["lab"]
    assert terms["style/histogram"] == alone[1]["histogram"]


def test_a_mixture_needs_a_weight_for_each() -> None:
    with pytest.raises(InputError, match=r"a weight for each of \['a'\], not for \['b'\]"):
        Mixture({"a": Supervised()}, {"b": 1.0})


class Scaled(nn.Module):
    """An objective that learns: a multiple of the prediction's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, model: nn.Module, batch: Sample) -> dict[str, torch.Tensor]:
        return {"loss": self.factor * model(batch.frames[:, 0], batch.reference[:, 0])(batch.frames[:, 0]).mean()}


def test_a_mixture_moves_and_trains_what_its_objectives_learn() -> None:
    learning = Scaled()
    mixture = Mixture({"supervised": Supervised(), "scaled": learning}, {"supervised": 1.0, "scaled": 0.5})
    assert list(mixture.parameters()) == [learning.factor]
    mixture(Identity(), graded_sample())["loss"].backward()
    assert learning.factor.grad is not None
    copied = copy.deepcopy(mixture)
    assert copied.objectives["scaled"] is copied.learned["scaled"]
    assert mixture.to("meta").objectives["scaled"].factor.is_meta  # type: ignore[attr-defined]
