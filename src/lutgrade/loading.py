"""What a grade takes that is slow to load, so that many clips can share it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lutgrade.adapting import check_adaptable
from lutgrade.analysis import ANALYSIS_SIDE, NETWORK_SIDE
from lutgrade.checkpoints import DEFAULT_MODEL, load_model
from lutgrade.models.keyframes import KeyframeSelector
from lutgrade.options import GradeOptions
from lutgrade.predicting import check_model
from lutgrade.protocols import LutModel
from lutgrade.selecting import build_selector


@dataclass(frozen=True)
class Loaded:
    """A model, what reports call it, and the selector of key frames."""

    model: LutModel
    name: str
    selector: KeyframeSelector

    @property
    def side(self) -> int:
        """The pixels that frames are analysed at."""
        return NETWORK_SIDE if isinstance(self.selector.encoder, nn.Module) else ANALYSIS_SIDE


def load(model: LutModel | str | Path | None, options: GradeOptions) -> Loaded:
    """A model that can do what the options ask for, and the selector that they name.

    Args:
        model: a `LutModel`, or what `load_model` takes; None is the default model.

    Raises:
        InputError: the model cannot, or one of them cannot be loaded.
    """
    if model is None or isinstance(model, str | Path):
        loaded, name = load_model(model, device=options.device), str(model or DEFAULT_MODEL)
    else:
        loaded, name = model, type(model).__name__
    check_model(loaded, options)
    if options.adapt:
        check_adaptable(loaded)
    return Loaded(loaded, name, build_selector(options.selector, device=options.device))
