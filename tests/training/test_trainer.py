"""The trainer on tiny real parts: what it learns, writes, and refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lutgrade import load_model
from lutgrade.errors import InputError, LutgradeError
from lutgrade.lut import Lut
from lutgrade.protocols import Sample
from lutgrade.training import GradeGrid, Schedule, Trainer, read_log
from lutgrade.training.validation import check_shared
from lutgrade.video.stills import read_still
from training.tiny import NoisyL1, PhotoPairs, TinyLut

CONFIG = {"model": {"_target_": "training.tiny.TinyLut"}}
TRAINER = Trainer(
    steps=6, batch_size=4, ema=None, schedule=Schedule(decay="constant"), log_every=1, validate_every=3, save_every=3
)


def fit(trainer: Trainer, folder: Path, **changes: Any) -> Path:
    """Trains the tiny model in `folder`."""
    torch.manual_seed(0)
    parts: dict[str, Any] = {"model": TinyLut(), "objective": NoisyL1(), "train": PhotoPairs()}
    parts["optimizer"] = partial(torch.optim.AdamW, lr=1e-2)
    return trainer.fit(**parts | changes, folder=folder, config=CONFIG)


def losses(folder: Path) -> list[float]:
    return [record["loss"] for record in read_log(folder)]


def test_it_learns_and_leaves_checkpoints_a_log_and_pictures(tmp_path: Path) -> None:
    trainer = replace(
        TRAINER, steps=40, validate_every=10, sample_every=20, ema=0.9, samples=GradeGrid(rows=2, height=32)
    )
    model = TinyLut()
    best = fit(trainer, tmp_path, model=model, valid=PhotoPairs(8))
    valid = [record["loss"] for record in read_log(tmp_path, "valid")]
    assert best == tmp_path / "best"
    assert len(losses(tmp_path)) == 40
    assert valid[-1] < 0.6 * valid[0]
    assert model.initialised == 1
    record = read_log(tmp_path)[-1]
    assert record["samples_per_second"] > 0
    assert 0 <= record["waiting_for_data"] < 1
    assert read_still(tmp_path / "samples" / "0000020.png").shape == (3, 64, 128)
    for name in ("best", "last"):
        assert isinstance(load_model(tmp_path / name, trusted=True), TinyLut)


def test_the_best_checkpoint_is_the_one_with_the_smallest_validated_value(tmp_path: Path) -> None:
    climbing = partial(torch.optim.SGD, lr=0.05, maximize=True)
    fit(replace(TRAINER, monitor="error"), tmp_path / "a", valid=PhotoPairs(4), optimizer=climbing)
    values = [record["error"] for record in read_log(tmp_path / "a", "valid")]
    assert values[0] < values[1]
    fit(replace(TRAINER, steps=3), tmp_path / "b", optimizer=climbing)
    best, third, last = (load_model(tmp_path / p, trusted=True) for p in ("a/best", "b/last", "a/last"))
    assert all(torch.equal(a, b) for a, b in zip(best.parameters(), third.parameters(), strict=True))  # type: ignore[attr-defined]
    assert not torch.equal(best.layers[0].weight, last.layers[0].weight)  # type: ignore[attr-defined]


class PlainL1(nn.Module):
    """Without noise, so that cutting a batch changes nothing."""

    def forward(self, model: nn.Module, batch: Sample) -> dict[str, torch.Tensor]:
        assert batch.target is not None
        return {"loss": (model(batch.frames[:, 0], batch.frames[:, 0])(batch.frames[:, 0]) - 0.5).abs().mean()}


def test_accumulating_gives_the_losses_of_the_whole_batch(tmp_path: Path) -> None:
    fit(TRAINER, tmp_path / "whole", objective=PlainL1())
    fit(replace(TRAINER, micro_batch=1), tmp_path / "cut", objective=PlainL1())
    assert losses(tmp_path / "cut") == pytest.approx(losses(tmp_path / "whole"), abs=1e-6)


def test_clipping_bounds_the_step_and_logs_the_norm(tmp_path: Path) -> None:
    model, start = TinyLut(), TinyLut()
    start.load_state_dict(model.state_dict())
    fit(replace(TRAINER, steps=1, clip=1e-3), tmp_path, model=model, optimizer=partial(torch.optim.SGD, lr=1.0))
    moved = sum((a - b).detach().square().sum() for a, b in zip(model.parameters(), start.parameters(), strict=True))
    assert read_log(tmp_path)[0]["gradient"] > 0.01
    assert 1e-5 < float(moved) ** 0.5 <= 1e-3 * 1.001


def test_frozen_weights_stay_and_the_objectives_own_are_trained(tmp_path: Path) -> None:
    model, objective = TinyLut(), NoisyL1()
    model.layers[0].requires_grad_(False)
    before = model.layers[0].weight.detach().clone()
    fit(TRAINER, tmp_path, model=model, objective=objective)
    assert model.layers[0].weight.equal(before)
    assert objective.weight.item() != 1


def test_averaged_weights_are_what_is_saved(tmp_path: Path) -> None:
    model = TinyLut()
    fit(replace(TRAINER, ema=0.9), tmp_path, model=model)
    saved = load_model(tmp_path / "last", trusted=True)
    assert not torch.equal(saved.layers[0].weight, model.layers[0].weight)  # type: ignore[attr-defined]


def test_bf16_computes_in_bf16_and_keeps_float32_weights(tmp_path: Path) -> None:
    seen = []
    torch.manual_seed(0)
    model = TinyLut()
    model.layers[0].register_forward_hook(lambda *args: seen.append(args[2].dtype))
    fit(replace(TRAINER, precision="bf16"), tmp_path, model=model, valid=PhotoPairs(4))
    assert set(seen) == {torch.bfloat16}
    assert model.layers[0].weight.dtype == torch.float32
    fit(TRAINER, tmp_path / "float32")  # the process is not bound to one precision
    assert losses(tmp_path) == pytest.approx(losses(tmp_path / "float32"), abs=2e-3)


def test_compiling_changes_neither_losses_nor_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(TinyLut, "compile", lambda self: compiled.append(nn.Module.compile(self, backend="eager")))
    fit(replace(TRAINER, steps=2, compile=True), tmp_path / "compiled")
    fit(replace(TRAINER, steps=2), tmp_path / "plain")
    assert len(compiled) == 1
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "plain"), abs=1e-6)
    assert isinstance(load_model(tmp_path / "compiled" / "last", trusted=True), TinyLut)


def test_deterministic_is_asked_of_torch_for_the_run_alone(tmp_path: Path) -> None:
    seen = []

    class Watching(TinyLut):
        def forward(self, content: torch.Tensor, reference: torch.Tensor) -> Lut:
            seen.append(torch.are_deterministic_algorithms_enabled())
            return super().forward(content, reference)

    fit(replace(TRAINER, steps=1, deterministic=True), tmp_path, model=Watching())
    assert seen == [True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_gradient_checkpointing_is_the_models_own(tmp_path: Path) -> None:
    trainer, model = replace(TRAINER, steps=1, gradient_checkpointing=True), TinyLut()
    fit(trainer, tmp_path / "a", model=model)
    assert model.checkpointing
    with pytest.raises(InputError, match="Linear has no gradient checkpointing"):
        fit(trainer, tmp_path / "b", model=nn.Linear(2, 2))


@pytest.mark.parametrize("seed", range(2))
def test_a_nan_stops_the_run_with_its_name_before_any_weight_changes(tmp_path: Path, seed: int) -> None:
    model = TinyLut()
    trainer = replace(TRAINER, steps=50, micro_batch=1, save_every=1)
    with pytest.raises(LutgradeError, match=r"the loss is not finite, in the batch of: 13:chelsea$"):
        fit(trainer, tmp_path, model=model, train=PhotoPairs(poison=13), seed=seed)
    assert all(p.isfinite().all() for p in model.parameters())
    saved = load_model(tmp_path / "last", trusted=True)
    assert saved.layers[0].weight.equal(model.layers[0].weight)  # type: ignore[attr-defined]


class InfiniteGradient(nn.Module):
    """The root of a zero: a finite loss without a gradient."""

    def forward(self, model: nn.Module, batch: Sample) -> dict[str, torch.Tensor]:
        graded = model(batch.frames[:, 0], batch.frames[:, 0])(batch.frames[:, 0])
        return {"loss": (graded - graded.detach()).square().mean().sqrt()}


def test_a_gradient_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    model = TinyLut()
    with pytest.raises(LutgradeError, match="the gradient is not finite, in the batch of: "):
        fit(TRAINER, tmp_path, model=model, objective=InfiniteGradient())
    assert all(p.isfinite().all() for p in model.parameters())


def test_a_validated_nan_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LutgradeError, match="the validated loss is not finite at step 3"):
        fit(TRAINER, tmp_path, valid=PhotoPairs(4, poison=2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, r"trainer\.steps is 0"),
        ({"log_every": "often"}, r"trainer\.log_every is often; it is a whole number"),
        ({"micro_batch": 0}, r"trainer\.micro_batch is 0; it is a whole number of at least 1"),
        ({"workers": -1}, r"trainer\.workers is -1"),
        ({"clip": 0}, r"trainer\.clip is 0; it is a number above 0"),
        ({"ema": 1.5}, r"trainer\.ema is 1\.5; it is a share below 1"),
        ({"micro_batch": 3}, r"batch_size=4 cannot be cut into micro-batches of 3"),
        ({"precision": "fp16"}, "fp16 needs a GPU, not cpu"),
        ({"precision": "fp7"}, r"trainer\.precision=fp7"),
        ({"monitor": "psnr"}, r"trainer\.monitor=psnr is none of loss, error"),
    ],
)
def test_settings_that_cannot_work_are_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    if changes.get("precision") == "fp16" and torch.cuda.is_available():
        pytest.skip("a GPU trains in fp16")
    with pytest.raises(InputError, match=message) as caught:
        fit(replace(TRAINER, **changes), tmp_path, valid=PhotoPairs(4))
    assert "\n" not in str(caught.value)


def test_a_library_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(LutgradeError, match=r"trainer\.wandb needs wandb; install it with pip install"):
        fit(replace(TRAINER, wandb="project"), tmp_path)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(LutgradeError, match="training needs accelerate; install it with pip install"):
        fit(TRAINER, tmp_path)


class Clock:
    """Stands in for `time`; it goes on when it is told to."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


