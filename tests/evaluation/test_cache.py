"""Digests change with what they are of, and a damaged result counts as absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from lutgrade.evaluation.cache import Cache, Unkept, digest, file_digest, source_digest


def test_a_digest_is_of_values_and_not_of_their_order_in_a_mapping() -> None:
    assert digest({"a": 1, "b": [2, None]}) == digest({"b": [2, None], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest("ab", "c") != digest("a", "bc")


def test_a_file_digest_is_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = file_digest(path)
    os.utime(path, (0, 0))
    assert file_digest(path) == first
    path.write_bytes(b"two")
    assert file_digest(path) != first


def test_a_folder_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "1.png").write_bytes(b"one")
    first = file_digest(tmp_path)
    (tmp_path / "sub" / "1.png").rename(tmp_path / "sub" / "2.png")
    assert file_digest(tmp_path) != first


def test_the_version_of_the_code_is_of_the_parts_named() -> None:
    assert source_digest("metrics") == source_digest("metrics")
    assert len({source_digest(*parts) for parts in (("metrics",), ("color",), ("metrics", "color"), ("errors",))}) == 4


@pytest.mark.parametrize("kind", ["json", "safetensors"])
def test_a_damaged_result_is_absent(tmp_path: Path, kind: str) -> None:
    cache = Cache(tmp_path)
    cache.write("x", "key", {"value": 1})
    cache.write_tensors("x", "key", {"a": torch.arange(3)}, {"note": "n"})
    assert cache.read("x", "key") == {"value": 1}
    found = cache.read_tensors("x", "key")
    assert found is not None
    assert found[0]["a"].tolist() == [0, 1, 2]
    assert found[1] == {"note": "n"}
    (tmp_path / "x" / f"key.{kind}").write_bytes(b"{")
    assert (cache.read("x", "key") if kind == "json" else cache.read_tensors("x", "key")) is None
    assert cache.read("x", "other") is None


def test_what_cannot_be_kept_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").touch()  # where the folder of the kind would be
    cache = Cache(tmp_path)
    for write in (
        lambda: cache.write("x", "key", {"value": 1}),
        lambda: cache.write_tensors("x", "key", {"a": torch.arange(3)}, {}),
    ):
        with pytest.raises(Unkept, match=r"cannot make the folder .*x: File exists"):
            write()
