"""The training loop: feeds the compiled steps, logs, samples, evaluates and saves."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax import core, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.files import write_json_atomically
from gan_jax.modes.train.announcement import announce, announce_early_stop, announce_pace
from gan_jax.modes.train.calls import Call, Calls, local
from gan_jax.modes.train.checks import check_finite_params, check_step
from gan_jax.modes.train.events import events_of
from gan_jax.modes.train.grids import Grids
from gan_jax.modes.train.interrupt import Interrupt
from gan_jax.modes.train.intervals import Clock, Window
from gan_jax.modes.train.pace import Pace
from gan_jax.modes.train.periodic_evaluation import PeriodicEvaluation
from gan_jax.modes.train.run_log import RunLog
from gan_jax.modes.train.start import newest_or_fresh
from gan_jax.runs import settings, workdir
from gan_jax.runs.occupied import Claim, occupied
from gan_jax.runs.setup import Setup, compile_steps, set_up

PyTree = Any


class Trained(NamedTuple):
    """How a call of `train` ended.

    Attributes:
      step: Finished steps.
      complete: Whether they are all, or enough: the experiment's last, or an early stop.
    """

    step: int
    complete: bool


def train(config: ConfigDict, path: str, *, interrupt: Interrupt | None = None) -> Trained:
    """Trains the experiment of `config` in the folder `path`, or goes on where it stopped.

    Args:
      config: The experiment.
      path: The workdir.
      interrupt: Tells the loop to stop; SIGTERM and Ctrl-C by default.

    Returns:
      How far it came.

    Raises:
      ValueError: In one line: a config that cannot be, a folder that holds another experiment.
      OSError: If another process trains there, data is not available or a file cannot be written.
      NonFiniteLossError: If a loss is not finite.
      CheckpointError: If no checkpoint can be read, or one cannot be written.
    """
    settings.check(config)
    workdir.check(path, config)
    with occupied(path) as claim:
        workdir.check(path, config)  # Again: until now another process may have trained there.
        setup = set_up(config)
        workdir.check_data(path, setup.data_info)
        where = workdir.Workdir(Path(path))
        with (
            Checkpointer(where.checkpoints, keep=config.keep_checkpoints) as checkpointer,
            interrupt or Interrupt() as stop,
        ):
            stop.before_exit = claim.leave
            return _Loop(setup, where, checkpointer, stop, claim).run()


class _Loop:
    """One run of the loop, from a start or a checkpoint to the end or an interruption."""

    def __init__(
        self,
        setup: Setup,
        where: workdir.Workdir,
        checkpointer: Checkpointer,
        stop: Interrupt,
        claim: Claim,
    ):
        self.setup, self.where, self.claim = setup, where, claim
        self.checkpointer, self.stop = checkpointer, stop
        self.config, self.experiment = setup.config, setup.experiment
        self.main = jax.process_index() == 0
        self.sample_at, self.events = events_of(setup)
        self.phase = self.experiment.phases[0]
        self.compiled = compile_steps(setup, self.phase)
        state, progress = newest_or_fresh(checkpointer, self.phase.gan, self.config.seed)
        self.state = self.compiled.put_state(local(state))
        self.step = stop.step = int(self.state.step)
        check_step(self.step, self.experiment.steps)
        self.window = Window(self.phase.gan, progress.get("window"))
        self.grids = Grids(setup, where)
        self.evaluation: PeriodicEvaluation | None = None
        if self.config.evaluate.every:
            self.evaluation = PeriodicEvaluation(
                setup, where, progress.get("scores"), self.step, confirm=claim.confirm
            )
        # What a run without evaluation knows of earlier scores, it hands on.
        self.scores_before = progress.get("scores")
        self.unscored = bool(self.evaluation and progress.get("unscored"))

    def run(self) -> Trained:
        """Trains to the end or to an interruption."""
        first, last = self.step, self.experiment.steps
        self.claim.confirm()
        if self.main:
            workdir.create_or_resume(
                self.where.path,
                self.config,
                self.setup.data_info,
                steps_matter=self.experiment.ends_with_the_run,
            )
            write_json_atomically(self.where.environment, telemetry.environment())
            announce(self.setup, local(self.state.params), first)
        with (
            RunLog(self.where, first, enabled=self.main) as self.log,
            telemetry.ProgressBar(last, start=first, enabled=self.main) as self.bar,
        ):
            if first == 0:
                self._sample()
            if self.unscored:
                self._evaluate()
            # Compiled now, and not while somebody waits for the save.
            check_finite_params(first, local(self.state.params))
            self._train_phases()
            self._save()
            self.checkpointer.wait()
            self.claim.confirm()
            if self.evaluation:
                self.evaluation.close()
            # Plots take seconds, and one that asks a run to stop is waiting.
            if self.step == last or not self.stop.signum:
                self.log.plot(wait=True)
        return Trained(self.step, self.step == last or self._stopped_early())

    def _train_phases(self) -> None:
        """All phases from the one that the run stands in."""
        feed = self.setup.feed(self.phase)
        resident = self.compiled.put_state(feed.resident_data())
        while self.step < self.experiment.steps and not self._is_over():
            index = self.experiment.index(self.step)
            start = self.experiment.starts[index]
            self._choose(self.experiment.phases[index])
            self._train_phase(start, start + self.phase.steps, resident)
        if self.main and self._stopped_early() and self.step < self.experiment.steps:
            announce_early_stop(self.step)

    def _choose(self, phase: core.Phase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self.compiled = compile_steps(self.setup, phase)
            self.window = Window(phase.gan, self.window.progress())

    def _enter(self) -> None:
        """Begins the phase, right before its first step: checkpoints until then are of before."""
        if self.phase.on_enter is not None:
            entered = jax.jit(self.phase.on_enter)(self.state)
            self.state = self.compiled.put_state(local(entered))

    def _train_phase(self, start: int, end: int, resident: PyTree) -> None:
        """The steps from here to the end of the phase, or to an interruption."""
        feed = self.setup.feed(self.phase, self.compiled.rows(self.phase.batch_size))
        clock = Clock(
            images_per_step=self.phase.examples_per_step, images_per_epoch=self.setup.epoch
        )
        pace = Pace(
            self.config.steps_per_call and self.events.call_size(self.config.steps_per_call)
        )
        calls = Calls(self.compiled, resident, what=self._what(), main=self.main)
        while self.step < end and not self._is_over():
            lengths = self.events.calls(self.step, end, pace.size)
            if pace.seconds_per_step is None:
                # The length of calls is open until one has been measured.
                lengths = itertools.islice(lengths, 1)
            with feed.chunks(lengths, self.experiment.examples_before) as chunks:
                for inputs in chunks:
                    if self._is_over():
                        break
                    if self.step == start:
                        self._enter()
                    self._call(inputs, calls, pace, clock)
        for call in calls.read():
            self._after_call(call, clock)

    def _what(self) -> str:
        """Names the step that is compiled."""
        phases = len(self.experiment.phases)
        index = self.experiment.index(self.step)
        return f"the step of phase {index + 1} of {phases}" if phases > 1 else "the step"

    def _call(self, inputs: PyTree, calls: Calls, pace: Pace, clock: Clock) -> None:
        """Sends a call, and reads the one before it, or both where the state is needed."""
        count = len(jax.tree.leaves(inputs)[0])
        self.stop.step = self.step + count
        self.state = calls.send(self.state, inputs, self.step, whole=pace.size)
        self.step += count
        late = pace.overlaps and not self._needs_state(self.step)
        for call in calls.read(keep=1 if late else 0):
            measured = pace.add(call.steps, call.seconds)
            if measured:
                pace.size = self.events.call_size(pace.size)
            self._after_call(call, clock)
            if measured and self.main and self.step < self.experiment.steps:
                announce_pace(pace, self.experiment.steps - self.step)
        if not late:
            self._use_state(clock)

    def _is_over(self) -> bool:
        return self.stop.requested() or self._stopped_early()

    def _stopped_early(self) -> bool:
        return self.evaluation is not None and self.evaluation.finished

    def _after_call(self, call: Call, clock: Clock) -> None:
        """Checks and logs the metrics of a call; the state may be of a later step."""
        self.window.add(call.first, call.metrics)
        step = call.first + call.steps
        clock.tick(step)
        self.claim.confirm()
        shown = {}
        if step % self.config.log_every == 0 or step == self.experiment.steps:
            shown = self._log(step, clock)
        self.bar.update(step, call.steps * self.phase.examples_per_step, shown)

    def _needs_state(self, step: int) -> bool:
        """Whether something is done after this step with the state, or the phase ends."""
        return step in self.sample_at or self._is_scored(step) or self._is_saved(step)

    def _is_scored(self, step: int) -> bool:
        return self.evaluation is not None and self.evaluation.due(step)

    def _is_saved(self, step: int) -> bool:
        every = self.config.checkpoint_every
        # The last step is saved and plotted by `run`, checkpoint or not.
        return every > 0 and step % every == 0 and step < self.experiment.steps

    def _use_state(self, clock: Clock) -> None:
        """What is due after the step of the state, all metrics until then having been read."""
        start = time.perf_counter()
        if self.step in self.sample_at:
            self._sample()
        if self._is_scored(self.step):
            self._evaluate()
        if self._is_saved(self.step):
            self._save()
            self.log.plot(wait=False)
        # The rates are of the steps alone.
        spent = time.perf_counter() - start
        clock.leave_out(spent)
        self.bar.leave_out(spent)

    def _log(self, step: int, clock: Clock) -> dict[str, float]:
        means = self.window.means()
        if not self.main:
            return means
        epoch = self.experiment.examples_before(step) / self.setup.epoch
        line = {"epoch": epoch, **means, **clock.rates(step)}
        if len(self.experiment.phases) > 1:
            line["phase"] = self.experiment.index(step - 1)
        self.log.write(step, line)
        return means

    def _evaluate(self) -> None:
        assert self.evaluation is not None
        check_finite_params(self.step, local(self.state.params))
        alone = jax.process_count() == 1
        scores = self.evaluation.evaluate(
            self.step, self.state, local(self.state), lambda: alone and self.stop.requested()
        )
        self.unscored = scores is None
        if self.main and scores:
            self.log.write(self.step, scores, score_protocol=self.evaluation.protocol_key)

    def _progress(self) -> dict[str, Any]:
        scores = self.evaluation.progress() if self.evaluation else self.scores_before
        progress = {"window": self.window.progress(), "scores": scores}
        # A run that was stopped while it was being scored begins with that.
        return {**progress, "unscored": True} if self.unscored else progress

    def _save(self) -> None:
        if self.step == 0:
            return  # A fresh start that was stopped before its first step leaves nothing behind.
        self.claim.confirm()
        check_finite_params(self.step, local(self.state.params))
        self.checkpointer.save(self.step, self.state, self._progress())

    def _sample(self) -> None:
        if self.main:
            for title, grid in self.grids.save(self.step, local(self.state.replace(key=None))):
                self.log.write_image(self.step, title, grid)
