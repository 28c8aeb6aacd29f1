"""The training loop: feeds the compiled steps, and looks after everything around them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax import core, sampling, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.files import write_json_atomically
from gan_jax.modes.train import events
from gan_jax.modes.train.interrupt import Interrupt
from gan_jax.modes.train.intervals import Clock, Window
from gan_jax.modes.train.periodic_evaluation import Scorekeeper
from gan_jax.modes.train.periodic_evaluation import check as check_evaluation
from gan_jax.runs import workdir
from gan_jax.runs.setup import Setup, compile_steps, set_up

PyTree = Any


@jax.jit
def _finite(params: PyTree) -> dict[str, jax.Array]:
    """Whether all parameters are finite, {network: bool}."""
    return {
        network: jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))
        for network, tree in params.items()
    }


def local(tree: PyTree) -> PyTree:
    """This process's copy of arrays that are whole on every device."""
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, jax.Array) else x, tree)


def train(config: ConfigDict, path: str, *, interrupt: Interrupt | None = None) -> int:
    """Trains the experiment of `config` in the folder `path`, or goes on where it stopped.

    Args:
      config: The experiment.
      path: The workdir.
      interrupt: Tells the loop to stop; SIGTERM and Ctrl-C by default.

    Returns:
      The number of finished steps: `config.steps`, or fewer where the run was interrupted.

    Raises:
      ValueError: In one line: a config that cannot be, a folder that holds another experiment.
      OSError: If data cannot be had or a file cannot be written.
      NonFiniteLossError: If a loss is not finite.
      CheckpointError: If no checkpoint can be read, or one cannot be written.
    """
    _check_numbers(config)
    workdir.check(path, config)
    setup = set_up(config)
    where = workdir.Workdir(Path(path))
    with (
        Checkpointer(where.checkpoints, keep=config.keep_checkpoints) as checkpointer,
        interrupt or Interrupt() as stop,
    ):
        return _Loop(setup, where, checkpointer).run(stop)


