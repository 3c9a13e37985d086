"""Looks: named grades made of a few colour operations, with the words a colourist would use for them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut.look_ops import OPERATIONS, compress_gamut
from lutgrade.lut.lut import Lut

BUILT_IN = Path(__file__).with_name("looks.yaml")
NODES = 33  # a side: looks of operations are smooth
KEYS = {"description", "tags", "operations", "file"}


@dataclass(frozen=True)
class Operation:
    """One colour operation of a look: a name of `look_ops.OPERATIONS` and its parameters."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, image: Tensor) -> Tensor:
        return OPERATIONS[self.name](image, **self.parameters)


@dataclass(frozen=True)
class Look:
    """A named grade.

    Args:
        name: snake_case.
        description: one or two sentences on the mood and on what happens to the colours.
        tags: words to filter by.
        operations: what is done, in this order.
        file: a LUT file instead of operations.
    """

    name: str
    description: str
    tags: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    file: Path | None = None

    def __call__(self, image: Tensor) -> Tensor:
        """The operations on an image `[..., 3, H, W]`, sRGB-encoded in [0, 1], kept softly in its gamut."""
        for operation in self.operations:
            image = operation(image)
        return compress_gamut(image)

    def lut(self, size: int | None = None) -> Lut:
        """The look as a LUT of `size` nodes a side; by default a file's LUT as it is, and 33 nodes for operations."""
        if self.file is None:
            return Lut.from_function(self, size or NODES, title=self.name)
        lut = Lut.load(self.file)
        return lut if size is None else lut.resize(size)


def looks() -> dict[str, Look]:
    """The looks that come with lutgrade, by name, in the order of `looks.yaml`."""
    return dict(_built_in())


@functools.cache
def _built_in() -> dict[str, Look]:
    return load_looks(BUILT_IN)


def load_looks(path: str | Path) -> dict[str, Look]:
    """Reads a YAML file of looks: a mapping from names to `description`, `tags` and `operations` or `file`.

    An operation is `name: {parameter: value, ...}` or `name: value` for its first parameter; `file` names a LUT
    file, relative to the YAML file.

    Raises:
        InputError: a file that cannot be read, or a look that cannot be rendered, with file, look and key.
    """
    import yaml

    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: expected a mapping from names to looks")
    return {str(name): _look(path, str(name), entry) for name, entry in content.items()}


def _look(path: Path, name: str, entry: object) -> Look:
    where = f"{path}: look {name}"
    if not isinstance(entry, dict):
        raise InputError(f"{where}: expected a mapping with {', '.join(sorted(KEYS))}")
    if unknown := sorted(str(key) for key in entry.keys() - KEYS):
        raise InputError(f"{where}: unknown key {unknown[0]}; known are {', '.join(sorted(KEYS))}")
    description, tags = entry.get("description"), entry.get("tags", [])
    if not isinstance(description, str) or not description.strip():
        raise InputError(f"{where}: description: expected a sentence or two")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InputError(f"{where}: tags: expected a list of words")
    if ("operations" in entry) == ("file" in entry):
        raise InputError(f"{where}: expected either operations or file")
    about = (name, " ".join(description.split()), tuple(tags))
    if "file" in entry:
        if not isinstance(entry["file"], str):
            raise InputError(f"{where}: file: expected the name of a LUT file")
        file = path.parent / entry["file"]
        if not file.is_file():
            raise InputError(f"{where}: file: {file} does not exist")
        return Look(*about, file=file)
    if not isinstance(entry["operations"], list):
        raise InputError(f"{where}: operations: expected a list of operations")
    return Look(*about, operations=tuple(_operation(where, item) for item in entry["operations"]))


def _operation(where: str, item: object) -> Operation:
    """One entry of `operations`, tried on a colour so that what is wrong with it is said here."""
    if not isinstance(item, dict) or len(item) != 1:
        raise InputError(f"{where}: operations: expected `name: value`, not {item!r}")
    ((name, value),) = item.items()
    where = f"{where}: {name}"
    if name not in OPERATIONS:
        raise InputError(f"{where}: unknown operation; known are {', '.join(sorted(OPERATIONS))}")
    known = list(inspect.signature(OPERATIONS[name]).parameters)[1:]  # the image comes first
    parameters = value if isinstance(value, dict) else {known[0]: value}
    if unknown := sorted(str(key) for key in parameters.keys() - set(known)):
        raise InputError(f"{where}: unknown parameter {unknown[0]}; known are {', '.join(known)}")
    operation = Operation(name, parameters)
    try:
        colour = operation(torch.full((3, 1, 1), 0.5))
    except Exception as error:  # values of any type come out of a YAML file
        raise InputError(f"{where}: {' '.join(str(error).split())}") from error
    if colour.shape != (3, 1, 1) or not bool(colour.isfinite().all()):
        raise InputError(f"{where}: {parameters} does not give a colour")
    return operation
