"""Neural style transfer for colour, as a LUT: optimised on the LUT itself, or on pixels that a LUT is fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.lut.monotone import monotone_greys
from lutgrade.lut.regularity import irregularity
from lutgrade.models.adaptation import as_sample, check_finite
from lutgrade.models.direct import DirectLut

HISTORY = 10  # of L-BFGS
GRIDS = (2, 5, 17)  # nodes a side
FIT_STEPS = 60
FIT = 3.0  # weight of the squared error at the pixels, where a LUT's irregularity has 1

Loss = Callable[[nn.Module], Tensor]


@dataclass(eq=False, kw_only=True)
class NeuralStyle(DirectLut):
    """Optimises colours for each pair until their features agree with the reference's, at low resolution.

    On the LUT, no picture can gain a texture, and every step sees what the LUT does. On pixels, as the technique was
    first described, each pixel is free, and a LUT is fitted to the colours before and after. Features tell which
    colours there are and not which belong together, so either way it is a LUT that bends little and does not fold:
    tones keep their order, and colours that the content lacks move as those beside them.

    Args:
        objective: what is minimised, such as `lutgrade.objectives.gram.ColorStyle`.
        size: nodes a side.
        steps: for each pair, at most.
        learning_rate: of Adam at first, in units of the encoded values; it falls to 0 along a cosine.
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
        pair = as_sample(content, reference)
        content = pair.frames[:, 0]
        lut = _SmoothLut(self.size).to(content.device)
        if self.variable == "lut":
            self._minimise_style(lut, lambda model: self.objective(model, pair)["loss"])
        else:
            pixels = _Pixels(content)
            self._minimise_style(pixels, lambda model: self.objective(model, pair)["loss"])
            _lbfgs(lut, _distance(content, pixels.picture.detach().clamp(0, 1)), FIT_STEPS)
        table = Lut(lut.table().detach().clamp(0, 1)).resize(self.size).table
        return monotone_greys(table).clamp(0, 1)[0]  # what a term of a loss cannot remove: the last codes of a fall

    def _minimise_style(self, start: nn.Module, loss: Loss) -> None:
        if self.optimizer == "lbfgs":
            _lbfgs(start, loss, self.steps)
        else:
            _adam(start, loss, self.steps, self.learning_rate)


class _SmoothLut(nn.Module):
    """A LUT whose residual is the sum of ever finer grids, up to `size` nodes a side, which are its parameters.

    A slope of the loss at one colour moves all others through the coarse grids, and its neighbours through the fine
    ones; of nodes on their own, only those would move that the content touches.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.grids = nn.ParameterList(nn.Parameter(torch.zeros(1, 3, n, n, n)) for n in GRIDS if n <= size)

    def table(self) -> Tensor:
        """`[1, 3, S, S, S]`, with the nodes of the finest grid."""
        side = self.grids[-1].shape[-3:]
        grids = [F.interpolate(grid, side, mode="trilinear", align_corners=True) for grid in self.grids]
        return Lut.from_residual(torch.stack(grids).sum(0)).table

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        return Lut(self.table())


class _Pixels(nn.Module):
    """A picture that is its own parameter; as a model, it grades the picture it was made from to itself."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.picture = nn.Parameter(picture.clone(memory_format=torch.contiguous_format))

    def forward(self, content: Tensor, reference: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda image: self.picture


def _distance(content: Tensor, graded: Tensor) -> Loss:
    """What a LUT leaves of the way from `content` to `graded`, and its irregularity."""

    def loss(model: nn.Module) -> Tensor:
        lut = model(content, content)
        return FIT * (lut(content) - graded).square().mean() + irregularity(lut.table)

    return loss


def _lbfgs(start: nn.Module, loss: Loss, steps: int) -> None:
    """Moves the parameters to a minimum by L-BFGS; ends early where nothing changes any more."""
    optimizer = torch.optim.LBFGS(
        start.parameters(),
        max_iter=steps,
        history_size=HISTORY,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(start)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(closure)
    check_finite(start)


def _adam(start: nn.Module, loss: Loss, steps: int, learning_rate: float) -> None:
    """The same by Adam at a rate that falls, so that it settles.

    Its steps are as long where there is hardly a slope as where there is one; the best that it came by is kept, which
    for pictures that agree already is the start.
    """
    parameters = list(start.parameters())
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    least, best = math.inf, [p.detach().clone() for p in parameters]
    with torch.enable_grad():
        for _ in range(steps):
            optimizer.zero_grad()
            value = loss(start)
            value.backward()
            if value.item() < least:
                least, best = value.item(), [p.detach().clone() for p in parameters]
            optimizer.step()
            schedule.step()
    check_finite(start)
    with torch.no_grad():
        for parameter, kept in zip(parameters, best, strict=True):
            parameter.copy_(kept)
