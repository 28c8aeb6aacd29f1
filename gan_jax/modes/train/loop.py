"""The training loop: feeds the compiled steps, logs, samples, evaluates and saves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax import core, data, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.files import write_json_atomically
from gan_jax.modes.train import events
from gan_jax.modes.train.announcement import announce, announce_early_stop, announce_pace
from gan_jax.modes.train.checks import check_finite_params, check_step
from gan_jax.modes.train.grids import Grids
from gan_jax.modes.train.interrupt import Interrupt
from gan_jax.modes.train.intervals import Clock, Window
from gan_jax.modes.train.pace import MOST, Pace, local, run_call
from gan_jax.modes.train.periodic_evaluation import PeriodicEvaluation
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
        self.per_call, self.sample_at = self._events()
        self.phase = self.experiment.phases[0]
        self.compiled = compile_steps(setup, self.phase)
        state, progress = newest_or_fresh(checkpointer, self.phase.gan, self.config.seed)
        self.state = self.compiled.put_state(local(state))
        self.step = stop.step = int(self.state.step)
        check_step(self.step, self.experiment.steps)
        self.window = Window(self.phase.gan, progress.get("window"))
        self.metrics, self.grids = telemetry.MetricsLog(where.metrics), Grids(setup, where)
        self.evaluation: PeriodicEvaluation | None = None
        if self.config.evaluate.every:
            self.evaluation = PeriodicEvaluation(
                setup, where, progress.get("scores"), self.step, confirm=claim.confirm
            )
        # What a run without evaluation knows of earlier scores, it hands on.
        self.scores_before = progress.get("scores")
        self.unscored = bool(self.evaluation and progress.get("unscored"))

    def _events(self) -> tuple[int, frozenset[int]]:
        config = self.config
        # The run's length is not among them: the last call may be shorter.
        per_call = events.steps_per_call(
            config.steps_per_call or MOST,
            (
                config.log_every,
                config.sample_every,
                config.checkpoint_every,
                config.evaluate.every,
            ),
        )
        return per_call, events.sample_steps(
            self.experiment,
            every=config.sample_every,
            epochs=config.sample_epochs,
            examples_per_epoch=self.setup.epoch,
            steps_per_call=per_call,
        )

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
            self.metrics.truncate_after(first)
            announce(self.setup, local(self.state.params), first)
        with (
            telemetry.TensorBoard(self.where.path, start=first, enabled=self.main) as self.board,
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
        # Curves take seconds, and one that asks a run to stop is waiting.
        if self.main and (self.step == last or not self.stop.signum):
            self._plot()
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
        pace = Pace(self.per_call, fixed=self.config.steps_per_call > 0)
        if self.main:
            telemetry.say("compiling the step; this takes from some seconds to minutes")
        while self.step < end and not self._is_over():
            # The length of calls is open until one has been measured.
            stop = end if pace.seconds_per_step else min(end, pace.end_of_call(self.step))
            calls = data.calls(self.step, stop, pace.size)
            with feed.chunks(calls, self.experiment.examples_before) as chunks:
                for inputs in chunks:
                    if self._is_over():
                        return
                    if self.step == start:
                        self._enter()
                    self._call(inputs, resident, pace, clock)

    def _call(self, inputs: PyTree, resident: PyTree, pace: Pace, clock: Clock) -> None:
        count = len(jax.tree.leaves(inputs)[0])
        self.stop.step = self.step + count
        start = time.perf_counter()
        self.state, metrics = run_call(self.compiled, self.state, inputs, resident)
        measured = pace.add(count, time.perf_counter() - start)
        self._after_call(metrics, clock)
        if measured and self.main and self.step < self.experiment.steps:
            announce_pace(pace, self.experiment.steps - self.step)

    def _is_over(self) -> bool:
        return self.stop.requested() or self._stopped_early()

    def _stopped_early(self) -> bool:
        return self.evaluation is not None and self.evaluation.finished

    def _after_call(self, metrics: PyTree, clock: Clock) -> None:
        config, last = self.config, self.experiment.steps
        steps = self.window.add(self.step, metrics)
        self.step += steps
        clock.tick(self.step)
        self.claim.confirm()
        shown = {}
        if self.step % config.log_every == 0 or self.step == last:
            shown = self._log(clock)
        self.bar.update(self.step, steps * self.phase.examples_per_step, shown)
        start = time.perf_counter()
        if self.step in self.sample_at:
            self._sample()
        if self.evaluation and self.evaluation.due(self.step):
            self._evaluate()
        # The last step is saved and plotted by `run`, checkpoint or not.
        due = config.checkpoint_every > 0 and self.step % config.checkpoint_every == 0
        if due and self.step < last:
            self._save()
            if self.main:
                self._plot()
        # The rates are of the steps alone.
        spent = time.perf_counter() - start
        clock.leave_out(spent)
        self.bar.leave_out(spent)

    def _log(self, clock: Clock) -> dict[str, float]:
        means = self.window.means()
        if not self.main:
            return means
        epoch = self.experiment.examples_before(self.step) / self.setup.epoch
        line = {"epoch": epoch, **means, **clock.rates(self.step)}
        if len(self.experiment.phases) > 1:
            line["phase"] = self.experiment.index(self.step - 1)
        self.metrics.write(self.step, line)
        self.board.write_scalars(self.step, line)
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
            key = {"score_protocol": self.evaluation.protocol_key}
            self.metrics.write(self.step, {**scores, **key})
            self.board.write_scalars(self.step, scores)

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
                self.board.write_image(self.step, title, grid)

    def _plot(self) -> None:
        telemetry.plot_groups(telemetry.read_metrics(self.where.metrics), self.where.plots)