class Slow(PhotoPairs):
    """Takes seconds for each batch."""

    def __init__(self, length: int, clock: Clock, seconds: float) -> None:
        super().__init__(length)
        self.clock, self.seconds = clock, seconds

    def prepare(self, *arguments: Any) -> Sample:
        self.clock.now += self.seconds
        return super().prepare(*arguments)


def test_the_pace_is_of_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("lutgrade.training.run.time", clock)
    fit(TRAINER, tmp_path, train=Slow(8, clock, 2.0), valid=Slow(8, clock, 100.0))
    assert [record["samples_per_second"] for record in read_log(tmp_path)] == [2.0] * 6


@pytest.mark.parametrize(("count", "size", "processes"), [(0, 4, 1), (8, 4, 3), (9, 4, 4)])
def test_a_validation_set_too_small_for_all_processes_is_refused(count: int, size: int, processes: int) -> None:
    check_shared(size * processes, size, processes)
    check_shared(size * (processes - 1) + 1, size, processes)
    with pytest.raises(InputError, match=f"{count} samples in batches of {size} are too few"):
        check_shared(count, size, processes)


def test_an_empty_validation_set_is_refused_before_any_step(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 samples in batches of 4 are too few"):
        fit(TRAINER, tmp_path, valid=PhotoPairs(0))
    assert not list(tmp_path.iterdir())


def test_a_model_with_nothing_to_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="TinyLut has nothing to train"):
        fit(TRAINER, tmp_path, model=TinyLut().requires_grad_(False))
