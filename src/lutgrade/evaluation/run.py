"""From a composed configuration (`configs/evaluate.yaml`) to a table's files."""

from __future__ import annotations

import json
import math
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from lutgrade.checkpoints import build
from lutgrade.devices import check_device
from lutgrade.errors import InputError, LutgradeError
from lutgrade.evaluation.builder import TableBuilder
from lutgrade.evaluation.cache import Cache
from lutgrade.evaluation.items import Item
from lutgrade.evaluation.plot import plot
from lutgrade.evaluation.render import csv_text, latex, markdown
from lutgrade.evaluation.rows import chosen_rows, methods_of
from lutgrade.evaluation.score import Score, Scorer, Scores
from lutgrade.evaluation.table import measure_of
from lutgrade.files import make_folder, replacing
from lutgrade.progress import bar
from lutgrade.provenance import environment
from lutgrade.training.trainer import check_whole


@dataclass(frozen=True)
class Ranks:
    """This process among those that share the work."""

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """As `torchrun` or `accelerate launch` says in the environment; connects the processes."""
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
        LutgradeError: a full disk; what is in the cache is not made again.
    """
    resolved = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    table, device = resolved["table"], _device(resolved["device"])
    folder, cache = (make_folder(resolved[name]) for name in ("output", "cache"))  # shows before hours of work
    check_whole("every", resolved["every"], least=1)
    check_whole("seed", resolved["seed"])
    scores = Scores()
    datasets, absent_data = _datasets(table["datasets"], scores)
    rows = _with_answers(chosen_rows(table["rows"], resolved), scores)
    metrics = {name: build(c) for name, c in table["metrics"].items() if "_target_" in c}
    methods = methods_of(rows, resolved, device)
    ranks = Ranks.current()
    scorer = Scorer(metrics, table["metrics"], Cache(cache), device)
    if ranks.count > 1:  # the first process then reads from the cache what all have put there
        for data, items in datasets.items():
            scorer.run(data, items[ranks.rank :: ranks.count], methods.found, Scores())
        ranks.wait()
        if ranks.rank:
            return None
    for data, items in datasets.items():
        scorer.run(data, items, methods.found, scores, bar)
    scales = table.get("scales") or {}
    measures = {name: measure_of(c, metrics.get(name), scales.get(name, 1.0)) for name, c in table["metrics"].items()}
    builder = TableBuilder(
        {**table, "rows": rows}, measures, metrics, scores, absent_data, methods, seed=resolved["seed"]
    )
    return _write(folder, builder, scores, resolved)


def _datasets(configs: Mapping[str, Any], scores: Scores) -> tuple[dict[str, list[Item]], dict[str, str]]:
    """The data sets that are at hand, and why the others are not; scores made elsewhere are added to `scores`."""
    found, absent = {}, {}
    for name, config in configs.items():
        try:
            if "scores" in config and Path(config["scores"]).is_file():
                scores.scores += _read_scores(Path(config["scores"]), name)
            elif "_target_" in config:
                found[name] = _distinct(build(config))
            else:
                raise InputError(config["why"])
        except LutgradeError as error:
            absent[name] = str(error)
    return found, absent


def _distinct(items: list[Item]) -> list[Item]:
    """The items; an InputError where two have one name, as their scores would be taken for one item's."""
    names = Counter(item.name for item in items)
    name, count = next(iter(names.most_common(1)), ("", 1))
    if count > 1:
        raise InputError(f"{count} items are named {name}, and would be scored as one: rename their files or folders")
    return items


def _read_scores(path: Path, data: str) -> list[Score]:
    """Scores of a file of JSON lines, as `scores.jsonl` has them."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        fields = ("method", "item", "clip", "metric")
        return [
            Score(data=data, **{f: line[f] for f in fields}, values=[float(value) for value in line["values"]])
            for line in lines
            if line["kind"] == "score"
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no file of scores: {type(error).__name__} {error}") from error


def _with_answers(rows: list[dict[str, Any]], scores: Scores) -> list[dict[str, Any]]:
    """The rows, and one for each other method that scores were read of."""
    names = {row["name"] for row in rows}
    return rows + [{"name": name} for name in dict.fromkeys(s.method for s in scores.scores) if name not in names]


def _device(name: str) -> str:
    import torch

    if name != "auto":
        check_device(name)
        return name
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"


def _command() -> str:
    """What was called; of a call from Python, its name: the arguments are then those of another program."""
    called = Path(sys.argv[0]).name == "evaluate.py"
    return " ".join(["python", "scripts/evaluate.py", *sys.argv[1:]]) if called else "lutgrade.evaluation.run.evaluate"


def _write(folder: Path, builder: TableBuilder, scores: Scores, config: Mapping[str, Any]) -> Path:
    """Writes the table in all its forms and every score, and prints the Markdown."""
    table = builder.table()
    facts = {**environment(), "cores": str(os.cpu_count()), "device": _device(config["device"]),
             "seed": str(config["seed"]), "command": _command()}  # fmt: skip
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
