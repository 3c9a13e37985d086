"""Several objectives at once, on one prediction."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.protocols import ColorMap, Objective, Sample


class Mixture(nn.Module):
    """A weighted sum of objectives; the model runs once a batch.

    Those that are modules are submodules: they move with it, and what they learn is trained and saved.

    Args:
        objectives: by name, which goes in front of the names of their parts.
        weights: of each one's loss.
    """

    def __init__(self, objectives: Mapping[str, Objective], weights: Mapping[str, float]) -> None:
        if not objectives or set(objectives) != set(weights):
            raise InputError(f"a mixture needs a weight for each of {sorted(objectives)}, not for {sorted(weights)}")
        super().__init__()
        self.objectives = dict(objectives)
        self.weights = dict(weights)
        self.learned = nn.ModuleDict({name: o for name, o in objectives.items() if isinstance(o, nn.Module)})

    def forward(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The weighted sum as `loss`, and the losses and parts of each objective as `name/part`."""
        once = _Once(model)
        parts = {
            f"{name}/{part}": value
            for name, objective in self.objectives.items()
            for part, value in objective(once, batch).items()
        }
        loss = sum((w * parts[f"{name}/loss"] for name, w in self.weights.items()), batch.frames.new_zeros(()))
        return {"loss": loss, **parts}


class _Once(nn.Module):
    """A model that gives its first prediction again."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.grade: ColorMap | None = None

    def forward(self, content: Tensor, reference: Tensor) -> ColorMap:
        if self.grade is None:
            self.grade = self.model(content, reference)
        return self.grade
