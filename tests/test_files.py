"""Atomic writes."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import make_folder, replacing, replacing_folder, save_tensors


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
