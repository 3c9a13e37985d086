"""The output folder: one match at a time, and nothing left of one that was refused."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lutgrade.consistency.folder import opened
from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import temporary_beside

HOLD = """
import sys, time
from pathlib import Path
from lutgrade.consistency.folder import opened
from lutgrade.consistency.outputs import MatchOutputs

with opened(MatchOutputs(Path(sys.argv[1]), ("a.mp4",))):
    print("held", flush=True)
    time.sleep(60)
"""


def outputs(folder: Path) -> MatchOutputs:
    return MatchOutputs(folder, ("a.mp4",))


def test_a_second_match_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with opened(outputs(tmp_path / "out")) as store:
        store.write_json("render", "k", {})
        refused = pytest.raises(InputError, match=r"another match \(process \d+\) is writing into .*out")
        with refused as refusal, opened(outputs(tmp_path / "out")):
            pass
        assert "\n" not in str(refusal.value)
        with opened(outputs(tmp_path / "other")):
            pass
    with opened(outputs(tmp_path / "out")) as store:
        assert store.read_json("render", "k") == {}


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"process {process.pid}\b"), opened(outputs(tmp_path / "out")):
            pass
    finally:
        process.kill()
        process.communicate()
    with opened(outputs(tmp_path / "out")):
        pass


def test_nothing_is_left_of_a_match_that_was_refused(tmp_path: Path) -> None:
    def refused(folder: Path, error: type[LutgradeError] = InputError, *written: str) -> None:
        with pytest.raises(error, match="no"), opened(outputs(folder)) as store:
            store.write_json("profile", "k", {})
            if written:
                outputs(folder).claim(written)
            raise error("no")

    refused(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    refused(mine)
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    refused(tmp_path / "failed", LutgradeError)  # a run that failed may go on where it was
    refused(tmp_path / "written", InputError, "a.mp4")
    for name in ("failed", "written"):
        with opened(outputs(tmp_path / name)) as store:
            assert store.read_json("profile", "k") == {}


def test_a_disk_without_locks_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with opened(outputs(tmp_path / "out")) as store:
        outputs(tmp_path / "out").claim(["a.mp4"])
        store.write_json("render", "k", {})
    begun = temporary_beside(tmp_path / "out" / "a.mp4")
    begun.write_text("half")  # maybe another match is at it
    with opened(outputs(tmp_path / "out")):
        pass
    assert begun.exists()


def test_what_was_left_half_written_goes(tmp_path: Path) -> None:
    def left(path: Path) -> Path:
        temporary = temporary_beside(path)
        temporary.write_text("half")
        return temporary

    folder = tmp_path / "out"
    with opened(outputs(folder)) as store:
        outputs(folder).claim(["a.mp4"])
    foreign = left(folder / "other.mp4")
    before = left(folder / "a.mp4")
    with pytest.raises(KeyboardInterrupt), opened(outputs(folder)):
        assert not before.exists()
        now = [
            left(folder / "a.mp4"),
            left(folder / "match_report.html"),
            left(store.path("profile", "k", ".safetensors")),
        ]
        raise KeyboardInterrupt
    assert not any(path.exists() for path in now)
    assert foreign.exists()


def test_a_folder_that_is_removed_meanwhile_is_a_failed_run(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(LutgradeError, match="out was removed while") as failure, opened(outputs(folder)) as store:
        shutil.rmtree(folder)
        store.write_json("render", "k", {})
    assert not isinstance(failure.value, InputError)
    with opened(outputs(folder)) as store:
        shutil.rmtree(store.folder)
        store.write_json("render", "k", {})
    with pytest.raises(InputError, match="no"), opened(outputs(tmp_path / "gone")) as store:
        shutil.rmtree(store.folder)
        raise InputError("no")
    assert not (tmp_path / "gone").exists()
