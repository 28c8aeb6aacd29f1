"""Evaluation while training: scores, the best checkpoint, and early stopping."""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

from gan_jax import core, evaluation, telemetry
from gan_jax.checkpoint import Checkpointer, CheckpointError
from gan_jax.core import processes
from gan_jax.evaluation import history, parts, protocols, results
from gan_jax.metrics import make_extractor
from gan_jax.runs.setup import Setup
from gan_jax.runs.workdir import Workdir

# What scores a state of a phase, by the index of the phase: each has samplers of its own.
OfPhase = Callable[[int], evaluation.SampleEvaluator]


class PeriodicEvaluation:
    """Evaluates the run every so many steps, and keeps the checkpoint that scored best.

    With several processes the first one evaluates, on its own devices, and the others wait: they
    have no evaluator and no history. A phase whose images are smaller than the data's is not
    evaluated: the resize would be what is scored.

    Attributes:
      finished: Whether the score has not improved for so long that the run is to stop.
    """

    def __init__(
        self,
        setup: Setup,
        where: Workdir,
        progress: Mapping[str, Any] | None,
        step: int,
        *,
        confirm: Callable[[], None] = lambda: None,
    ):
        """Computes the features of the real images, or reads what is kept of them.

        Args:
          setup: The run.
          where: Its folder.
          progress: What `progress` returned when the checkpoint was made that the run resumes.
          step: The step at which the run goes on.
          confirm: Called on the first process before something is written.

        Raises:
          ValueError: As `evaluation.make_evaluator`, or if the game has no sampler.
          OSError: As `evaluation.make_evaluator`.
        """
        settings = setup.config.evaluate
        self._every, self._experiment = settings.every, setup.experiment
        # None stands for the size of the data.
        target = setup.experiment.phases[-1].gan.samplers[setup.experiment.default_sampler].target
        self._sizes = (None, setup.data_info.specs[target].shape[:2])
        self._patience, self._stop = settings.patience, settings.stop
        self._where, self._confirm = where, confirm
        self._chosen: tuple[OfPhase, history.History] | None = None
        processes.by_first_process(lambda: self._begin(setup, progress, step), None)
        self._best = Checkpointer(where.best, keep=1)
        (finished,) = processes.broadcast((float(self._has_not_improved()),))
        self.finished = bool(finished)

    def _begin(self, setup: Setup, progress: Mapping[str, Any] | None, step: int) -> None:
        """What the process that evaluates does before the first step."""
        of_phase = _make_evaluate(setup)
        main_protocol_key = of_phase(len(self._experiment.phases) - 1).main_protocol_key
        self._chosen = of_phase, history.resume(main_protocol_key, progress)
        results.drop_results_after(self._where.evaluations, step)
        described = protocols.describe_protocol(self._evaluate.protocol)
        telemetry.say(f"evaluated every {self._every} steps: {described}")
        self._set_aside_another_best()

    @property
    def _evaluate(self) -> evaluation.SampleEvaluator:
        """What scores a state of the last phase, on the process that evaluates."""
        assert self._chosen is not None
        return self._chosen[0](len(self._experiment.phases) - 1)

    @property
    def _history(self) -> history.History:
        """The scores until now, on the process that evaluates."""
        assert self._chosen is not None
        return self._chosen[1]

    def due(self, step: int) -> bool:
        """Whether the run is evaluated after this step."""
        if self._experiment.reached(step).image_size not in self._sizes:
            return False
        return step % self._every == 0 or step == self._experiment.steps

    def evaluate(
        self,
        step: int,
        state: core.GanState,
        local_state: core.GanState,
        cancelled: Callable[[], bool],
    ) -> dict[str, float] | None:
        """Scores a state, and keeps it if it is the best so far.

        Args:
          step: Its step.
          state: On all devices.
          local_state: This process's copy.
          cancelled: Asked between batches, where there is one process.

        Returns:
          `{"score/<key>": value}`, empty where another process evaluates; None if cancelled.

        Raises:
          OtherProcessError: If process 0 could not evaluate.
        """
        nothing: tuple[dict[str, float], bool] | None = ({}, False)
        found = processes.by_first_process(
            lambda: self._score(step, local_state, cancelled), nothing
        )
        if found is None:
            return None
        scores, keep = found
        decisions = (float(keep), float(self._has_not_improved()))
        to_keep, finished = processes.broadcast(decisions)
        if to_keep:
            self._best.save(step, state, self._record())
            self._best.wait()
        self.finished = bool(finished)
        return {f"score/{name}": value for name, value in scores.items()}

    @property
    def protocol_key(self) -> str:
        """Names the protocol of the scores, on the process that evaluates."""
        return self._evaluate.protocol_key

    def _score(
        self, step: int, state: core.GanState, cancelled: Callable[[], bool]
    ) -> tuple[dict[str, float], bool] | None:
        """The scores, and whether the state is to be kept as the best; None if cancelled."""
        assert self._chosen is not None
        start = time.perf_counter()
        evaluate = self._chosen[0](self._experiment.index_reached(step))
        weights = core.sampling_weights(state, evaluate.generate.sampler)
        scores = evaluate(weights, cancelled=cancelled)
        if scores is None:
            return None
        protocol = {**evaluate.protocol, "step": step}
        return scores, self._keep_result(step, scores, protocol, time.perf_counter() - start)

    def _keep_result(
        self, step: int, scores: dict[str, float], protocol: Mapping[str, Any], seconds: float
    ) -> bool:
        """Keeps the result and prints it; whether the state is to be kept as the best."""
        assert self._chosen is not None
        value = scores[self._evaluate.main_key]
        new = history.record(
            self._history, step, value, lower_is_better=self._evaluate.lower_is_better
        )
        self._chosen = self._chosen[0], new
        result = results.make_result(
            scores,
            protocol,
            step=step,
            count=self._evaluate.count,
            seconds=seconds,
            in_training=True,
        )
        self._confirm()
        results.keep_result(self._where.evaluations, result)
        self._say(step, value)
        return self._history.best_step == step and self._make_room(step, value)

    def _make_room(self, step: int, score: float) -> bool:
        """Whether the best checkpoint on disk, if there is one, is to give way to this step's.

        A run that was killed and has gone back may find one of a later step, which it will come by
        again: that stays if it is better still.
        """
        with Checkpointer(self._where.best) as best:
            newest = best.latest_step()
        if newest is None or newest < step:
            return True
        other = self._history._replace(best=self._record_on_disk().get("score"), best_step=newest)
        better = history.record(other, step, score, lower_is_better=self._evaluate.lower_is_better)
        if better.best_step != step or newest == step:
            return False
        shutil.rmtree(self._where.best)
        return True

    def _set_aside_another_best(self) -> None:
        """Keeps the best checkpoint of another protocol under another name."""
        record = self._record_on_disk()
        if record and record.get("protocol") != self._evaluate.main_protocol_key:
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
        if self._chosen is None:
            return {}
        return {
            "score": self._history.best,
            "metric": self._evaluate.main_key,
            "protocol": self._evaluate.main_protocol_key,
        }

    def _record_on_disk(self) -> dict[str, Any]:
        if not self._where.best.is_dir():
            return {}
        try:
            with Checkpointer(self._where.best) as best:
                return best.progress()[1]
        except CheckpointError:
            return {}

    def _say(self, step: int, value: float) -> None:
        name, seen = self._evaluate.main_title, self._history
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

    def _has_not_improved(self) -> bool:
        if self._chosen is None:
            return False
        return self._stop and history.has_not_improved(self._history, self._patience)

    def progress(self) -> dict[str, Any] | None:
        """What a checkpoint must carry, JSON-able; process 0 writes it."""
        return None if self._chosen is None else self._history.progress()

    def close(self) -> None:
        """Ends the best checkpoint's background threads."""
        self._best.close()


def _make_evaluate(setup: Setup) -> OfPhase:
    """What scores the samples of a phase, by its index."""
    config, settings = setup.config, setup.config.evaluate
    phases, name = setup.sampled.phases, setup.sampled.default_sampler
    state = jax.eval_shape(lambda: core.init_state(phases[0].gan, config.seed))
    evaluator = evaluation.make_evaluator(
        make_extractor(settings.extractor, weights=settings.weights or None),
        setup.whole,
        phases[-1].gan.samplers[name].target,
        settings.metrics,
        num_images=settings.num_images,
        num_real=settings.num_real,
        cache_dir=config.data.cache_dir or None,
    )

    @functools.cache
    def of_phase(index: int) -> evaluation.SampleEvaluator:
        sampler = phases[index].gan.samplers[name]
        return evaluation.make_sample_evaluator(
            evaluator,
            sampler,
            core.sampling_weights(state, sampler),
            setup.whole,
            family=config.family,
            sampler_name=name,
            precision=config.precision,
            count=settings.num_images,
            averaged=bool(core.sampling_part(state, sampler).ema),
            frequencies=setup.data_info.label_frequencies,
            unfinished_dir=parts.folder_of(config.data.cache_dir or None),
        )

    return of_phase
