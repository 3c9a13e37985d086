"""How fast a configuration trains, where a step's time goes, and how fast its data is read."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lutgrade import paths
from lutgrade.checkpoints import build, build_model
from lutgrade.errors import InputError
from lutgrade.protocols import Sample
from lutgrade.training import Trainer, read_log
from lutgrade.training.batches import Shuffled, TrainingSet, loader, positions, prepare
from lutgrade.training.launch import explain, train
from lutgrade.training.stepper import Stepper
from lutgrade.training.trainer import make_accelerator

PHASES = ("data", "grading", "forward", "backward", "optimiser")
WARMUP = 5  # steps, or as many lines of the log as they take, that are not counted


def composed(experiment: str, overrides: Sequence[str]) -> DictConfig:
    """An experiment as `scripts/train.py` composes it, without validation and pictures, which are no steps.

    Raises:
        InputError: an experiment, a group or a setting that there is not.
    """
    fixed = [f"experiment={experiment}", "~data@valid", "trainer.samples=null", f"trainer.log_every={WARMUP}"]
    try:
        with initialize_config_dir(str(paths.configs()), version_base="1.3"):
            return compose("train", overrides=[*fixed, *overrides])
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(explain(error, "train", [*fixed, *overrides])) from error


def pace(config: DictConfig, steps: int) -> dict[str, float]:
    """Steps and samples a second of `scripts/train.py` itself, and the share of its time spent waiting for data."""
    config.trainer.steps = WARMUP + steps
    with tempfile.TemporaryDirectory() as folder:
        train(config, folder)
        lines = read_log(folder)[1:]
    samples = statistics.median(line["samples_per_second"] for line in lines)
    return {
        "steps_per_s": samples / config.trainer.batch_size,
        "samples_per_s": samples,
        "waiting_for_data": statistics.median(line["waiting_for_data"] for line in lines),
    }


def loader_pace(config: DictConfig, batches: int) -> float:
    """Samples a second that the loader gives when nothing else is done, once its workers are at work."""
    parts = _resolved(config)
    ahead = max(1, 2 * config.trainer.workers)  # what workers have begun before anyone asks
    stream = _batches(parts, build(parts["data"]), ahead + batches)
    for _ in range(ahead):
        next(stream)
    begin = time.perf_counter()
    read = sum(len(batch.frames) for batch in stream)
    return read / (time.perf_counter() - begin)


def phases(config: DictConfig, steps: int) -> dict[str, float]:
    """Median milliseconds a step of each of `PHASES`, the device waited for between them.

    `data` is the loader, `grading` mixes and applies the LUTs on the device, `forward` includes the losses, and
    `optimiser` includes clipping and averaging the weights. Waiting makes the sum a little more than a step takes.
    """
    parts = _resolved(config)
    stepper = _stepper(parts)
    data, device = build(parts["data"]), stepper.accelerator.device
    stream = _batches(parts, data, WARMUP + steps)
    watch = _watched(stepper)

    def ready(step: int) -> Iterator[Sample]:
        batch = next(stream)
        watch.lap("data")
        batch = prepare(data, batch, device, step)
        watch.lap("grading")
        yield batch

    for step in range(WARMUP + steps):
        stepper.step(ready(step), 1, 1.0)
        watch.lap("optimiser")
    return {phase: 1000 * statistics.median(watch.laps[phase][WARMUP:]) for phase in PHASES}


class Stopwatch:
    """Seconds from lap to lap, by what was done in them; each lap waits for the device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.laps: dict[str, list[float]] = defaultdict(list)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.laps[phase].append(now - self._last)
        self._last = now


def _watched(stepper: Stepper) -> Stopwatch:
    """A stopwatch that laps after the stepper's forward and backward passes."""
    watch, backward = Stopwatch(stepper.accelerator.device), stepper.accelerator.backward

    def timed_backward(loss: torch.Tensor) -> None:
        backward(loss)
        watch.lap("backward")

    stepper.loss.register_forward_hook(lambda *_: watch.lap("forward"))
    stepper.accelerator.backward = timed_backward
    return watch


def _stepper(parts: dict[str, Any]) -> Stepper:
    settings: Trainer = build(parts["trainer"])
    return settings.stepper(
        build_model(parts["model"]),
        build(parts["objective"]),
        build(parts["optimizer"]),
        make_accelerator(settings.precision),
    )


def _resolved(config: DictConfig) -> dict[str, Any]:
    return OmegaConf.to_container(config, resolve=True)


def _batches(parts: dict[str, Any], data: TrainingSet, count: int) -> Iterator[Sample]:
    """The first batches of a run, each whole as one micro-batch."""
    size, workers = parts["trainer"]["batch_size"], parts["trainer"]["workers"]
    return loader(Shuffled(data, parts["seed"]), positions(0, count, size, size, [0]), workers=workers)
