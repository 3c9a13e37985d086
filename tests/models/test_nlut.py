"""NLUT: bases against their definition, the published weights' names, training on one batch and on one pair."""

from __future__ import annotations

import torch
from torch import nn

from lutgrade.lut import identity_table
from lutgrade.models.adaptation import adapt
from lutgrade.models.encoders import VGGEncoder
from lutgrade.models.nlut import NLUT, LutBases
from lutgrade.models.released import convert_nlut
from lutgrade.objectives.supervised import Supervised
from lutgrade.protocols import Sample
from models.learned import SMALL, graded_sample, pictures, small_encoder, train, without_gradient


def nlut(**changes: object) -> NLUT:
    torch.manual_seed(0)
    return NLUT(small_encoder(), **(SMALL | {"bases": 16, "s": 4, "w": 8} | changes))  # type: ignore[arg-type]


def random_bases(count: int = 3, size: int = 5) -> LutBases:
    torch.manual_seed(0)
    bases = LutBases(size, count, s=2, w=4)
    nn.init.normal_(bases.cores)
    return bases


def test_bases_expand_along_the_channels_own_axis() -> None:
    bases, size = random_bases(count=1), 5
    table = bases(torch.ones(1, 1))[0]
    others = bases.other_axes.view(4, size, size)
    own = bases.own_axis
    core = bases.cores[0]
    at = torch.einsum
    torch.testing.assert_close(table[0], at("rs,sw,wbg->bgr", own, core[0], others))  # red runs along the last axis
    torch.testing.assert_close(table[1], at("gs,sw,wbr->bgr", own, core[1], others))
    torch.testing.assert_close(table[2], at("bs,sw,wgr->bgr", own, core[2], others))


def test_bases_mix_linearly() -> None:
    bases = random_bases()
    weights = torch.tensor([[0.5, -1.0, 2.0]])
    each = torch.stack([bases(row[None])[0] for row in torch.eye(3)])
    torch.testing.assert_close(bases(weights)[0], torch.einsum("n,n...->...", weights[0], each), rtol=1e-4, atol=1e-5)


def test_the_untrained_model_is_the_identity() -> None:
    lut = nlut().eval()(pictures(0), pictures(1))
    torch.testing.assert_close(lut.table, identity_table(9).expand(2, -1, -1, -1, -1))


def test_a_gradient_reaches_every_parameter() -> None:
    model = nlut()
    nn.init.normal_(model.bases.cores, std=0.1)  # at zero they hide the predictor
    batch = graded_sample()
    assert without_gradient(model, lambda: Supervised()(model, batch)["loss"]) == []


def test_learns_one_batch() -> None:
    losses = train(nlut(), Supervised(), graded_sample(), steps=30, learning_rate=1e-2)
    assert losses[-1] < 0.25 * losses[0]


def test_without_batch_statistics_an_image_does_not_depend_on_its_batch() -> None:
    model = nlut().train()
    nn.init.normal_(model.bases.cores)
    content, reference = pictures(0), pictures(1)
    torch.testing.assert_close(model(content[:1], reference[:1]).table, model(content, reference).table[:1])


def test_the_published_batch_statistics_hide_a_repeated_pair_from_the_predictor() -> None:
    """Why the published fine-tuning is direct LUT optimisation: two equal images leave its features no gradient."""
    model = nlut(norm="batch").train()
    nn.init.normal_(model.bases.cores, std=0.1)
    batch = graded_sample(batch=1)
    twice = Sample(*(x.expand(2, *x.shape[1:]) for x in (batch.frames, batch.reference, batch.target)))  # type: ignore[union-attr]
    Supervised(table=0)(model, twice)["loss"].backward()
    assert model.head[0].weight.grad.abs().max() < 1e-7
    assert model.head[-1].bias.grad.abs().max() > 1e-5  # a weight for each basis, whatever the images


def test_adapting_improves_the_pair_and_leaves_the_model_alone() -> None:
    model, batch = nlut().eval(), graded_sample(batch=1)
    before = {key: value.clone() for key, value in model.state_dict().items()}

    def objective(candidate: nn.Module, pair: object) -> dict[str, torch.Tensor]:
        return Supervised()(candidate, batch)

    with torch.inference_mode():  # as the pipeline runs it
        adapted = adapt(model, batch.frames[:, 0], batch.reference[:, 0], objective, steps=30, learning_rate=1e-2)
    assert not adapted.training
    assert objective(adapted, batch)["loss"] < 0.5 * objective(model, batch)["loss"]
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def published_state() -> dict[str, torch.Tensor]:
    """A state with the published names and shapes, at a tenth of the size, filled at random."""
    torch.manual_seed(1)
    convolutions = {"enc_1": (0, 2), "enc_2": (1, 5), "enc_3": (1, 5), "enc_4": (1, 4, 7, 11)}
    state: dict[str, torch.Tensor] = {}

    def put(name: str, module: nn.Module) -> None:
        state.update({f"{name}.{key}": torch.rand_like(v.float()) for key, v in module.state_dict().items()})

    vgg = iter([nn.Conv2d(3, 3, 1), *VGGEncoder().convolutions])
    for stage, indices in convolutions.items():
        for index in indices:
            put(f"encoder.{stage}.{index}", next(vgg))
    for block, channels in zip("2345", (64, 128, 256, 512), strict=True):
        for conv, outputs in (("conv1", channels), ("conv2", 16)):
            put(f"SB{block}.{conv}.conv2d", nn.Conv2d(channels, outputs, 3))
            put(f"SB{block}.{conv}.bn", nn.BatchNorm2d(outputs))
    for index, (i, o, k) in zip((0, 3, 6, 9), ((64, 8, 3), (8, 16, 1), (16, 8, 1), (8, 6, 1)), strict=True):
        put(f"classifier.{index}", nn.Conv2d(i, o, k))
        put(f"classifier.{index + 1}", nn.BatchNorm2d(o))
    state |= {"CLUTs.s_Layers": torch.rand(9, 4), "CLUTs.w_Layers": torch.rand(5, 81)}
    state["CLUTs.LUTs"] = torch.rand(4 * 6 * 3, 5)
    return state


def test_published_weights_load_under_our_names() -> None:
    state = published_state()
    model = NLUT(VGGEncoder(), size=9, resolution=32, width=16, hidden=8, bases=6, s=4, w=5, norm="batch")
    model.load_state_dict(convert_nlut(state))
    # Row (i, n, c) of the published matrix: i along the channel's own axis, basis n, channel c.
    cubes = (state["CLUTs.s_Layers"] @ (state["CLUTs.LUTs"] @ state["CLUTs.w_Layers"]).view(4, -1)).view(9, 6, 3, 9, 9)
    blue = model.bases(torch.eye(6))[:, 2]
    torch.testing.assert_close(blue, cubes[:, :, 2].transpose(0, 1), rtol=1e-4, atol=1e-4)


def test_the_paper_has_22_million_parameters() -> None:
    assert sum(p.numel() for p in NLUT(VGGEncoder(), norm="batch").parameters()) == 22_012_364
