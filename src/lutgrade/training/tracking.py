"""What a run tells: a JSON line per logged step always, a progress bar on a terminal, wandb where asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import replacing

LOG = "log.jsonl"


class Tracking:
    """Open during a run.

    Args:
        folder: of the run; `log.jsonl` is there.
        start: the step that the run continues from; lines of later steps, which will be done again, are dropped.
        steps: of the whole run.
        wandb: the name of a wandb project; None leaves wandb alone. Without a key its run is offline.
        config: shown by wandb.
        active: False on all processes but one, which then say nothing.
    """

    def __init__(
        self, folder: Path, *, start: int, steps: int, wandb: str | None, config: Mapping[str, Any], active: bool
    ) -> None:
        self.folder, self.start, self.steps, self.active = folder, start, steps, active
        self.project, self.config = wandb, config
        self._stack = ExitStack()
        self._wandb: Any = None

    def __enter__(self) -> Self:
        if self.active:
            _drop_after(self.folder / LOG, self.start)
            (self.folder / LOG).touch()
            self._bar = self._stack.enter_context(_bar())
            self._task = self._bar.add_task("train", total=self.steps, completed=self.start, status="")
            if self.project is not None:
                self._wandb = _open_wandb(self.project, self.folder, self.config)
                self._stack.callback(self._wandb.finish)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def advance(self) -> None:
        """Counts a step on the bar."""
        if self.active:
            self._bar.advance(self._task)

    def log(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Writes a record; `kind` is `start`, `train` or `valid`. Raises a LutgradeError where the disk is full."""
        if not self.active:
            return
        try:
            with (self.folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        except OSError as error:
            raise LutgradeError(f"cannot write {self.folder / LOG}: {error.strerror or error}") from error
        shown = [f"{name} {values[name]:.4g}" for name in ("loss", "samples_per_second") if name in values]
        if kind == "train":
            self._bar.update(self._task, status="  ".join(shown).replace("samples_per_second", "samples/s"))
        if self._wandb is not None and kind != "start":
            self._wandb.log({f"{kind}/{name}": value for name, value in values.items()}, step=step)

    def picture(self, step: int, path: Path) -> None:
        """Shows a picture in wandb."""
        if self._wandb is not None:
            import wandb

            self._wandb.log({"samples": wandb.Image(str(path))}, step=step)


def read_log(folder: str | Path, kind: str = "train") -> list[dict[str, Any]]:
    """The records of one kind of a run's `log.jsonl`, also while it is written.

    Raises:
        InputError: there is no log in the folder.
    """
    try:
        text = (Path(folder) / LOG).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {Path(folder) / LOG}: {error.strerror or error}") from error
    whole = text.split("\n")[:-1]  # what follows the last line break is half a record
    return [record for record in map(json.loads, whole) if record["kind"] == kind]


def _drop_after(path: Path, step: int) -> None:
    """Keeps the lines of a log up to a step, none for a run from the start; a line that was cut off goes too."""
    if step == 0:
        path.unlink(missing_ok=True)
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n") or json.loads(line)["step"] > step:
            break
        kept.append(line)
    with replacing(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[status]}"), console=console, disable=not console.is_terminal)


def _open_wandb(project: str, folder: Path, config: Mapping[str, Any]) -> Any:
    try:
        import wandb
    except ImportError as error:
        raise LutgradeError("trainer.wandb needs wandb; install it with pip install 'lutgrade[train]'") from error
    online = bool(wandb.login(prompt=False, verify=False))  # whether there is a key
    return wandb.init(
        project=project,
        name=folder.name,
        dir=folder,
        config=dict(config),
        mode="online" if online else "offline",
        id=folder.name if online else None,  # a resumed run goes on in the same chart; offline runs cannot
        resume="allow" if online else None,
    )
