"""`scripts/train.py`: from nothing to a checkpoint, in one process and in two, and what bad input says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lutgrade import load_model, paths
from lutgrade.errors import InputError, LutgradeError
from lutgrade.process import one_line
from lutgrade.training import read_log
from lutgrade.training.launch import explain, train
from lutgrade.training.run import Run

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train.py"
# A real model on photographs that come with a package, small enough for a test.
SMALL = [
    "model=nlut_small", "data=packaged", "data@valid=packaged_val", "data.size=32", "valid.size=32", "valid.length=4",
    "model.resolution=64", "model.size=5", "data.lut_size=5", "valid.lut_size=5", "trainer=quick", "trainer.steps=4",
    "trainer.batch_size=4", "trainer.micro_batch=2", "trainer.log_every=1", "trainer.workers=0", "trainer.samples=null",
]  # fmt: skip


def trained(folder: Path, *overrides: str) -> Path:
    """Trains as the script does, in this process."""
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        return train(compose("train", [*SMALL, *overrides]), folder)


def script(*arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *launcher, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    port = str(20000 + os.getpid() % 20000)
    two = ("-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={port}")
    done = script(
        *SMALL, f"paths.runs={tmp_path}", "name=two", launcher=two
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint:") == 1
    trained(tmp_path / "one")
    assert read_log(tmp_path / "two", "start")[0]["processes"] == 2
    for kind in ("train", "valid"):
        one, two_ = ([record["loss"] for record in read_log(tmp_path / name, kind)] for name in ("one", "two"))
        assert one == pytest.approx(two_, abs=1e-5)
    assert len(read_log(tmp_path / "two")) == 4
    model = load_model(tmp_path / "two" / "best")  # the run's folder holds all that it takes
    assert model(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)).table.shape == (1, 3, 5, 5, 5)  # type: ignore[attr-defined]


def test_a_run_keeps_its_resolved_configuration(tmp_path: Path) -> None:
    trained(tmp_path, "trainer.steps=1")
    config = OmegaConf.load(tmp_path / "config.yaml")
    assert config.model.size == 5
    assert config.trainer.schedule.warmup == 20
    assert OmegaConf.load(tmp_path / "best" / "config.yaml") == config.model


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.stepps=3", "no setting 'trainer.stepps'; did you mean trainer.steps"),
        ("optimiser=adam", "no setting 'optimiser'; did you mean optimizer"),
        ("model=nlut_smal", "no model 'nlut_smal'; did you mean nlut_small"),
        ("experiment=nlut_smal", "no experiment 'nlut_smal'; did you mean nlut_small"),
        ("+trainer.steps=3", "trainer.steps"),
        ("qwertyuiop=1", "no setting 'qwertyuiop'"),
    ],
)
def test_an_unknown_name_offers_the_nearest(override: str, message: str) -> None:
    with pytest.raises(Exception) as caught, initialize_config_dir(str(paths.configs()), version_base="1.3"):
        compose("train", [*SMALL, override])
    line = explain(caught.value, "train", [*SMALL, override])
    assert message in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model=mkl", "MKL is a closed form"),
        ("trainer.steps=many", "trainer.steps is many"),
        ("model.size=???", "no value for model.size"),
        ("model._target_=lutgrade.models.nlut.Nothing", "Nothing"),
        ("seed=-1", "seed is -1; it is a whole number of at least 0"),
        ("seed=first", "seed is first"),
        ("resume=maybe", "resume is maybe; it is true or false"),
        ("optimizer.lr=-1", "the optimizer cannot be made: Invalid learning rate: -1"),
    ],
)
def test_what_cannot_be_trained_is_one_line(tmp_path: Path, override: str, message: str) -> None:
    removed = [] if override != "model=mkl" else ["model.resolution=64"]
    overrides = [o for o in SMALL if o not in removed]
    with initialize_config_dir(str(paths.configs()), version_base="1.3"):
        config = compose("train", [*overrides, override])
    with pytest.raises(InputError, match=message) as caught:
        train(config, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("trainer.stepps=3", "no setting 'trainer.stepps'; did you mean trainer.steps?"),
        ("model=mkl", "MKL is a closed form: it has nothing to train"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, override: str, line: str) -> None:
    done = script(override, f"paths.runs={tmp_path}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"train.py: {line}\n")


def test_a_failed_run_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(sys, "argv", ["scripts/train.py"])
    with pytest.raises(SystemExit) as caught, one_line():
        raise LutgradeError("the disk\nis full")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "train.py: process 1: the disk is full\n"


@pytest.mark.slow
def test_a_sweep_on_submitits_local_executor(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    done = script(
        "-m", "hydra/launcher=submitit_local", *SMALL, f"paths.runs={tmp_path}", "name=sweep", "trainer.steps=1",
        "seed=0,1", "hydra.sweep.subdir=${seed}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {load_model(tmp_path / "sweep" / seed / "best").bases.size for seed in ("0", "1")} == {5}  # type: ignore[attr-defined]
    losses = {read_log(tmp_path / "sweep" / seed)[0]["loss"] for seed in ("0", "1")}
    assert len(losses) == 2


def test_the_loop_knows_no_model() -> None:
    training = Path(sys.modules[Run.__module__].__file__ or "").parent
    assert not [path.name for path in training.glob("*.py") if "lutgrade.models" in path.read_text(encoding="utf-8")]
