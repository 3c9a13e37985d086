"""The objective's values over a fixed data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.protocols import Objective
from lutgrade.training.batches import VALIDATION, Fixed, TrainingSet, derived_seed, loader, prepare

if TYPE_CHECKING:
    from accelerate import Accelerator


def validate(
    model: nn.Module,
    objective: Objective,
    items: TrainingSet,
    accelerator: Accelerator,
    *,
    size: int,
    seed: int,
    workers: int,
) -> dict[str, float]:
    """The mean of each of the objective's values over all items, `size` at a time, the same at every call.

    Batches are dealt to the processes, and every process returns the same means. Noise follows from the seed and
    the batch. Each process needs a batch (see `check_shared`).
    """
    batches = [list(range(i, min(i + size, len(items)))) for i in range(0, len(items), size)]
    mine = range(accelerator.process_index, len(batches), accelerator.num_processes)
    sums: dict[str, Tensor] = {}
    model.eval()
    stream = loader(Fixed(items, seed), [batches[i] for i in mine], workers=workers)
    with torch.no_grad(), accelerator.autocast():
        for i, batch in zip(mine, stream, strict=True):
            ready = prepare(items, batch, accelerator.device, derived_seed(seed, VALIDATION, i))
            for name, value in objective(model, ready).items():
                sums[name] = sums.get(name, torch.zeros((), device=accelerator.device)) + value.mean() * len(batches[i])
    totals = accelerator.reduce(torch.stack(list(sums.values())), reduction="sum") / len(items)
    return dict(zip(sums, totals.tolist(), strict=True))


def check_shared(count: int, size: int, processes: int) -> None:
    """Raises an InputError where `count` samples in batches of `size` leave a process without one."""
    if -(-count // size) < processes:
        raise InputError(
            f"{count} samples in batches of {size} are too few to validate on {processes} process(es): "
            "use more samples, a smaller trainer.micro_batch or fewer processes"
        )
