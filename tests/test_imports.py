"""The rules of the architecture: imports point one way, and nothing heavy is loaded before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "lutgrade"

# A module may import from lower layers and, within its own group, from itself.
LAYERS = [
    {
        "errors",
        "paths",
        "provenance",
        "devices",
        "files",
        "process",
        "progress",
        "overlap",
        "torchvision_shim",
        "weights",
    },
    {"ops", "color"},
    {"lut", "video"},
    {"protocols"},
    {"data", "models", "objectives", "metrics"},
    {"checkpoints", "training", "evaluation"},
    {
        *("analysis", "outputs", "results", "rendering", "reporting", "grading", "applying", "batch"),
        *("selecting", "retouching", "consistency", "finishing"),
        *("options", "predicting", "adapting", "loading"),
        *("importing", "imported"),
    },
    {"commands"},
    {"cli", "__main__"},
]
SEPARATE = {
    "ops",
    "color",
    "lut",
    "video",
    "data",
    "models",
    "objectives",
    "metrics",
}  # siblings that do not meet
LAYER_OF = {group: level for level, groups in enumerate(LAYERS) for group in groups}
HEAVY = {
    "accelerate", "av", "cv2", "decord", "diffusers", "hydra", "lpips", "matplotlib", "omegaconf", "open_clip", "PIL",
    "PyOpenColorIO", "pytorch_msssim", "scenedetect", "scipy", "torchvision", "transformers", "triton", "wandb",
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """The groups of lutgrade that a file imports at its top level, under `if TYPE_CHECKING` not counted."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lutgrade"):
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("lutgrade."))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    group = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if group == "__init__":
        return
    for imported in imports(path):
        if imported == group:
            continue
        assert imported in LAYER_OF, f"{path.name} imports {imported}, which has no layer"
        lower = LAYER_OF[imported] < LAYER_OF[group]
        sibling = LAYER_OF[imported] == LAYER_OF[group] and not {group, imported} <= SEPARATE
        assert lower or sibling, f"{path.relative_to(PACKAGE)} ({group}) imports {imported}"


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after `code`."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_lutgrade_loads_nothing_heavy() -> None:
    assert not loaded_by("import lutgrade") & (HEAVY | {"torch"})


def test_the_operator_and_the_lut_load_torch_alone() -> None:
    assert (
        not (loaded_by("import torch, lutgrade; lutgrade.Lut, lutgrade.ops.apply_lut") - loaded_by("import torch"))
        & HEAVY
    )


def test_the_help_loads_no_torch() -> None:
    code = "from lutgrade.cli import run\nassert run(['--help']) == 0 and run(['grade', '--help']) == 0"
    assert not loaded_by(code) & (HEAVY | {"torch"})
