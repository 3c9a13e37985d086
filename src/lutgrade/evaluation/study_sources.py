"""Where a study's clips come from: folders of outputs, or the rows of a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from lutgrade import paths
from lutgrade.errors import InputError
from lutgrade.evaluation.cache import Cache
from lutgrade.evaluation.items import Item, read_frames
from lutgrade.evaluation.methods import Method
from lutgrade.evaluation.predict import Loaded, Predicted
from lutgrade.evaluation.study import Question


def descriptions(path: str | Path) -> dict[str, str]:
    """What colourists intended, by question: a YAML mapping of names to text."""
    import yaml

    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise InputError(f"{path} must map the names of questions to text")
    return {str(name): text for name, text in found.items()}


def from_folders(
    contents: Path,
    references: Path,
    methods: Mapping[str, Path],
    limit: int,
    texts: Mapping[str, str],
    *,
    frames: int | None = None,
    max_side: int | None = None,
) -> list[Question]:
    """Questions from folders whose entries (videos, images, folders of frames) pair by name, without the suffix.

    Args:
        contents: the clips before they were graded.
        references: their first frames are shown.
        methods: the graded clips, by method.
        limit: how many questions at the most.
        texts: descriptions, by question.
        frames: how many are read of a clip; None for all.
        max_side: larger frames are shrunk to it as they are read.

    Raises:
        InputError: a folder that is not there or is empty, an entry that another folder lacks.
    """
    clips = _entries(contents)
    names = sorted(clips)[:limit]
    looks = _entries(references)
    outputs = {method: _entries(folder) for method, folder in methods.items()}
    for where, folder in ((references, looks), *((methods[method], found) for method, found in outputs.items())):
        missing = [name for name in names if name not in folder]
        if missing:
            raise InputError(f"{where} has no '{missing[0]}', which {contents} has")
    _check_texts(texts, names)
    read = partial(read_frames, frames=frames, max_side=max_side)
    return [
        Question(
            name,
            partial(read, clips[name]),
            partial(read_frames, looks[name], 1, max_side),
            {method: partial(read, found[name]) for method, found in outputs.items()},
            texts.get(name, ""),
            _rate(clips[name]),
        )
        for name in names
    ]


def from_table(
    table: str, data: str | None, rows: Sequence[str] | None, limit: int, texts: Mapping[str, str]
) -> list[Question]:
    """Questions from a table's data set and rows, one a clip; predictions come from the cache or go into it.

    Raises:
        InputError: no such table, data set or row; a row that cannot be run; no clip.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    from lutgrade.checkpoints import build
    from lutgrade.evaluation.rows import methods_of, named_rows
    from lutgrade.training.launch import explain

    try:
        with initialize_config_dir(str(paths.configs()), version_base="1.3"):
            composed = compose("evaluate", [f"table={table}", "output=null"])
    except HydraException as error:
        raise InputError(explain(error, "evaluate", [])) from error
    config = cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True))
    data = data or list(config["table"]["datasets"])[-1]
    source = config["table"]["datasets"].get(data)
    if source is None:
        raise InputError(f"the table {table} has no data set '{data}'; it has {', '.join(config['table']['datasets'])}")
    if "_target_" not in source:
        raise InputError(f"the data set {data} of {table} cannot be shown: {source['why']}")
    chosen = config["table"]["rows"] if rows is None else named_rows(config["table"]["rows"], rows)
    found = methods_of(chosen, config, "cpu")
    for row in rows or []:
        if row in found.absent:
            raise InputError(f"the row {row} is not run: {found.absent[row]}")
    items = _one_a_clip(build(source))[:limit]
    _check_texts(texts, [item.name for item in items])
    cache = Cache(config["cache"])
    return [_question(item, found.found, data, cache, texts.get(item.name, "")) for item in items]


def _question(item: Item, methods: Mapping[str, Method], data: str, cache: Cache, text: str) -> Question:
    def graded(method: Method) -> Callable[[], Tensor]:
        return lambda: Predicted(method, Loaded(item), data, cache).graded

    return Question(
        item.name,
        lambda: Loaded(item).sample.frames,
        lambda: Loaded(item).sample.reference[:1],
        {name: graded(method) for name, method in methods.items()},
        text,
    )


def _one_a_clip(items: Sequence[Item]) -> list[Item]:
    """The first item of each clip."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.clip, item)
    return list(first.values())


def _entries(folder: Path) -> dict[str, Path]:
    """What lies in a folder, by name without the suffix."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found = {path.stem: path for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
    if not found:
        raise InputError(f"{folder} is empty")
    return found


def _rate(path: Path) -> Fraction | None:
    """The frame rate of a video; images have none of their own."""
    from lutgrade.video import open_video

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the matrix, which reading the frames settles
        with open_video(path) as reader:
            return reader.info.frame_rate if reader.info.kind == "video" else None


def _check_texts(texts: Mapping[str, str], names: Sequence[str]) -> None:
    unknown = sorted(set(texts) - set(names))
    if unknown:
        raise InputError(
            f"there is a description of '{unknown[0]}', which is no question; there are {', '.join(names)}"
        )
