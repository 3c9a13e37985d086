"""Neural style transfer for colour, as a LUT: optimised on the LUT itself, or on pixels that a LUT is fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import fit_lut
from lutgrade.models.adaptation import as_sample, check_finite
from lutgrade.models.direct import DirectLut

HISTORY = 10  # of L-BFGS


@dataclass(eq=False, kw_only=True)
class NeuralStyle(DirectLut):
    """Optimises colours for each pair until their features agree with the reference's, at low resolution.

    On the LUT, no picture can gain a texture, and every step sees what the LUT does. On pixels, as the technique was
    first described, each pixel is free, and a smooth LUT is fitted to the colours before and after.

    Args:
        objective: what is minimised, such as `lutgrade.objectives.gram.ColorStyle`.
        size: nodes a side.
        steps: for each pair.
        learning_rate: of Adam, in units of the encoded values.
        resolution: side that the images are resized to.
        variable: what is optimised, "lut" or "pixels".
        optimizer: "lbfgs" (strong Wolfe line search) or "adam".

    Raises:
        InputError: another variable or optimizer; when called, weights that the objective's features need.
        LutgradeError: when called, it has diverged.
    """

    steps: int = 40
    learning_rate: float = 0.02
    variable: Literal["lut", "pixels"] = "lut"
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"

    def __post_init__(self) -> None:
        if self.variable not in ("lut", "pixels"):
            raise InputError(f"neural style optimises lut or pixels, not '{self.variable}'")
        if self.optimizer not in ("lbfgs", "adam"):
            raise InputError(f"the optimizer is lbfgs or adam, not '{self.optimizer}'")

    def _optimise(self, content: Tensor, reference: Tensor) -> Tensor:
        if self.variable == "lut":
            return super()._optimise(content, reference)
        tuned = self._minimise(_Pixels(content), content, reference)
        graded = tuned(content, reference)(content).detach().clamp(0, 1)
        return fit_lut(content[0], graded[0], size=self.size).table

    def _minimise(self, start: nn.Module, content: Tensor, reference: Tensor) -> nn.Module:
        if self.optimizer == "adam":
            return super()._minimise(start, content, reference)
        pair = as_sample(content, reference)
        optimizer = torch.optim.LBFGS(
            start.parameters(),
            max_iter=self.steps,
            history_size=HISTORY,
            tolerance_grad=1e-9,
            tolerance_change=1e-12,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.objective(start, pair)["loss"]
            loss.backward()
            return loss

        with torch.enable_grad():
            optimizer.step(closure)
        check_finite(start)
        return start


class _Pixels(nn.Module):
    """A picture that is its own parameter; as a model, it grades the picture it was made from to itself."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.picture = nn.Parameter(picture.clone(memory_format=torch.contiguous_format))

    def forward(self, content: Tensor, reference: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda image: self.picture
