"""Neural style transfer for colour, as a LUT: optimised on the LUT itself, or on pixels that a LUT is fitted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut, fit_lut
from lutgrade.models.adaptation import adapt, as_sample
from lutgrade.models.direct import LutParameter
from lutgrade.models.encoders import to_square
from lutgrade.models.pixels import check_images
from lutgrade.protocols import Objective

HISTORY = 10  # of L-BFGS


class NeuralStyle:
    """Optimises colours for each pair until their features agree with the reference's, at low resolution.

    On the LUT, no picture can gain a texture, and every step sees what the LUT does. On pixels, as the technique was
    first described, each pixel is free, and a smooth LUT is fitted to the colours before and after.

    Args:
        objective: what is minimised, such as `lutgrade.objectives.gram.ColorStyle`.
        variable: what is optimised, "lut" or "pixels".
        optimizer: "lbfgs" (strong Wolfe line search) or "adam".
        size: nodes a side.
        steps: for each pair.
        learning_rate: of Adam, in units of the encoded values.
        resolution: side that the images are resized to.

    Raises:
        InputError: another variable or optimizer; when called, weights that the objective's features need.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        variable: Literal["lut", "pixels"] = "lut",
        optimizer: Literal["lbfgs", "adam"] = "lbfgs",
        size: int = 33,
        steps: int = 40,
        learning_rate: float = 0.02,
        resolution: int = 96,
    ) -> None:
        if variable not in ("lut", "pixels"):
            raise InputError(f"neural style optimises lut or pixels, not '{variable}'")
        if optimizer not in ("lbfgs", "adam"):
            raise InputError(f"the optimizer is lbfgs or adam, not '{optimizer}'")
        self.objective = objective
        self.variable = variable
        self.optimizer = optimizer
        self.size = size
        self.steps = steps
        self.learning_rate = learning_rate
        self.resolution = resolution

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image, in [0, 1]."""
        check_images(content, reference)
        content, reference = (to_square(image, self.resolution).float() for image in (content, reference))
        optimise = self._on_lut if self.variable == "lut" else self._on_pixels
        with torch.autocast(content.device.type, enabled=False):  # a line search needs every bit
            tables = [optimise(c[None], r[None]) for c, r in zip(content, reference, strict=True)]
        return Lut(torch.stack(tables))

    def _on_lut(self, content: Tensor, reference: Tensor) -> Tensor:
        """The table `[3, S, S, S]` of one pair."""
        tuned = self._minimise(lambda: LutParameter(self.size), content, reference)
        return tuned(content, reference).table[0].detach().clamp(0, 1)

    def _on_pixels(self, content: Tensor, reference: Tensor) -> Tensor:
        tuned = self._minimise(lambda: _Pixels(content), content, reference)
        graded = tuned(content, reference)(content).detach().clamp(0, 1)
        return fit_lut(content[0], graded[0], size=self.size).table.clamp(0, 1)

    def _minimise(self, make: Callable[[], nn.Module], content: Tensor, reference: Tensor) -> nn.Module:
        """What `make` returns, with its parameters at a minimum of the objective."""
        with torch.inference_mode(False), torch.enable_grad():
            start = make().to(content.device)
            if self.optimizer == "adam":
                rate = self.learning_rate
                return adapt(start, content, reference, self.objective, steps=self.steps, learning_rate=rate)
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

            optimizer.step(closure)
            return start


class _Pixels(nn.Module):
    """A picture that is its own parameter; as a model, it grades the picture it was made from to itself."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.picture = nn.Parameter(picture.clone(memory_format=torch.contiguous_format))

    def forward(self, content: Tensor, reference: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda image: self.picture
