"""Atomic writes."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import (
    check_place,
    make_folder,
    name_bytes,
    remove_temporaries,
    replacing,
    replacing_folder,
    save_tensors,
    temporary_beside,
)


def test_the_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    with replacing(target) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def anything(path: Path) -> None:
    """Lets a folder be replaced whatever it holds."""


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a"
    for text, names in (("old", ("1", "2")), ("new", ("1",))):
        with replacing_folder(target, anything) as temporary:
            for name in names:
                (temporary / name).write_text(text)
    assert contents(tmp_path) == {"a/1": "new"}
    with pytest.raises(KeyboardInterrupt), replacing_folder(target, anything) as temporary:
        (temporary / "1").write_text("half")
        raise KeyboardInterrupt
    assert contents(tmp_path) == {"a/1": "new"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_swapped_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new folder cannot take its name, after the old one was moved aside."""
    target = tmp_path / "a"
    target.mkdir()
    (target / "1").write_text("old")
    rename = Path.rename

    def fail(path: Path, to: Path) -> Path:
        if to == target and (path / "1").read_text() == "new":
            raise OSError(5, "Input/output error")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fail)
    with (
        pytest.raises(LutgradeError, match=r"cannot write .*a: Input/output error"),
        replacing_folder(target, anything) as temporary,
    ):
        (temporary / "1").write_text("new")
    assert contents(tmp_path) == {"a/1": "old"}


def test_a_folder_that_may_not_be_replaced_stays(tmp_path: Path) -> None:
    """Asked before any work, and again before the end, when more may lie there."""
    target = tmp_path / "a"
    target.mkdir()

    def only_empty(path: Path) -> None:
        if any(path.iterdir()):
            raise InputError("not empty")

    with pytest.raises(InputError, match="not empty"), replacing_folder(target, only_empty):
        (target / "1").write_text("another's")
    assert contents(tmp_path) == {"a/1": "another's"}
    with pytest.raises(InputError, match="not empty"), replacing_folder(target, only_empty):
        pytest.fail("it began")
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"), replacing(tmp_path / "no" / "a.txt"):
        pass


def test_a_folder_is_made_with_those_around_it_or_named(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert make_folder(folder) == make_folder(str(folder)) == folder
    assert folder.is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot make the folder .*file/c: Not a directory"):
        make_folder(tmp_path / "file" / "c")


def test_a_full_disk_is_a_failed_run_of_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(LutgradeError, match=r"cannot write .*a\.txt: No space left"),
        replacing(tmp_path / "a.txt"),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")
    assert not list(tmp_path.iterdir())


def test_tensors_on_a_full_disk_are_one_line_and_those_before_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"a": torch.arange(3)})
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(LutgradeError, match=r"cannot write .*a\.safetensors: .*File too large"):
            save_tensors(path, {"a": torch.zeros(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("letter", ["x", "ü", "\N{CLAPPER BOARD}"])
def test_the_longest_names_can_be_written(tmp_path: Path, letter: str) -> None:
    most = name_bytes(tmp_path)
    name = letter * ((most - 4) // len(letter.encode())) + ".txt"
    for replace, path in (
        (replacing, tmp_path / name),
        (lambda p: replacing_folder(p, anything), tmp_path / name[:-4]),
    ):
        with replace(path) as temporary:
            assert temporary.suffix == (path.suffix or ".partial")
            temporary.write_text("new") if path.suffix else (temporary / "1").write_text("new")
    assert contents(tmp_path) == {name: "new", f"{name[:-4]}/1": "new"}
    too_long = tmp_path / f"{'x' * (most - 3)}.txt"
    with pytest.raises(InputError, match=rf"the name takes {most + 1} bytes, and {most} are the most"):
        check_place(too_long)


def test_a_temporary_name_is_nobody_elses(tmp_path: Path) -> None:
    assert len({temporary_beside(tmp_path / "a.mp4") for _ in range(99)}) == 99
    assert temporary_beside(tmp_path / "frames.mp4", folder=True).suffix == ".partial"  # no writer takes it for a video


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    long = "x" * 248 + ".mp4"
    frames = temporary_beside(tmp_path / "frames.v2", folder=True)
    for path in (tmp_path / "a.mp4", tmp_path / long, tmp_path / "b.mp4"):
        temporary_beside(path).write_text("half")
    for folder in (frames, temporary_beside(frames, folder=True)):
        folder.mkdir()
        (folder / "1.png").write_text("half")
    kept = {".a.mp4", "a.partial.mp4", ".a.0123.partial.mp4", "a.mp4"}
    for name in kept:
        (tmp_path / name).write_text("mine")
    remove_temporaries(tmp_path, ["a.mp4", long, "frames.v2"])
    left = {path.name for path in tmp_path.iterdir()} - kept
    assert len(left) == 1
    assert left.pop().startswith(".b.")
    remove_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
    remove_temporaries(tmp_path / "none")
