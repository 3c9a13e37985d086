"""The data configurations compose and build what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from clips import write_photo
from lutgrade import paths
from lutgrade.data import GradedPairs

GROUP = paths.configs() / "data"
NAMES = sorted(path.stem for path in GROUP.glob("*.yaml"))
PREPARED = {"coco", "condensed_movies", "davis", "fivek", "youtube_vos"}


def composed(name: str, *overrides: str, **folders: str) -> DictConfig:
    with initialize_config_dir(str(paths.configs()), version_base=None):
        config = compose(None, overrides=[f"+data={name}", *overrides])
    OmegaConf.set_struct(config, False)
    config.paths = folders
    return config


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_resolves(name: str) -> None:
    config = composed(name, data="photographs", datasets="datasets")
    resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert resolved["data"]["_target_"].removeprefix("lutgrade.data.") in ("GradedPairs", "BothWays", "Takes")  # type: ignore[index, call-overload]
    assert resolved["data"]["luts"]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("name", NAMES)
def test_validation_has_its_own_draws_and_luts(name: str) -> None:
    if name.endswith("_val"):
        return
    train, val = (composed(n, data="d", datasets="d").data for n in (name, f"{name}_val"))
    assert train.get("seed", 0) != val.seed
    assert train.pictures.get("split") != val.pictures.get("split") or name == "packaged"
    assert {source.split for source in val.luts.values()} == {"val"}
    assert all(source.get("split", "train") == "train" for source in train.luts.values())


@pytest.mark.parametrize("name", ["packaged", "packaged_val"])
def test_packaged_needs_nothing(name: str) -> None:
    pytest.importorskip("skimage")
    items = instantiate(composed(name).data)
    assert isinstance(items, GradedPairs)
    batch = items.prepare(items.collate([items[0], items[1]]), "cpu")
    assert batch.lut is not None
    assert batch.lut.shape == (2, 3, 17, 17, 17)


@pytest.mark.parametrize("name", ["photos", "photos_val"])
def test_photos_on_real_data(data_dir: Path, name: str) -> None:
    config = composed(name, data=str(data_dir))
    config.data.pictures.cache = False
    items = instantiate(config.data)
    assert tuple(items[0].frames.shape) == (1, 3, items.size, items.size)
    files = [path for source in items.bank.sources for path in getattr(source, "paths", [])]
    film = sorted((data_dir / "luts" / "film").glob("*.cube"), key=lambda path: path.name)
    kept = {*film[::5], *(data_dir / "luts" / "val").iterdir(), *(data_dir / "photos" / "val").iterdir()}
    assert not kept & {*files, *items.pictures.paths}


def test_the_luts_can_be_left_out(tmp_path: Path) -> None:
    write_photo(tmp_path / "photos/train/0.jpg")
    write_photo(tmp_path / "photos/train/1.jpg")
    items = instantiate(composed("photos", "data/luts=none", "data.reference=different", data=str(tmp_path)).data)
    assert items.bank is None
