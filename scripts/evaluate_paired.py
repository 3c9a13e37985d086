"""Scores models on the paired protocol (`lutgrade.data.pairs`): photographs graded with held-out LUTs.

    python scripts/evaluate_paired.py --data ../shared/data --models identity reinhard mkl

Prints a Markdown table and writes it with its circumstances to benchmarks/paired.md, and every pair's scores to
benchmarks/paired.json. `identity` is always among the models.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from rich.progress import track

from lutgrade.checkpoints import load_model
from lutgrade.evaluation import paired
from lutgrade.files import replacing
from lutgrade.reporting import environment

MATCHERS = ("identity", "reinhard", "histogram", "mkl", "sliced_ot", "unbalanced_mkl")
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with photos/val, luts/val and luts/film")
    parser.add_argument(
        "--models", nargs="+", default=MATCHERS, help="names or checkpoint folders; the matchers by default"
    )
    parser.add_argument("--per-photo", type=int, default=2, help="LUTs of each family a photograph is graded with")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap over photographs")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of paired.json and paired.md")
    arguments = parser.parse_args()

    models = {name: load_model(name) for name in dict.fromkeys([paired.BASELINE, *arguments.models])}
    families = paired.protocols(arguments.data, per_photo=arguments.per_photo)
    results = {}
    with torch.inference_mode():
        for family, protocol in families.items():
            pairs = track(protocol, description=family, total=len(protocol), disable=not sys.stderr.isatty())
            results[family] = paired.evaluate(models, pairs)

    facts = environment() | {"cores": str(os.cpu_count()), "command": f"python {' '.join(sys.argv)}"}
    skipped = sorted({path.name for protocol in families.values() for path in protocol.skipped})
    text = report(paired.table(results, seed=arguments.seed), results, facts, skipped, arguments.seed)
    print(text)
    arguments.output.mkdir(parents=True, exist_ok=True)
    record = {
        "environment": facts,
        "seed": arguments.seed,
        "skipped": skipped,
        "results": paired.as_json(results, seed=arguments.seed),
    }
    for name, content in (("paired.json", json.dumps(record) + "\n"), ("paired.md", text)):
        with replacing(arguments.output / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def report(
    table: str, results: dict[str, dict[str, paired.Scores]], facts: dict[str, str], skipped: list[str], seed: int
) -> str:
    baselines = {family: models[paired.BASELINE] for family, models in results.items()}
    counts = "; ".join(
        f"{family}: {len(scores.pairs)} pairs of {len(set(scores.photographs))} photographs"
        for family, scores in baselines.items()
    )
    lines = [
        "# The paired protocol",
        "",
        f"Means with a 95 % bootstrap interval over photographs (seed {seed}). {counts}.",
        "",
        table,
        "",
        f"Left out as unreadable: {', '.join(skipped) or 'none'}.",
        "Made with " + ", ".join(f"{key} {value}" for key, value in facts.items() if key != "command") + ":",
        f"`{facts['command']}`",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
