"""From a composed configuration (`configs/evaluate.yaml`) to a table's files."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from lutgrade.checkpoints import build
from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.cache import Cache
from lutgrade.evaluation.items import Item
from lutgrade.evaluation.methods import FolderMethod, Method, ModelMethod
from lutgrade.evaluation.plot import plot
from lutgrade.evaluation.render import csv_text, latex, markdown
from lutgrade.evaluation.score import Scorer, Scores
from lutgrade.evaluation.table import OUTSIDE, TableBuilder, measure_of
from lutgrade.files import replacing
from lutgrade.progress import bar
from lutgrade.training.tracking import environment


@dataclass(frozen=True)
class Ranks:
    """This process among those that share the work."""

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """As `accelerate launch` says in the environment; connects the processes."""
        found = cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
        if found.count > 1:
            import torch
            from accelerate import PartialState

            PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=7))
        return found

    def wait(self) -> None:
        """Until all have come here."""
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def evaluate(config: DictConfig) -> Path | None:
    """Makes the table that a configuration describes; the Markdown file, or None on all processes but the first.

    Raises:
        InputError: a configuration that cannot be built, an unknown row or model, a folder that is not there.
    """
    resolved = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    table = resolved["table"]
    rows = _chosen_rows(table["rows"], resolved)
    datasets, absent_data = _datasets(table["datasets"])
    metrics = {name: build(c) for name, c in table["metrics"].items() if "_target_" in c}
    methods, absent_methods = _methods(rows, resolved)
    ranks = Ranks.current()
    scorer = Scorer(metrics, table["metrics"], Cache(resolved["cache"]), _device(resolved["device"]))
    if ranks.count > 1:  # the first process then reads from the cache what all have put there
        for data, items in datasets.items():
            scorer.run(data, items[ranks.rank :: ranks.count], methods, Scores())
        ranks.wait()
        if ranks.rank:
            return None
    scores = Scores()
    for data, items in datasets.items():
        scorer.run(data, items, methods, scores, bar)
    scales = table.get("scales") or {}
    measures = {name: measure_of(c, metrics.get(name), scales.get(name, 1.0)) for name, c in table["metrics"].items()}
    builder = TableBuilder(
        {**table, "rows": rows}, measures, metrics, scores, absent_data, absent_methods, seed=resolved["seed"]
    )
    return _write(Path(resolved["output"]), builder, scores, resolved)


def _chosen_rows(rows: list[dict[str, Any]], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table's rows, or those asked for; what is no row is a model, and gets one."""
    by_name = {row["name"]: row for row in rows}
    if config["method"] is not None:
        return _with_outputs(rows, config)
    if config["rows"] is None:
        return rows
    baseline = config["table"].get("baseline")
    names = [*([baseline] if baseline else []), *map(str, config["rows"])]
    return [by_name.get(name) or {"name": name, "model": name, "asked": True} for name in dict.fromkeys(names)]


def _with_outputs(rows: list[dict[str, Any]], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows with precomputed outputs in one of them, or in one more."""
    if config["method"] != "folder" or config["path"] is None:
        raise InputError("give precomputed outputs as method=folder path=<folder>; models of ours as rows=[<name>]")
    name = config["row"] or Path(config["path"]).name
    filled = [{**row, "folder": config["path"]} if row["name"] == name else row for row in rows]
    return filled if any(row["name"] == name for row in rows) else [*rows, {"name": name, "folder": config["path"]}]


def _datasets(configs: Mapping[str, Any]) -> tuple[dict[str, list[Item]], dict[str, str]]:
    """The data sets that are at hand, and why the others are not."""
    found, absent = {}, {}
    for name, config in configs.items():
        try:
            if "_target_" not in config:
                raise InputError(config["why"])
            found[name] = build(config)
        except LutgradeError as error:
            absent[name] = str(error)
    return found, absent


def _methods(rows: list[dict[str, Any]], config: Mapping[str, Any]) -> tuple[dict[str, Method], dict[str, str]]:
    """The methods of rows, and why other rows have none. A model that was asked for by name must be there."""
    methods: dict[str, Method] = {}
    absent = {}
    for row in rows:
        name = row["name"]
        try:
            if row.get("folder"):
                methods[name] = FolderMethod(row["folder"])
            elif row.get("model"):
                methods[name] = ModelMethod(
                    row["model"], runs=config["paths"]["runs"], device=_device(config["device"]), every=config["every"]
                )
            else:
                absent[name] = row.get("why") or OUTSIDE.format(name=name)
        except LutgradeError as error:
            if row.get("asked") or row.get("folder"):
                raise
            absent[name] = str(error)
    return methods, absent


def _device(name: str) -> str:
    import torch

    if name != "auto":
        return name
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"


def _write(folder: Path, builder: TableBuilder, scores: Scores, config: Mapping[str, Any]) -> Path:
    """Writes the table in all its forms and every score, and prints the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    table = builder.table()
    command = " ".join(["python", "scripts/evaluate.py", *sys.argv[1:]])
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    facts = {**environment(), "python": platform.python_version(), "machine": machine,
             "device": _device(config["device"]), "seed": str(config["seed"]), "command": command}  # fmt: skip
    text = markdown(table, facts)
    lines = [{"kind": "run", **facts, "config": dict(config["table"])}]
    lines += [{"kind": "score", **vars(s), "values": [_plain(v) for v in s.values]} for s in scores.scores]
    files = {
        "scores.jsonl": "".join(json.dumps(line) + "\n" for line in lines),
        "table.csv": csv_text(table),
        "table.tex": latex(table),
        "table.md": text,
    }
    for name, content in files.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    plot(table, folder / "table.png")
    print(text)
    return folder / "table.md"


def _plain(value: float) -> float | str:
    """A number for JSON, which has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)
