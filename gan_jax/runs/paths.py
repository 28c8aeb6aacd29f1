"""What lies where in a run's folder."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from pathlib import Path

from gan_jax.checkpoint import Checkpointer


@dataclasses.dataclass(frozen=True)
class Workdir:
    """Paths of a run.

    Attributes:
      path: The folder itself.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The config and what is known of the data, JSON."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """One JSON object per line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Orbax checkpoints, one folder per step."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint of the best score, where the run evaluates itself."""
        return self.path / "checkpoint_best"

    @property
    def lock(self) -> Path:
        """Names the process that trains here; see `gan_jax.runs.occupied`."""
        return self.path / ".lock"

    @property
    def environment(self) -> Path:
        """Versions and devices that the run was last started on, JSON."""
        return self.path / "environment.json"

    @property
    def evaluations(self) -> Path:
        """One JSON file per evaluation."""
        return self.path / "evaluations"

    @property
    def samples(self) -> Path:
        """Grids of samples."""
        return self.path / "samples"

    @property
    def plots(self) -> Path:
        """Curves of losses and probabilities."""
        return self.path / "plots"

    def grid(self, step: int, sampler: str = "") -> Path:
        """The grid of fixed inputs after `step` steps, of a sampler that is not the first."""
        return self.samples / f"step_{step:08d}{sampler and '_'}{sampler}.png"

    def steps(self) -> list[int]:
        """The steps of the checkpoints that are whole, ascending."""
        return Checkpointer(self.checkpoints).all_steps()

    def best_steps(self) -> list[int]:
        """The step of the checkpoint of the best score, where there is one."""
        return Checkpointer(self.best).all_steps()

    def outputs(self) -> list[Path]:
        """What is there of all that training writes, and nothing that a user put beside it."""
        folders = (self.samples, self.plots, self.evaluations, self.checkpoints, self.best)
        files = (self.metrics, self.environment, self.config)
        there = [path for path in (*folders, *files) if path.exists()]
        return there + list(self.path.glob("events.out.tfevents.*"))

    def remove_outputs(self) -> None:
        """Removes what a run has left that was ended before it saved a checkpoint."""
        for path in self.outputs():
            if path in (self.config, self.best):
                continue
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
