"""Evaluation in training: scores, the best checkpoint, and whether the score has turned."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax import core, telemetry
from gan_jax.checkpoint import Checkpointer, CheckpointError
from gan_jax.core import processes as together
from gan_jax.evaluation import history as watch
from gan_jax.evaluation import protocols, results, scoring
from gan_jax.runs.setup import Setup
from gan_jax.runs.workdir import Workdir


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

    With several processes the first one evaluates, on its own devices, and the others wait: they
    have no `scoring` and no `watch`.

    Attributes:
      finished: Whether the score has turned and the run is to stop for it.
    """

    def __init__(self, setup: Setup, where: Workdir, progress: Mapping[str, Any] | None, step: int):
        """Looks at the real images, or reads what is kept of an earlier look.

        Args:
          setup: The run.
          where: Its folder.
          progress: What `progress` returned when the checkpoint was made that the run resumes.
          step: The step at which the run goes on.

        Raises:
          ValueError: As `scoring.make_scoring`.
          OSError: As `scoring.make_scoring`.
        """
        settings = setup.config.evaluate
        self._every, self._steps = settings.every, setup.config.steps
        self._patience, self._stop = settings.patience, settings.stop
        self._where = where
        self._scoring = self._watch = None
        together.by_first_process(lambda: self._begin(setup, progress, step), None)
        self._best = Checkpointer(where.best, keep=1)
        (finished,) = together.tell((float(self._has_turned()),))
        self.finished = bool(finished)

    def _begin(self, setup: Setup, progress: Mapping[str, Any] | None, step: int) -> None:
        """What the process that evaluates does before the first step."""
        self._scoring = _make_scoring(setup)
        self._watch = watch.resume(self._scoring.main_protocol_key, progress)
        results.drop_results_after(self._where.evaluations, step)
        described = protocols.describe_protocol(self._scoring.protocol)
        telemetry.say(f"scored every {self._every} steps: {described}")
        self._set_aside_another_best()

    def due(self, step: int) -> bool:
        """Whether the run is scored after this step."""
        return step % self._every == 0 or step == self._steps

    def score(
        self,
        step: int,
        state: core.GanState,
        local_state: core.GanState,
        give_up: Callable[[], bool],
    ) -> dict[str, float] | None:
        """Scores a state, and keeps it if it is the best so far.

        Args:
          step: Its step.
          state: On all devices.
          local_state: This process's copy.
          give_up: Asked between batches, where there is one process.

        Returns:
          `{"score/<key>": value}`, empty where another process evaluates; None if it gave up.

        Raises:
          OtherProcessError: If process 0 could not score.
        """
        found = together.by_first_process(
            lambda: self._look(step, local_state, give_up), ({}, False)
        )
        if found is None:
            return None
        scores, keep = found
        keep, finished = together.tell((float(keep), float(self._has_turned())))
        if keep:
            self._best.save(step, state, self._record())
            self._best.wait()
        self.finished = bool(finished)
        return {f"score/{name}": value for name, value in scores.items()}

    @property
    def protocol_key(self) -> str:
        """Names the protocol of the scores, on the process that evaluates."""
        return self._scoring.protocol_key

    def _look(
        self, step: int, state: core.GanState, give_up: Callable[[], bool]
    ) -> tuple[dict[str, float], bool] | None:
        """The scores, and whether the state is to be kept as the best; None if it gave up."""
        start = time.perf_counter()
        scores = self._scoring(state, give_up)
        if scores is None:
            return None
        return scores, self._take_note(step, scores, time.perf_counter() - start)

    def _take_note(self, step: int, scores: dict[str, float], seconds: float) -> bool:
        """Keeps the result and tells of it; whether the state is to be kept as the best."""
        before, value = self._watch, scores[self._scoring.main_key]
        self._watch = watch.observe(
            before, step, value, lower_is_better=self._scoring.lower_is_better
        )
        result = results.make_result(
            scores,
            {**self._scoring.protocol, "step": step},
            step=step,
            count=self._scoring.count,
            seconds=seconds,
            in_training=True,
        )
        results.keep_result(self._where.evaluations, result)
        self._say(step, value)
        return self._watch.best_step == step and self._make_room(step)

    def _make_room(self, step: int) -> bool:
        """Whether the best checkpoint on disk, if there is one, is to give way to this step's.

        A run that was killed and has gone back may find one of a later step, which it will come by
        again: that stays if it is better still.
        """
        with Checkpointer(self._where.best) as best:
            newest = best.latest_step()
        if newest is None or newest < step:
            return True
        other = self._watch._replace(best=self._record_on_disk().get("score"), best_step=newest)
        better = watch.observe(
            other, step, self._watch.best, lower_is_better=self._scoring.lower_is_better
        )
        if better.best_step != step or newest == step:
            return False
        shutil.rmtree(self._where.best)
        return True

    def _set_aside_another_best(self) -> None:
        """Keeps the best checkpoint of another protocol under another name."""
        record = self._record_on_disk()
        if record and record.get("protocol") != self._scoring.main_protocol_key:
            aside = self._where.best.with_name(
                f"{self._where.best.name}-{record.get('protocol', 'unknown')}"
            )
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(self._where.best, aside)
            telemetry.say(
                f"scores are of another kind than before; the best checkpoint is kept as {aside}"
            )

    def _record(self) -> dict[str, Any]:
        """What is kept with the best checkpoint."""
        if self._scoring is None:
            return {}
        return {
            "score": self._watch.best,
            "metric": self._scoring.main_key,
            "protocol": self._scoring.main_protocol_key,
        }

    def _record_on_disk(self) -> dict[str, Any]:
        if not self._where.best.is_dir():
            return {}
        try:
            with Checkpointer(self._where.best) as best:
                return best.restore()[2]
        except CheckpointError:
            return {}

    def _say(self, step: int, value: float) -> None:
        name, seen = self._scoring.main_title, self._watch
        best = "none is a number yet" if seen.best is None else f"{seen.best:.4g}"
        note = "the best so far" if seen.best_step == step else f"best {best} at {seen.best_step}"
        telemetry.say(f"step {step}: {name} {value:.4g}, {note}")
        if seen.since_best == self._patience > 0:
            telemetry.say(
                f"warning: {name} has not been better than {best} of step {seen.best_step} for "
                f"{self._patience} evaluations: the game may have collapsed; the best checkpoint "
                f"is kept in {self._where.best}"
                + ("" if self._stop else " (config.evaluate.stop=True would stop here)")
            )

    def _has_turned(self) -> bool:
        seen = self._watch
        return self._stop and seen is not None and watch.has_turned(seen, self._patience)

    def progress(self) -> dict[str, Any] | None:
        """What a checkpoint must carry, JSON-able; process 0 writes it."""
        return None if self._watch is None else self._watch.progress()

    def close(self) -> None:
        """Ends the best checkpoint's background threads."""
        self._best.close()


def _make_scoring(setup: Setup) -> scoring.Scoring:
    config, settings = setup.config, setup.config.evaluate
    return scoring.make_scoring(
        setup.experiment[0].gan.samplers["generator"],
        setup.dataset,
        family=config.family,
        precision=config.precision,
        extractor=settings.extractor,
        weights=settings.weights or None,
        names=settings.metrics,
        num_images=settings.num_images,
        num_real=settings.num_real,
        averaged=config.ema_decay > 0.0,
        cache_dir=config.data.cache_dir or None,
    )
