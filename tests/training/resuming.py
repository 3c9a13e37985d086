"""A run that is killed with SIGKILL: `python resuming.py FOLDER step|save`, which `test_resume.py` starts."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lutgrade.protocols import Sample
from lutgrade.training import Schedule, Trainer
from training.tiny import NoisyL1, PhotoPairs, TinyLut

CONFIG = {"model": {"_target_": "training.tiny.TinyLut"}}
STEPS = 12


class Dropping(TinyLut):
    """Draws from the global generator while training."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[1] = torch.nn.Dropout(0.5)


class Killing(PhotoPairs):
    """Kills its own process when it has prepared so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__(10)
        self.batches = batches

    def prepare(self, batch: Sample, device: torch.device, generator: torch.Generator) -> Sample:
        self.batches -= 1
        if self.batches == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prepare(batch, device, generator)


def run(folder: Path, train: PhotoPairs, *, resume: bool = False, workers: int = 0, **changes: Any) -> Path:
    """The same run each time: 12 steps of two micro-batches over 10 samples, saved and validated every fifth."""
    torch.manual_seed(7)
    settings: dict[str, Any] = {"micro_batch": 2, "validate_every": 5, "save_every": 5} | changes
    trainer = Trainer(
        steps=STEPS,
        batch_size=4,
        ema=0.9,
        schedule=Schedule(warmup=2),
        log_every=1,
        workers=workers,
        **settings,
    )
    optimizer = partial(torch.optim.AdamW, lr=1e-2)
    parts = Dropping(), NoisyL1(), train, PhotoPairs(6)
    return trainer.fit(*parts, optimizer=optimizer, folder=folder, config=CONFIG, seed=3, resume=resume)


def die_while_saving() -> None:
    """The second time that a state is saved, half of it is written, and then the process is killed."""
    save, calls = torch.save, []

    def half(state: Any, path: Path) -> None:
        calls.append(path)
        save(state, path)
        if len(calls) == 2:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    torch.save = half  # type: ignore[assignment]


if __name__ == "__main__":
    torch.set_num_threads(1)
    target, when = Path(sys.argv[1]), sys.argv[2]
    if when == "save":
        die_while_saving()
        run(target, PhotoPairs(10))
    else:
        run(target, Killing(2 * 8 + 1))  # in the middle of the ninth step