class _Loop:
    """One run of the loop, from a start or a checkpoint to the end or an interruption."""

    def __init__(self, setup: Setup, where: workdir.Workdir, checkpointer: Checkpointer):
        self.setup, self.where, self.checkpointer = setup, where, checkpointer
        self.config, self.gan = setup.config, setup.experiment[0].gan
        self.main = jax.process_index() == 0
        self.per_call, self.sample_at = self._events()
        self.compiled = compile_steps(setup)
        self.state, progress = self._start()
        self.step = int(self.state.step)
        self.window = Window(self.gan, progress.get("window"))
        self.metrics = telemetry.MetricsLog(where.metrics) if self.main else None
        self.grids = self._fixed_grid() if self.main else None
        self.scorekeeper = None
        if self.config.evaluate.every:
            self.scorekeeper = Scorekeeper(setup, where, progress.get("scores"), self.step)
        # What a run without evaluation knows of earlier scores, it hands on.
        self.scores_before = progress.get("scores")
        self.unscored = bool(self.scorekeeper and progress.get("unscored"))

    def _events(self) -> tuple[int, frozenset[int]]:
        config, feed = self.config, self.setup.feed
        per_call = events.steps_per_call(
            config.steps_per_call or (10 if jax.default_backend() == "cpu" else 50),
            (
                config.steps,
                config.log_every,
                config.sample_every,
                config.checkpoint_every,
                config.evaluate.every,
            ),
        )
        return per_call, events.sample_steps(
            config.steps,
            config.sample_every,
            config.sample_epochs,
            images_per_step=feed.images_per_step,
            images_per_epoch=len(feed.dataset),
            steps_per_call=per_call,
        )

    def _fixed_grid(self) -> sampling.FixedGrid:
        return sampling.FixedGrid(
            self.gan.samplers["generator"],
            self.where.grid,
            seed=self.config.seed,
            # More rows than this are no longer looked at.
            classes=self.setup.image_classes[:20],
            class_names=self.setup.dataset.class_names,
        )

    def _start(self) -> tuple[core.GanState, dict[str, Any]]:
        """The newest state that can be read, or a fresh one, on the devices."""
        seed = self.config.seed
        if self.checkpointer.latest_step() is None:
            state, progress = core.start(self.gan, seed), {}
        else:
            template = jax.eval_shape(lambda: core.init_state(self.gan, seed))
            _, state, progress, warnings = self.checkpointer.restore(template)
            for warning in warnings:
                telemetry.say(f"warning: {warning}")
        return self.compiled.put_state(local(state)), progress

    def run(self, stop: Interrupt) -> int:
        config, first = self.config, self.step
        if first > config.steps:
            raise ValueError(
                f"the run is at step {first} already, beyond config.steps={config.steps}: "
                "raise config.steps to train on"
            )
        if self.main:
            workdir.claim(self.where.path, config, self.setup.data_info)
            write_json_atomically(self.where.environment, telemetry.environment())
        self._announce(first)
        resident = self.compiled.put_state(self.setup.feed.resident_data())
        if self.main:
            self.metrics.truncate_after(first)
        clock = Clock(
            images_per_step=self.setup.feed.images_per_step,
            images_per_epoch=len(self.setup.dataset),
        )
        with (
            telemetry.TensorBoard(self.where.path, start=first, enabled=self.main) as self.board,
            telemetry.ProgressBar(config.steps, start=first, enabled=self.main) as self.bar,
            self.setup.feed.chunks(first, config.steps, self.per_call) as chunks,
        ):
            if first == 0:
                self._sample()
            if self.unscored:
                self._score(stop)
            for inputs in chunks:
                if stop.requested() or self._turned():
                    break
                self.state, metrics = self.compiled.run(
                    self.state, self.compiled.put_inputs(inputs), resident
                )
                self._after_call(jax.device_get(local(metrics)), clock, stop)
            self._save()
            self.checkpointer.wait()
            if self.scorekeeper:
                self.scorekeeper.close()
        if self.main:
            self._plot()
        return self.step

    def _turned(self) -> bool:
        if self.scorekeeper is None or not self.scorekeeper.finished:
            return False
        if self.main:
            telemetry.say(
                f"stopped after step {self.step}, because the score has turned; "
                "config.evaluate.stop=False trains on"
            )
        return True

    def _after_call(self, metrics, clock: Clock, stop: Interrupt) -> None:
        config = self.config
        steps = self.window.add(self.step, metrics)
        self.step += steps
        clock.tick(self.step)
        shown = {}
        if self.step % config.log_every == 0 or self.step == config.steps:
            shown = self._log(clock)
        self.bar.update(self.step, steps * self.setup.feed.images_per_step, shown)
        start = time.perf_counter()
        if self.step in self.sample_at:
            self._sample()
        if self.scorekeeper and self.scorekeeper.due(self.step):
            self._score(stop)
        # The last step is saved and plotted by `run`, checkpoint or not.
        due = config.checkpoint_every > 0 and self.step % config.checkpoint_every == 0
        if due and self.step < config.steps:
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
        epoch = self.step * self.setup.feed.images_per_step / len(self.setup.dataset)
        line = {"epoch": epoch, **means, **clock.rates(self.step)}
        self.metrics.write(self.step, line)
        self.board.write_scalars(self.step, line)
        return means

    def _score(self, stop: Interrupt) -> None:
        self._check_finite()
        alone = jax.process_count() == 1
        scores = self.scorekeeper.score(
            self.step, self.state, local(self.state), lambda: alone and stop.requested()
        )
        self.unscored = scores is None
        if self.main and scores:
            key = {"score_protocol": self.scorekeeper.protocol_key}
            self.metrics.write(self.step, {**scores, **key})
            self.board.write_scalars(self.step, scores)

    def _progress(self) -> dict[str, Any]:
        scores = self.scorekeeper.progress() if self.scorekeeper else self.scores_before
        progress = {"window": self.window.progress(), "scores": scores}
        # A run that was told to leave while it was being scored begins with that.
        return {**progress, "unscored": True} if self.unscored else progress

    def _save(self) -> None:
        self._check_finite()
        self.checkpointer.save(self.step, self.state, self._progress())

    def _check_finite(self) -> None:
        # A finite loss can have a gradient that is not: what it made of the parameters is not kept.
        for network, finite in jax.device_get(local(_finite(self.state.params))).items():
            if not finite:
                raise telemetry.NonFiniteLossError(
                    f"step {self.step}: the parameters of {network} are not finite, and are not "
                    "saved; try a lower learning rate or gradient clipping"
                )

    def _sample(self) -> None:
        if self.main:
            self.board.write_image(
                self.step, "samples", self.grids.save(local(self.state.replace(key=None)))
            )

    def _plot(self) -> None:
        metrics = telemetry.read_metrics(self.where.metrics)
        if metrics:
            telemetry.plot_losses(metrics, self.where.plots / "losses.png")
            telemetry.plot_probabilities(metrics, self.where.plots / "probabilities.png")

    def _announce(self, first: int) -> None:
        if not self.main:
            return
        config, feed = self.config, self.setup.feed
        shape = "x".join(str(n) for n in self.setup.dataset.images.shape[1:])
        telemetry.say(telemetry.parameter_table(local(self.state.params)))
        telemetry.say(
            f"{config.family} on {config.data.name}: {len(self.setup.dataset):,} images {shape}, "
            f"{'on the device' if feed.resident else 'streamed'}; batch {config.batch_size}, "
            f"{jax.device_count()} {jax.devices()[0].platform} device(s), {config.parallel}, "
            f"{config.precision}, {self.per_call} steps a call"
        )
        if first == config.steps:
            telemetry.say(f"all {first} steps are done; raise config.steps to train on")
        elif first:
            telemetry.say(f"going on at step {first} of {config.steps}")


def _check_numbers(config: ConfigDict) -> None:
    lowest = {"log_every": 1, "keep_checkpoints": 1}
    # 0 is never, or the default.
    lowest |= {"sample_every": 0, "checkpoint_every": 0, "steps_per_call": 0}
    for name, least in lowest.items():
        if config[name] < least:
            raise ValueError(f"config.{name} must be at least {least}, not {config[name]}")
    check_evaluation(config.evaluate)
    if not 0 <= config.seed < 2**32:
        raise ValueError(f"config.seed must be in 0..2**32 - 1, not {config.seed}")
