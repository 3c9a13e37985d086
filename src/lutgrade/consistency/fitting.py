"""The LUT that takes a clip to its target, by any `LutModel`, from several of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from lutgrade.checkpoints import load_model
from lutgrade.consistency.encoding import Encoding
from lutgrade.consistency.profiles import Profile
from lutgrade.consistency.skin import protect_skin
from lutgrade.consistency.targets import Target
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.keyframes import LabHistogramSelector
from lutgrade.models.matching import MKL, HistogramMatching, Identity, Reinhard
from lutgrade.models.sliced import SlicedOT
from lutgrade.models.unbalanced import UnbalancedMKL
from lutgrade.protocols import LutModel

# These see a picture as a set of colours, so that the frames of a clip can be given to them as one picture.
OF_COLORS = (Identity, Reinhard, HistogramMatching, MKL, SlicedOT, UnbalancedMKL)
PICTURES = 4  # frames that a model which looks at pictures is given, one by one


def load_models(names: Sequence[str], encoding: Encoding, size: int, device: str) -> dict[str, LutModel]:
    """The models of those names, made for clips of an encoding and LUTs of `size` nodes a side.

    Raises:
        InputError: there is no such model, or it looks at pictures and the clips are HDR.
        MissingWeights: it has weights and they are not on this machine.
    """
    return {name: _suited(name, load_model(name, device=device), encoding, size) for name in names}


def _suited(name: str, model: LutModel, encoding: Encoding, size: int) -> LutModel:
    if isinstance(model, Reinhard | HistogramMatching | MKL | UnbalancedMKL):
        return replace(model, size=size, space=encoding.space or model.space)
    if isinstance(model, SlicedOT | Identity):
        return replace(model, size=size)
    if encoding.is_hdr:
        raise InputError(
            f"the model {name} looks at SDR pictures, and the clips are {encoding.name}; "
            "auto, unbalanced_mkl, mkl, reinhard, histogram and sliced_ot match them"
        )
    return model


def fit(model: LutModel, profile: Profile, target: Target, size: int, device: str = "cpu") -> Lut:
    """The LUT of a clip at full strength, `[3, S, S, S]` in [0, 1], without the target's look.

    Models of colours are given the colours of all frames as one picture. For others, each of a few frames is matched
    to the target's most similar picture, and the LUTs are averaged: one frame's LUT may not suit the others.
    """
    if isinstance(model, OF_COLORS):
        pairs = [(profile.colors[:, None], target.colors[:, None].float())]
    else:
        pairs = _similar_pictures(profile, target)
    tables = [_table(model, content.to(device), reference.to(device), size) for content, reference in pairs]
    return Lut(torch.stack(tables).mean(0).clamp(0, 1))


def finish(lut: Lut, strength: float, skin: float) -> Lut:
    """The LUT at a strength, with skin protected; in [0, 1]."""
    table = lut.blend(strength).table.clamp(0, 1)
    return Lut(protect_skin(table, skin) if skin > 0 else table)


def with_look(lut: Lut, target: Target) -> Lut:
    """The LUT under the target's look; in [0, 1]."""
    return lut if target.look is None else Lut(lut.compose(target.look, size=lut.size).table.clamp(0, 1))


def _table(model: LutModel, content: Tensor, reference: Tensor, size: int) -> Tensor:
    with torch.no_grad():  # not inference mode: some models optimise here
        grade = model(content[None], reference[None])
        grade = getattr(grade, "lut", grade)  # the part of a colour map that a LUT can hold
        lut = Lut.from_function(lambda x: grade(x.to(content.device)).float().cpu(), size)
    return lut.table.clone()


def _similar_pictures(profile: Profile, target: Target) -> list[tuple[Tensor, Tensor]]:
    """A few frames of a clip, evenly spaced, each with the target's picture most like it."""
    count = min(PICTURES, len(profile.frames))
    frames = [profile.frames[(2 * i + 1) * len(profile.frames) // (2 * count)].float() for i in range(count)]
    selector = LabHistogramSelector()
    features = torch.cat([selector.features(picture[None]) for picture in target.pictures])
    best = [selector.most_similar(selector.features(frame[None]), features)[1] for frame in frames]
    return [(frame, target.pictures[index]) for frame, index in zip(frames, best, strict=True)]
