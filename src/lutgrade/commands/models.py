"""`lutgrade models`: what `--model` takes."""

from __future__ import annotations

import typer


def models() -> None:
    """Lists the models that --model takes, the default first."""
    from lutgrade.checkpoints import DEFAULT_MODEL, describe, model_names, needs_weights

    names = sorted(model_names(), key=lambda name: (name != DEFAULT_MODEL, name))
    width = max(map(len, names))
    for name in names:
        default = " (default)" if name == DEFAULT_MODEL else ""
        weights = " (needs published weights)" if needs_weights(name) else ""
        typer.echo(f"{name:{width}}  {describe(name)}{default}{weights}")
