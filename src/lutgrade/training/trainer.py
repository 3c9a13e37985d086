"""The trainer: builds nothing, knows no model; it accumulates, steps, averages, logs, validates, saves and resumes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import make_folder
from lutgrade.protocols import Objective
from lutgrade.training.batches import TrainingSet
from lutgrade.training.execution import channels_last, checkpoint_gradients, executing
from lutgrade.training.run import Run
from lutgrade.training.samples import DrawSamples
from lutgrade.training.schedule import Schedule
from lutgrade.training.state import check_same, load_state, remove_partial
from lutgrade.training.stepper import MakeOptimizer, Stepper

if TYPE_CHECKING:
    from accelerate import Accelerator

Precision = Literal["no", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """How to train; `fit` does it.

    Args:
        steps: of the optimiser.
        batch_size: samples a step, over all processes.
        micro_batch: samples a forward pass; a step accumulates as many as its batch takes. None is the share of a
            process. With the same micro-batch, losses do not depend on the number of processes; a resumed run keeps
            the one it was begun with.
        precision: "no" is float32; "bf16" and "fp16" are autocast, the latter with a loss scale.
        clip: largest norm of the gradient; None leaves it.
        ema: decay of the averaged weights, which are then what is validated and shipped; None keeps none.
        schedule: of the learning rate.
        workers: processes that load data; 0 loads it in this one.
        compile: `torch.compile` the model.
        gradient_checkpointing: calls the model's `enable_gradient_checkpointing()`.
        fused_attention: torch's attention in one kernel, where the device has one; False computes it in parts.
        channels_last: the weights of 2-D convolutions in that layout, which tensor cores take as it is.
        deterministic: uses only deterministic algorithms, so that a resumed run is exact on a GPU too.
        monitor: the validated value whose smallest marks the best checkpoint.
        log_every: steps between lines of the log; likewise the three below. The last step counts as due.
        validate_every: of validation.
        save_every: of saving the state and the last checkpoint.
        sample_every: of pictures.
        samples: draws the pictures; None draws none.
        wandb: name of a wandb project; None leaves wandb alone.
    """

    steps: int
    batch_size: int
    micro_batch: int | None = None
    precision: Precision = "no"
    clip: float | None = 1.0
    ema: float | None = 0.999
    schedule: Schedule = field(default_factory=Schedule)
    workers: int = 0
    compile: bool = False
    gradient_checkpointing: bool = False
    fused_attention: bool = True
    channels_last: bool = False
    deterministic: bool = False
    monitor: str = "loss"
    log_every: int = 10
    validate_every: int = 500
    save_every: int = 500
    sample_every: int = 500
    samples: DrawSamples | None = None
    wandb: str | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "log_every", "validate_every", "save_every", "sample_every"):
            check_whole(f"trainer.{name}", getattr(self, name), least=1)
        check_whole("trainer.workers", self.workers)
        if self.micro_batch is not None:
            check_whole("trainer.micro_batch", self.micro_batch, least=1)
        if self.clip is not None and not _between(self.clip, 0, math.inf):
            raise InputError(f"trainer.clip is {self.clip}; it is a number above 0, or null to leave the gradient")
        if self.ema is not None and not _between(self.ema, 0, 1):
            raise InputError(f"trainer.ema is {self.ema}; it is a share below 1, or null for no averaged weights")

    def fit(
        self,
        model: nn.Module,
        objective: Objective,
        train: TrainingSet,
        valid: TrainingSet | None = None,
        *,
        optimizer: MakeOptimizer,
        folder: str | Path,
        config: Mapping[str, Any],
        seed: int = 0,
        resume: bool = False,
    ) -> Path:
        """Trains a model, in place.

        Args:
            model: with `initialise()`, where it starts from weights that are read from elsewhere, and `fit_to(train)`,
                where it starts from statistics of the training set.
            objective: what is minimised.
            train: trained on, in an order that follows from the seed.
            valid: validated on, in its own order; without it, the last checkpoint is the best.
            optimizer: makes the optimiser from a list of parameters.
            folder: of the run: checkpoints in `best/` and `last/`, `log.jsonl`, `samples/`, `state.pt`, `config.yaml`.
            config: resolved; its `model` goes into the checkpoints, the whole is compared when resuming.
            seed: of everything that is random.
            resume: continues from `state.pt`, with the losses that a run never stopped would have had.

        Returns:
            The folder of the best checkpoint, for `lutgrade.load_model`.

        Raises:
            InputError: settings that cannot work, or a folder that holds a run already (or another one).
            LutgradeError: a loss that is not finite, or a full disk; the checkpoints before it stay.
        """
        accelerator = make_accelerator(self.precision)
        folder = make_folder(folder)
        saved = self._saved(folder, dict(config, seed=seed), resume, accelerator)
        if saved is None:
            _start(model, train)
        with self.executing():
            stepper = self.stepper(model, objective, optimizer, accelerator)
            run = Run(self, stepper, objective, train, valid, folder, dict(config, seed=seed), seed)
            if saved is not None:
                run.load_state_dict(saved)
            return run.go()

    def stepper(
        self, model: nn.Module, objective: Objective, optimizer: MakeOptimizer, accelerator: Accelerator
    ) -> Stepper:
        """What makes the steps of a run, which belong within `executing()`; raises as `Stepper` does."""
        if self.gradient_checkpointing:
            checkpoint_gradients(model)
        if self.channels_last:
            channels_last(model)
        return Stepper(model, objective, optimizer, accelerator, clip=self.clip, ema=self.ema, compile=self.compile)

    def executing(self) -> AbstractContextManager[None]:
        """The settings of torch that steps are made with."""
        return executing(deterministic=self.deterministic, fused_attention=self.fused_attention)

    def _saved(
        self, folder: Path, config: Mapping[str, Any], resume: bool, accelerator: Accelerator
    ) -> dict[str, Any] | None:
        """The state to continue from; None for a new run."""
        saved = load_state(folder)
        if saved is not None:
            if not resume:
                begun = f"{folder} holds a run at step {saved['step']}"
                raise InputError(f"{begun}: continue it with resume=true, or choose another name")
            check_same(folder, saved["config"], config)
        accelerator.wait_for_everyone()  # all have looked before one of them writes
        if accelerator.is_main_process:
            remove_partial(folder)
        return saved


def make_accelerator(precision: Precision) -> Accelerator:
    """The device and processes that this program was started on, at a precision.

    Raises:
        InputError: a precision that is unknown, or that the device lacks.
        LutgradeError: accelerate is not installed.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
    except ImportError as error:
        raise LutgradeError("training needs accelerate; install it with pip install 'lutgrade[train]'") from error

    AcceleratorState._reset_state()  # it is shared, and would hold a run to the precision of the one before it
    try:
        # Without GPUs, accelerate takes each of several processes for the only one unless it is told of the CPU.
        several = int(os.environ.get("WORLD_SIZE", "1")) > 1
        accelerator = Accelerator(mixed_precision=precision, cpu=several and not torch.cuda.is_available())
    except ValueError as error:
        raise InputError(f"trainer.precision={precision}: {str(error).splitlines()[0]}") from error
    if precision == "fp16" and accelerator.scaler is None:  # accelerate would train in float32 and not say so
        raise InputError(f"trainer.precision=fp16 needs a GPU, not {accelerator.device.type}; use bf16 or no")
    return accelerator


def check_whole(name: str, value: object, *, least: int = 0) -> None:
    """Raises an InputError where a setting is no whole number, or one below the least."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value}; it is a whole number of at least {least}")


def _between(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and low < value < high


def _start(model: nn.Module, train: TrainingSet) -> None:
    """What a model asks for before its first step: weights from elsewhere, statistics of its training set."""
    initialise, fit_to = getattr(model, "initialise", None), getattr(model, "fit_to", None)
    if initialise is not None:
        initialise()
    if fit_to is not None:
        fit_to(train)
