"""Evaluation in training: scores, the best checkpoint, and whether the score has turned."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax import core, results, scoring, telemetry, watch
from gan_jax.checkpoint import Checkpointer
from gan_jax.run_setup import Setup
from gan_jax.workdir import Workdir


def check(settings: ConfigDict) -> None:
    """Refuses settings of `config.evaluate` that cannot be.

    Raises:
      ValueError: In one line.
    """
    for name in ("every", "patience", "num_real"):
        if settings[name] < 0:
            raise ValueError(f"config.evaluate.{name} must be at least 0, not {settings[name]}")
    if settings.stop and not settings.patience:
        raise ValueError("config.evaluate.stop=True needs config.evaluate.patience of 1 or more")


class Scorekeeper:
    """Scores the run every so many steps, and keeps the checkpoint that scored best.

    With several processes the first one evaluates, on its own devices, and the others wait.
    """

    def __init__(
        self, setup: Setup, where: Workdir, progress: Mapping[str, Any] | None, *, main: bool
    ):
        """Looks at the real images, or reads what is kept of an earlier look.

        Args:
          setup: The run.
          where: Its folder.
          progress: What `progress` returned when the checkpoint was made that the run resumes.
          main: Whether this is the process that evaluates.

        Raises:
          ValueError: As `scoring.make_scoring`.
          OSError: As `scoring.make_scoring`.
        """
        config, settings = setup.config, setup.config.evaluate
        self._every, self._steps = settings.every, config.steps
        self._patience, self._stop = settings.patience, settings.stop
        self._main = main
        self._best = Checkpointer(where.best, keep=1)
        self._where = where
        # All processes need the protocol; one needs the extractor.
        self._scoring = scoring.make_scoring(
            setup.experiment[0].gan.samplers["generator"],
            setup.dataset,
            family=config.family,
            extractor=settings.extractor,
            weights=settings.weights or None,
            names=settings.metrics,
            num_images=settings.num_images,
            num_real=settings.num_real,
            averaged=config.ema_decay > 0.0,
            cache_dir=config.data.cache_dir or None,
        )
        self._watch = watch.resume(self._scoring.protocol_key, progress)

    def due(self, step: int) -> bool:
        """Whether the run is scored after this step."""
        return step % self._every == 0 or step == self._steps

    @property
    def finished(self) -> bool:
        """Whether the score has turned and the run is to stop for it."""
        return self._stop and watch.has_turned(self._watch, self._patience)

    def score(
        self, step: int, state: core.GanState, local_state: core.GanState
    ) -> tuple[dict[str, float], float]:
        """Scores a state, and keeps it if it is the best so far.

        Args:
          step: Its step.
          state: On all devices.
          local_state: This process's copy.

        Returns:
          `{"score/<key>": value}`, empty where another process evaluates, and the seconds it took.
        """
        start = time.perf_counter()
        scores = self._scoring(local_state) if self._main else {}
        value = scoring.shared(scores.get(self._scoring.main_key, 0.0))
        before = self._watch
        self._watch = watch.observe(
            before, step, value, lower_is_better=self._scoring.lower_is_better
        )
        if self._watch.best_step == step:
            self._keep(step, state)
        seconds = time.perf_counter() - start
        if self._main:
            self._say(step, value, before)
            result = results.make_result(
                scores,
                {**self._scoring.protocol, "step": step},
                step=step,
                count=self._scoring.count,
                seconds=seconds,
            )
            results.keep_result(self._where.evaluations, result)
        return {f"score/{name}": score for name, score in scores.items()}, seconds

    def _keep(self, step: int, state: core.GanState) -> None:
        # A run that was killed may have kept a later one, which it will come by again.
        if (self._best.latest_step() or 0) <= step:
            self._best.save(step, state, {"score": self._watch.best})
            self._best.wait()

    def _say(self, step: int, value: float, before: watch.Watch) -> None:
        name = self._scoring.main_key
        note = (
            "the best so far"
            if self._watch.best_step == step
            else f"best {before.best:.4g} at step {before.best_step}"
        )
        telemetry.say(f"step {step}: {name} {value:.4g}, {note}")
        if self._watch.since_best == self._patience > 0:
            telemetry.say(
                f"warning: {name} has not been better than {self._watch.best:.4g} of step "
                f"{self._watch.best_step} for {self._patience} evaluations: the game may have "
                f"collapsed; the best checkpoint is kept in {self._where.best}"
                + ("" if self._stop else " (config.evaluate.stop=True would stop here)")
            )

    def progress(self) -> dict[str, Any]:
        """What a checkpoint must carry, JSON-able."""
        return self._watch.progress()

    def close(self) -> None:
        """Waits for the best checkpoint to be on disk."""
        self._best.close()
