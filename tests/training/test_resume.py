"""A run that was stopped, also by a kill -9, goes on with the losses of one that never was."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lutgrade.errors import InputError, LutgradeError
from lutgrade.training import read_log
from lutgrade.training.state import STATE, load_state
from training.resuming import STEPS, run
from training.tiny import PhotoPairs

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Sums in the order of the subprocess, so that losses can be compared bit by bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    run(folder, PhotoPairs(10))
    return folder


def numbers(folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """All losses of a run, validated ones too."""
    timed = {"kind", "step", "samples_per_second", "waiting_for_data"}
    records = read_log(folder) + read_log(folder, "valid")
    return [(record["step"], {k: v for k, v in record.items() if k not in timed}) for record in records]


def assert_same(folder: Path, whole: Path) -> None:
    assert numbers(folder) == numbers(whole)
    for name in ("last", "best"):
        ours, theirs = (load_file(path / name / "model.safetensors") for path in (folder, whole))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert not list(folder.rglob(".*partial*"))


class _Stop(Exception):
    pass


class Stopping(PhotoPairs):
    """Raises at a batch."""

    def __init__(self, batches: int) -> None:
        super().__init__(10)
        self.batches = batches

    def prepare(self, *arguments: Any) -> Any:
        self.batches -= 1
        if self.batches < 0:
            raise _Stop
        return super().prepare(*arguments)


@pytest.mark.parametrize("when", ["step", "save"])
def test_after_a_kill_9(tmp_path: Path, whole: Path, when: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    script = TESTS / "training" / "resuming.py"
    killed = subprocess.run([sys.executable, str(script), str(tmp_path), when], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    saved = load_state(tmp_path)
    assert saved is not None
    assert saved["step"] == 5
    assert len(read_log(tmp_path)) > 5  # what was done since is done again
    assert bool(list(tmp_path.rglob(".*partial*"))) == (when == "save")
    run(tmp_path, PhotoPairs(10), resume=True)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("step", range(1, STEPS))
def test_stopped_at_any_step(tmp_path: Path, whole: Path, step: int) -> None:
    with pytest.raises(_Stop):
        run(tmp_path, Stopping(2 * step), save_every=1)
    run(tmp_path, PhotoPairs(10), resume=True, save_every=1)
    assert_same(tmp_path, whole)


def test_the_micro_batch_is_that_of_the_run_as_it_was_begun(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(_Stop):
        run(tmp_path, Stopping(2 * 7))
    run(tmp_path, PhotoPairs(10), resume=True, micro_batch=None)  # alone, the share of a process would be 4
    assert_same(tmp_path, whole)


def test_other_loading_is_the_same_run(tmp_path: Path, whole: Path) -> None:
    run(tmp_path, PhotoPairs(10), workers=2)
    assert numbers(tmp_path) == numbers(whole)


def test_resuming_what_is_done_or_not_begun(tmp_path: Path, whole: Path) -> None:
    run(tmp_path, PhotoPairs(10), resume=True)
    assert_same(tmp_path, whole)
    run(tmp_path, PhotoPairs(10), resume=True)
    assert_same(tmp_path, whole)


def test_a_run_is_never_overwritten_or_continued_with_other_settings(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(InputError, match=r"holds a run at step 12: continue it with resume=true"):
        run(whole, PhotoPairs(10))
    state = torch.load(whole / STATE, weights_only=True)
    torch.save(state | {"config": state["config"] | {"seed": 4}}, tmp_path / STATE)
    with pytest.raises(InputError, match=r"was begun with seed=4, not 3"):
        run(tmp_path, PhotoPairs(10), resume=True)


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_damaged_state_is_one_line(tmp_path: Path, whole: Path, damage: str) -> None:
    content = (whole / STATE).read_bytes()
    broken = {"cut": content[: len(content) // 2], "empty": b"", "other": b"no state at all"}[damage]
    (tmp_path / STATE).write_bytes(broken)
    with pytest.raises(InputError, match=r"state\.pt is damaged") as caught:
        run(tmp_path, PhotoPairs(10), resume=True)
    assert "\n" not in str(caught.value)


def test_a_state_of_something_else_is_one_line(tmp_path: Path, whole: Path) -> None:
    torch.save({"weights": {}}, tmp_path / STATE)
    with pytest.raises(InputError, match=r"state\.pt is no state of a run"):
        run(tmp_path, PhotoPairs(10), resume=True)
    state = torch.load(whole / STATE, weights_only=True)
    state["weights"].popitem()  # as when a model's code has changed
    torch.save(state, tmp_path / STATE)
    with pytest.raises(InputError, match=r"the state of the run is not of this Dropping: .*Missing key") as caught:
        run(tmp_path, PhotoPairs(10), resume=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", [STATE, "model.safetensors"])
def test_a_full_disk_is_one_line_and_what_was_saved_stays(
    tmp_path: Path, whole: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(_Stop):
        run(tmp_path, Stopping(2 * 7 + 3))
    before = {name: (tmp_path / name).read_bytes() for name in (STATE, "last/model.safetensors")}
    with full_disk(monkeypatch, what), pytest.raises(LutgradeError, match=r"cannot write .*" + what) as caught:
        run(tmp_path, PhotoPairs(10), resume=True)
    assert not isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)
    assert (tmp_path / STATE).read_bytes() == before[STATE]
    if what == "model.safetensors":
        assert (tmp_path / "last" / what).read_bytes() == before["last/model.safetensors"]
    run(tmp_path, PhotoPairs(10), resume=True)
    assert_same(tmp_path, whole)


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    """Files of one name cannot grow past a kilobyte."""
    from lutgrade import files

    check, (soft, hard) = files.check_writable, resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(path: Path) -> None:
        check(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 if path.name == name else soft, hard))

    with monkeypatch.context() as patch:
        patch.setattr(files, "check_writable", limit)
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
