"""Test-time training of the pipeline: a model tuned to the key frames of the clip that it is about to grade."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from torch import Tensor, nn

from lutgrade import paths
from lutgrade.checkpoints import build
from lutgrade.errors import InputError
from lutgrade.models.adaptation import adapt
from lutgrade.models.encoders import SmallEncoder, to_square
from lutgrade.models.ncst import NCST
from lutgrade.models.pair import PairModel
from lutgrade.objectives.style import Style
from lutgrade.progress import Progress
from lutgrade.protocols import LutModel


def check_adaptable(model: LutModel) -> PairModel:
    """The model itself, where it can be trained on one pair.

    Raises:
        InputError: it cannot, and why.
    """
    if not isinstance(model, PairModel):
        raise InputError(f"{type(model).__name__} cannot be adapted to a clip; the models nlut, ncst and adacm can")
    if any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        raise InputError(
            f"{type(model).__name__} with norm: batch cannot be adapted, for it needs several pairs at once; "
            "with norm: group it can, and the model direct does what its published fine-tuning does"
        )
    return model


def adapt_to_clip(model: PairModel, content: Tensor, reference: Tensor, steps: int, progress: Progress) -> PairModel:
    """A copy of the model trained on the pairs of a clip, one a step in turn, as NCST does (arXiv 2411.00335, 4.1).

    Images are seen at the resolution that the model sees, as in its training. The same pairs give the same model.

    Args:
        content: key frames `[K, 3, h, w]`, sRGB-encoded in [0, 1], on the model's device.
        reference: the frame that each was matched to, `[K, 3, h', w']`.
        steps: the paper takes 500.
        progress: shows them.
    """
    objective = unsupervised(model)
    content, reference = (to_square(images, model.features.resolution) for images in (content, reference))
    with progress("adapt", steps) as advance:
        return adapt(model, content, reference, objective, steps=steps, pairs_a_step=1, advance=advance)


def unsupervised(model: PairModel) -> Style:
    """The losses that a model is adapted under, which need no weights but its own.

    A model with VGG features has its paper's losses, NCST's or NLUT's, on that VGG. One with a small encoder has
    those of `style_small`, on fixed random features.
    """
    encoder = model.features.encoder
    if isinstance(encoder, SmallEncoder):
        settings = _settings("style_small")
        return Style(build(settings.pop("features")), **settings)
    settings = _settings("ncst" if isinstance(model, NCST) else "nlut")
    own = copy.deepcopy(encoder)
    own.weights = None  # the checkpoint brought them
    return Style(**settings | {"features": own})


def _settings(name: str) -> dict[str, Any]:
    """The arguments that `configs/objective/<name>.yaml` gives to `Style`."""
    settings = yaml.safe_load((paths.configs() / "objective" / f"{name}.yaml").read_text(encoding="utf-8"))
    del settings["_target_"]
    return settings
