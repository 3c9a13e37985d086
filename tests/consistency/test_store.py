"""What is kept on disk: keys change with what they stand for, and damaged files are made again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.profiles import WHOLE, profile_frames
from lutgrade.consistency.store import Store, identity, key_of, profile_key
from lutgrade.errors import InputError


def test_profiles_come_back_as_they_were(tmp_path: Path) -> None:
    store = Store(tmp_path)
    generator = torch.Generator().manual_seed(0)
    profiles = {n: profile_frames(torch.rand(count, 3, 8, 9, generator=generator)) for n, count in ((0, 1), (2, 3))}
    store.write_profiles("k", profiles)
    back = store.read_profiles("k", SDR)
    assert back is not None
    assert list(back) == list(profiles)
    for found, expected in zip(back.values(), profiles.values(), strict=True):
        assert torch.equal(found.frames, expected.frames)
        assert torch.equal(found.quantiles, expected.quantiles)
        assert (found.times, found.seen) == (expected.times, expected.seen)
        assert torch.equal(found.colors, expected.colors)


def test_what_is_missing_or_damaged_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read_json("render", "k") is None
    assert store.read_profiles("k", SDR) is None
    store.path("render", "k", ".json").write_text("{cut sho")
    store.path("profile", "k", ".safetensors").write_bytes(b"\x01\x02")
    assert store.read_json("render", "k") is None
    assert store.read_profiles("k", SDR) is None


def test_what_a_disk_made_something_else_of_is_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_json("render", "k", {"written": [1]})
    store.write_tensors("decision", "k", {"table": torch.rand(64, 64)})
    for path, spoilt in (
        (store.path("render", "k", ".json"), (b"{}", b"[1]", b'{"written": 2}')),
        (store.path("decision", "k", ".safetensors"), (None,)),
    ):
        whole = path.read_bytes()
        for data in spoilt or (None,):
            path.write_bytes(data if data is not None else whole[:-999] + bytes(999))
            assert store.read_json("render", "k") is None or store.read_tensors("decision", "k") is None
            path.write_bytes(whole)
        assert store.read_json("render", "k") == {"written": [1]}
        assert store.read_tensors("decision", "k") is not None


def test_a_store_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    store = Store.at(tmp_path)
    store.write_json("render", "k", {"a": 1})
    store.write_tensors("decision", "k", {"a": torch.ones(1)})
    shutil.rmtree(store.folder)
    store.write_tensors("decision", "k", {"a": torch.ones(1)})
    assert store.read_tensors("decision", "k") == {"a": torch.ones(1)}
    shutil.rmtree(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        store.write_json("render", "k", {"a": 1})


def test_a_file_that_is_gone_has_an_identity(tmp_path: Path) -> None:
    assert identity(tmp_path / "none.mp4") == [str(tmp_path / "none.mp4"), []]
    (tmp_path / "a.png").symlink_to(tmp_path / "none")
    (tmp_path / "b.png").write_bytes(b"1")
    assert [name for name, *_ in identity(tmp_path)[1]] == ["b.png"]


def test_keys_change_with_the_file_and_the_options(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"1")
    first = profile_key(clip, [WHOLE], 1.0, None, "SDR")
    assert profile_key(clip, [WHOLE], 1.0, None, "SDR") == first
    assert profile_key(clip, [WHOLE], 0.5, None, "SDR") != first
    assert profile_key(clip, [(0.0, 1.0)], 1.0, None, "SDR") != first
    assert profile_key(clip, [WHOLE], 1.0, None, "PQ") != first
    os.utime(clip, ns=(1, 1))
    assert profile_key(clip, [WHOLE], 1.0, None, "SDR") != first
    assert key_of("a", "b") != key_of("ab")
    assert identity(tmp_path)[1] == [("clip.mp4", 1, 1)]
