"""Atomic writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import replacing


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


def test_a_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"), replacing(tmp_path / "no" / "a.txt"):
        pass


def test_a_full_disk_is_a_failed_run_of_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(LutgradeError, match=r"cannot write .*a\.txt: No space left"),
        replacing(tmp_path / "a.txt"),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")
    assert not list(tmp_path.iterdir())
