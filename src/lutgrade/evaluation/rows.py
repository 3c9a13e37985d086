"""From the rows of a table's configuration to methods, or to why a row has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lutgrade import paths
from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.methods import FolderMethod, Method, ModelMethod, find_checkpoint

OUTSIDE = "it is no method of ours; score its outputs with method=folder path=<folder> row=<name>"
TRAIN = "python scripts/train.py experiment="


@dataclass
class Methods:
    """The methods of rows.

    Attributes:
        found: by the name that scores have: the row's, with the seed where a row is several runs.
        members: the names of a row that is several runs.
        absent: why a row has no method.
        notes: what is told below the table.
    """

    found: dict[str, Method] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, row: str) -> list[str]:
        """The names of a row's methods."""
        return self.members.get(row, [row])


def chosen_rows(rows: list[dict[str, Any]], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table's rows, or those asked for."""
    if config["method"] is not None:
        return _with_outputs(rows, config)
    if config["rows"] is None:
        return rows
    baseline = config["table"].get("baseline")
    asked = [config["rows"]] if isinstance(config["rows"], str) else map(str, config["rows"])
    return named_rows(rows, [*([baseline] if baseline else []), *asked])


def named_rows(rows: list[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """Rows by name, once each; what is no row is a model, and gets one."""
    by_name = {row["name"]: row for row in rows}
    return [by_name.get(name) or {"name": name, "model": name, "asked": True} for name in dict.fromkeys(names)]


def _with_outputs(rows: list[dict[str, Any]], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows with precomputed outputs in one of them, or in one more."""
    if config["method"] != "folder" or config["path"] is None:
        raise InputError("give precomputed outputs as method=folder path=<folder>; models of ours as rows=[<name>]")
    name = config["row"] or Path(config["path"]).name
    filled = [{**row, "folder": config["path"]} if row["name"] == name else row for row in rows]
    return filled if any(row["name"] == name for row in rows) else [*rows, {"name": name, "folder": config["path"]}]


def methods_of(rows: list[dict[str, Any]], config: Mapping[str, Any], device: str) -> Methods:
    """The methods of rows, and why other rows have none.

    Args:
        rows: of the table.
        config: resolved, as `configs/evaluate.yaml` composes it.
        device: what models run on.

    Raises:
        InputError: a model or a folder that was asked for by name is not there.
    """
    methods = Methods()
    for row in rows:
        try:
            made = dict(_made(row, config, device))
        except LutgradeError as error:
            if row.get("asked") or row.get("folder"):
                raise
            methods.absent[row["name"]] = str(error)
            continue
        methods.found |= made
        if "runs" in row:
            methods.members[row["name"]] = list(made)
            methods.notes += _runs_note(row, list(made), config["table"])
    return methods


def _made(row: Mapping[str, Any], config: Mapping[str, Any], device: str) -> Iterator[tuple[str, Method]]:
    """The methods of one row by name; an InputError that says why there is none."""
    name = row["name"]
    if row.get("folder"):
        yield name, FolderMethod(row["folder"])
    elif row.get("model"):
        yield name, _model(row, row["model"], config, device)
    elif row.get("runs"):
        for seed, run in _runs(row["runs"], config):
            yield name if seed is None else f"{name} (seed {seed})", _model(row, run, config, device)
    else:
        raise InputError(row.get("why") or OUTSIDE)


def _model(row: Mapping[str, Any], model: str, config: Mapping[str, Any], device: str) -> ModelMethod:
    """A model with the row's way of choosing key frames and of using it, where the row names one."""
    runs = config["paths"]["runs"]
    if find_checkpoint(model, runs) is None:
        if "why" in row:
            raise InputError(row["why"])
        if _experiment(model).is_file():
            raise InputError(f"no checkpoint; train one: {TRAIN}{model}")
    parts = {}
    for part in ("selector", "grader"):
        if part in row:
            parts[part] = (config["table"].get(f"{part}s") or {}).get(row[part])
            if parts[part] is None:
                raise InputError(f"there is no configs/{part}/{row[part]}.yaml")
    return ModelMethod(model, runs=runs, device=device, every=config["every"], settings=row.get("settings"), **parts)


def _runs(experiment: str, config: Mapping[str, Any]) -> list[tuple[int | None, str]]:
    """The runs of an experiment: one for each seed that was trained, or else the one without a seed."""
    if not _experiment(experiment).is_file():
        raise InputError(f"there is no configs/experiment/{experiment}.yaml")
    folder = config["paths"]["runs"]
    seeds = config["table"].get("seeds") or []
    found = [(seed, f"{experiment}_s{seed}") for seed in seeds if find_checkpoint(f"{experiment}_s{seed}", folder)]
    if found:
        return found
    if find_checkpoint(experiment, folder) is not None:
        return [(None, experiment)]
    first = seeds[0] if seeds else 0
    raise InputError(f"no checkpoint; train one: {TRAIN}{experiment} name={experiment}_s{first} seed={first}")


def _runs_note(row: Mapping[str, Any], made: list[str], table: Mapping[str, Any]) -> list[str]:
    """How many runs a row is the mean of, where it is not of all."""
    wanted = len(table.get("seeds") or [])
    return [f"{row['name']}: {len(made)} of {wanted} runs."] if len(made) < wanted else []


def _experiment(name: str) -> Path:
    return paths.configs() / "experiment" / f"{name}.yaml"
