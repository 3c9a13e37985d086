"""The log, and wandb without a key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lutgrade.errors import InputError, LutgradeError
from lutgrade.training.tracking import LOG, Tracking, read_log


def tracking(folder: Path, start: int = 0, wandb: str | None = None, active: bool = True) -> Tracking:
    return Tracking(folder, start=start, steps=9, wandb=wandb, config={"model": {"size": 5}}, active=active)


def write(folder: Path) -> None:
    with tracking(folder) as track:
        track.log("start", 0, {})
        for step in range(1, 5):
            track.advance()
            track.log("train", step, {"loss": 1 / step})


def test_a_line_for_each_record(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_log(tmp_path)[2] == {"kind": "train", "step": 3, "loss": 1 / 3}
    assert len(read_log(tmp_path, "start")) == 1


def test_resuming_drops_what_will_be_done_again_and_half_a_line(tmp_path: Path) -> None:
    write(tmp_path)
    with tracking(tmp_path, start=2) as track:
        track.log("train", 3, {"loss": 0.5})
    assert [record["loss"] for record in read_log(tmp_path)] == [1, 0.5, 0.5]
    with (tmp_path / LOG).open("a") as file:
        file.write('{"kind": "tra')
    with tracking(tmp_path, start=3):
        pass
    assert len(read_log(tmp_path)) == 3


def test_a_log_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*log\.jsonl: No such file"):
        read_log(tmp_path)
    write(tmp_path)
    with (tmp_path / LOG).open("a") as file:
        file.write('{"kind": "tra')
    assert len(read_log(tmp_path)) == 4


def test_a_new_run_begins_a_new_log(tmp_path: Path) -> None:
    write(tmp_path)
    with tracking(tmp_path):
        pass
    assert read_log(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with tracking(tmp_path) as track:
        (tmp_path / LOG).unlink()
        (tmp_path / LOG).symlink_to("/dev/full")
        with pytest.raises(LutgradeError, match=r"cannot write .*log\.jsonl: No space left on device"):
            track.log("train", 1, {"loss": 1})


def test_other_processes_say_nothing(tmp_path: Path) -> None:
    with tracking(tmp_path, active=False) as track:
        track.advance()
        track.log("train", 1, {"loss": 1})
        track.picture(1, tmp_path / "none.png")
    assert not list(tmp_path.iterdir())


def test_wandb_is_offline_without_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # no .netrc
    monkeypatch.setenv("WANDB_SILENT", "true")
    with tracking(tmp_path, wandb="lutgrade-tests") as track:
        track.log("train", 1, {"loss": 1.0})
    assert len(list(tmp_path.rglob("offline-run-*/*.wandb"))) == 1
    assert read_log(tmp_path)[0]["loss"] == 1


def test_training_loads_wandb_only_when_asked() -> None:
    code = "import sys, lutgrade.training; print(*[m for m in ('wandb', 'accelerate', 'hydra') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
