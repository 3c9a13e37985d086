"""A run: the loop over steps, and what happens at some of them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from lutgrade.checkpoints import save_checkpoint
from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import make_folder, replacing
from lutgrade.protocols import Objective, Sample
from lutgrade.provenance import environment
from lutgrade.training.batches import STEP, Fixed, Shuffled, TrainingSet, derived_seed, loader, positions, prepare
from lutgrade.training.state import save_state
from lutgrade.training.stepper import Stepper
from lutgrade.training.tracking import Tracking
from lutgrade.training.validation import check_shared, validate

if TYPE_CHECKING:
    from lutgrade.training.trainer import Trainer


class Run:
    """One call of `Trainer.fit`; its state is the stepper's, the step and the best score.

    Raises:
        InputError: batch, micro-batch and the number of processes do not divide.
    """

    def __init__(
        self,
        settings: Trainer,
        stepper: Stepper,
        objective: Objective,
        train: TrainingSet,
        valid: TrainingSet | None,
        folder: Path,
        config: Mapping[str, Any],
        seed: int,
    ) -> None:
        self.settings, self.stepper, self.objective, self.train, self.valid = settings, stepper, objective, train, valid
        self.folder, self.config, self.seed = folder, config, seed
        self.accelerator = stepper.accelerator
        self.done = 0
        self.best = math.inf
        self.micro, self.parts = self._split()
        self.waited = 0.0  # seconds for data since the last line of the log

    def _split(self, begun: int | None = None) -> tuple[int, int]:
        """The size of a micro-batch, that of the run as it was begun if any, and how many make a step."""
        size, processes = self.settings.batch_size, self.accelerator.num_processes
        micro = begun or self.settings.micro_batch or max(1, size // processes)
        if size % micro or (size // micro) % processes:
            raise InputError(
                f"trainer.batch_size={size} cannot be cut into micro-batches of {micro} "
                f"that {processes} process(es) share equally"
            )
        return micro, size // micro

    def go(self) -> Path:
        """Runs to the last step; the folder of the best checkpoint.

        Raises:
            InputError: the validation set is too small to share, or lacks the value that is monitored.
            LutgradeError: a value that is not finite, or a full disk.
        """
        if self.valid is not None:
            check_shared(len(self.valid), self.micro, self.accelerator.num_processes)
        batches = self._batches()
        if self.accelerator.is_main_process:
            with replacing(self.folder / "config.yaml") as temporary:
                temporary.write_text(yaml.safe_dump(dict(self.config), sort_keys=False), encoding="utf-8")
        with self._tracking() as track:
            track.log("start", self.done, self._facts())
            began, since = time.perf_counter(), self.done
            for step in range(self.done, self.settings.steps):
                factor = self.settings.schedule(step, self.settings.steps)
                mine = range(self.accelerator.process_index, self.parts, self.accelerator.num_processes)
                values = self.stepper.step(self._ready(batches, step, mine), len(mine), factor)
                self.done = step + 1
                track.advance()
                if self._due(self.settings.log_every):
                    seconds = time.perf_counter() - began
                    track.log("train", self.done, values | self._pace(seconds, self.done - since))
                    self.waited, since, began = 0.0, self.done, time.perf_counter()
                paused = time.perf_counter()
                self._at_intervals(track)
                began += time.perf_counter() - paused  # the pace is that of training alone
        return self.folder / ("last" if self.valid is None else "best")

    def _at_intervals(self, track: Tracking) -> None:
        """Validates, draws and saves when it is time to."""
        if self.valid is not None and self._due(self.settings.validate_every):
            self._validate(track, self.valid)
        if self.settings.samples is not None and self._due(self.settings.sample_every):
            self._draw(track)
        if self._due(self.settings.save_every):
            self._save("last")
            if self.accelerator.is_main_process:
                save_state(self.folder, self.state_dict())
            self.accelerator.wait_for_everyone()

    def _due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.settings.steps

    def _batches(self) -> Iterator[Sample]:
        """This process's micro-batches from the next step on, as the data set makes them."""
        size, settings = self.settings.batch_size, self.settings
        mine = range(self.accelerator.process_index, self.parts, self.accelerator.num_processes)
        order = positions(self.done, settings.steps, size, self.micro, mine)
        return loader(Shuffled(self.train, self.seed), order, workers=settings.workers)

    def _ready(self, batches: Iterator[Sample], step: int, mine: range) -> Iterator[Sample]:
        """The micro-batches of one step on the device; the generators are seeded for each as it is taken."""
        for part in mine:
            began = time.perf_counter()
            batch = next(batches)
            self.waited += time.perf_counter() - began
            yield prepare(self.train, batch, self.accelerator.device, derived_seed(self.seed, STEP, step, part))

    def _pace(self, seconds: float, steps: int) -> dict[str, float]:
        return {
            "learning_rate": self.stepper.optimizer.param_groups[0]["lr"],
            "samples_per_second": steps * self.settings.batch_size / seconds,
            "waiting_for_data": self.waited / seconds,
        }

    def _validate(self, track: Tracking, valid: TrainingSet) -> None:
        """Logs the validated values, and keeps the model where they are the best so far."""
        model, workers = self.stepper.best_model, self.settings.workers
        values = validate(
            model, self.objective, valid, self.accelerator, size=self.micro, seed=self.seed, workers=workers
        )
        track.log("valid", self.done, values)
        if self.settings.monitor not in values:
            raise InputError(f"trainer.monitor={self.settings.monitor} is none of {', '.join(values)}")
        score = values[self.settings.monitor]
        if not math.isfinite(score):
            raise LutgradeError(f"the validated {self.settings.monitor} is not finite at step {self.done}")
        if score < self.best:
            self.best = score
            self._save("best")

    def _save(self, name: str) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(self.folder / name, self.stepper.best_model, self.config["model"])

    def _draw(self, track: Tracking) -> None:
        """A picture of the same few samples each time."""
        if not self.accelerator.is_main_process or self.settings.samples is None:
            return
        from lutgrade.video.stills import write_still

        items = self.train if self.valid is None else self.valid
        few = [list(range(min(len(items), self.micro)))]
        batch = next(loader(Fixed(items, self.seed), few, workers=0))
        model = self.stepper.best_model.eval()
        with torch.no_grad(), self.accelerator.autocast():
            picture = self.settings.samples(model, prepare(items, batch, self.accelerator.device, self.seed))
        path = make_folder(self.folder / "samples") / f"{self.done:07d}.png"
        write_still(picture, path)
        track.picture(self.done, path)

    def _tracking(self) -> Tracking:
        return Tracking(
            self.folder,
            start=self.done,
            steps=self.settings.steps,
            wandb=self.settings.wandb,
            config=self.config,
            active=self.accelerator.is_main_process,
        )

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {**environment(), "device": str(self.accelerator.device), "seed": self.seed}
        facts["processes"] = self.accelerator.num_processes
        facts["parameters"] = sum(p.numel() for p in self.stepper.parameters)
        return facts

    def state_dict(self) -> dict[str, Any]:
        """All that continuing needs."""
        own = {"step": self.done, "best": self.best, "micro": self.micro, "config": dict(self.config)}
        return own | self.stepper.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from `state_dict()`."""
        self.done, self.best = state["step"], state["best"]
        self.micro, self.parts = self._split(state.get("micro"))  # states of before it was kept have none
        self.stepper.load_state_dict(state)
