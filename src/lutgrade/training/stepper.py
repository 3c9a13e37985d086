"""One step of the optimiser, over one or several micro-batches, on one or several processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lutgrade.errors import InputError, LutgradeError
from lutgrade.protocols import Objective, Sample
from lutgrade.training.ema import averaged

if TYPE_CHECKING:
    from accelerate import Accelerator

MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]


class _Loss(nn.Module):
    """Model and objective as one module, so that processes synchronise whatever the objective calls and learns."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Sample) -> dict[str, Tensor]:
        return dict(self.objective(self.model, batch))


def _made(make_optimizer: MakeOptimizer, parameters: list[nn.Parameter]) -> Optimizer:
    try:
        return make_optimizer(parameters)
    except (TypeError, ValueError) as error:
        raise InputError(f"the optimizer cannot be made: {str(error).splitlines()[0]}") from error


class Stepper:
    """Holds all that a step changes: weights, optimiser, loss scale, averaged weights.

    Args:
        model: trained in place; parameters that need no gradient stay as they are.
        objective: its own parameters are trained too, where it is a module that has any.
        make_optimizer: makes the optimiser from the parameters.
        accelerator: the device, the precision and the processes.
        clip: largest norm of the gradient; None leaves it.
        ema: decay of the averaged weights; None keeps none.
        compile: compiles the model.

    Raises:
        InputError: a model without trainable parameters, or an optimiser that cannot be made.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        make_optimizer: MakeOptimizer,
        accelerator: Accelerator,
        *,
        clip: float | None,
        ema: float | None,
        compile: bool,
    ) -> None:
        self.accelerator, self.clip, self.model = accelerator, clip, model
        self.loss = _Loss(model, objective).to(accelerator.device)
        self.parameters = [p for p in self.loss.parameters() if p.requires_grad]
        if not any(p.requires_grad for p in model.parameters()):
            raise InputError(f"{type(model).__name__} has nothing to train: none of its parameters needs a gradient")
        self.average = None if ema is None else averaged(model, ema)
        if compile:
            model.compile()
        optimizer = _made(make_optimizer, self.parameters)
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.module, self.optimizer = accelerator.prepare(self.loss, optimizer)

    @property
    def best_model(self) -> nn.Module:
        """What is validated and shipped: the averaged weights where there are any."""
        return self.model if self.average is None else self.average.module

    def step(self, batches: Iterable[Sample], count: int, factor: float) -> dict[str, float]:
        """Minimises the mean loss of `count` micro-batches, at `factor` times the learning rate.

        Returns:
            The objective's values, their means over all processes, and the gradient's norm.

        Raises:
            LutgradeError: the loss or the gradient is not finite; names the samples, before any weight changes.
        """
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.model.train()
        parts: list[dict[str, Tensor]] = []
        names: list[str] = []
        for index, batch in enumerate(batches, start=1):
            with nullcontext() if index == count else self.accelerator.no_sync(self.module):
                values = self.module(batch)
                self.accelerator.backward(values["loss"] / count)
            parts.append({name: value.detach().float().mean() for name, value in values.items()})
            names.append(batch.name)
        means = self._mean(parts)
        if not math.isfinite(means["loss"]):
            self._stop("loss", [n for n, p in zip(names, parts, strict=True) if not p["loss"].isfinite()])
        means["gradient"] = self._descend(names)
        return means

    def _descend(self, names: list[str]) -> float:
        """Clips, steps and averages; the norm of the gradient."""
        norm = float(self.accelerator.clip_grad_norm_(self.parameters, self.clip or math.inf))
        if not math.isfinite(norm) and self.accelerator.scaler is None:  # a loss scale skips such a step, and shrinks
            self._stop("gradient", names)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None and not self.optimizer.step_was_skipped:
            self.average.update_parameters(self.model)
        return norm

    def _mean(self, parts: list[dict[str, Tensor]]) -> dict[str, float]:
        """The mean of each value over micro-batches and processes, with one transfer to the host."""
        values = torch.stack([torch.stack([part[name] for part in parts]).mean() for name in parts[0]])
        means = self.accelerator.reduce(values, reduction="mean").tolist()
        return dict(zip(parts[0], means, strict=True))

    def _stop(self, what: str, names: list[str]) -> None:
        from accelerate.utils import gather_object

        raise LutgradeError(f"the {what} is not finite, in the batch of: {', '.join(gather_object(names))}")

    def state_dict(self) -> dict[str, Any]:
        """All that continuing needs, as tensors, numbers and containers of them."""
        scaler = self.accelerator.scaler
        return {
            "weights": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from `state_dict()`; an InputError where that is of a stepper that was made otherwise."""
        try:
            self.loss.load_state_dict(state["weights"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state["scaler"])
        except (RuntimeError, ValueError) as error:  # the settings are the same: it is the code that has changed
            reason = " ".join(str(error).split())[:160]
            raise InputError(f"the state of the run is not of this {type(self.model).__name__}: {reason}") from error
