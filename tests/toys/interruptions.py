"""Signals that a process sends itself at a chosen place of the training loop.

SIGKILL ends it there as `kill -9` does: nothing is caught, flushed or finished.
"""

from __future__ import annotations

import os
import signal
import threading

from gan_jax.checkpoint import Checkpointer, files
from gan_jax.data import cache
from gan_jax.evaluation.feature_cache import Entry
from gan_jax.modes.train import grids, intervals, loop
from gan_jax.modes.train.periodic_evaluation import PeriodicEvaluation
from tests.toys import growing


def interrupt(place: str, signum: signal.Signals) -> None:
    """Lets this process send itself a signal.

    Args:
      place: `PLACE:STEP`, one of
        "step": the call that begins with this step has been computed, and nothing is kept of it;
        "sample": the grids of this step are next;
        "seal": the checkpoint of this step has all its files, but not yet its name;
        "entering": `on_enter` of the phase that begins with this step is being compiled (of the
          toy "growing");
        "entered": it has been applied, and the first step is next.
        Checkpoints of earlier steps are on disk then: a toy's steps would be faster than a write.
      signum: The signal.

    Raises:
      ValueError: If there is no such place.
    """
    name, _, number = place.partition(":")
    step, entering = int(number), []

    def send() -> None:
        if threading.current_thread() is threading.main_thread() and signum != signal.SIGKILL:
            signal.raise_signal(signum)  # Python's handler runs before this returns.
        else:
            os.kill(os.getpid(), signum)

    def send_before(owner, function, when):
        real = getattr(owner, function)

        def sending(*args, **kwargs):
            if when(*args, **kwargs):
                send()
            return real(*args, **kwargs)

        setattr(owner, function, sending)

    save, enter = Checkpointer.save, loop._Loop._enter

    def save_and_wait(checkpointer, *args):
        save(checkpointer, *args)
        checkpointer.wait()

    def enter_and_send(looping):
        entering.append(looping.step)
        enter(looping)
        if name == "entered" and looping.step == step:
            send()

    Checkpointer.save, loop._Loop._enter = save_and_wait, enter_and_send
    if name == "step":
        send_before(intervals.Window, "add", lambda self, first, metrics: first == step)
    elif name == "sample":
        send_before(grids.Grids, "save", lambda self, at, state: at == step)
    elif name == "seal":
        send_before(files, "seal", lambda folder: f"checkpoints/{step}." in str(folder))
    elif name == "entering":
        send_before(growing, "init_optimizers", lambda gan, params: entering[-1] == step)
    elif name != "entered":
        raise ValueError(f"no such place: {place}")


def record(path: str) -> None:
    """Keeps in a file what the main thread of this process is doing, for when it is killed."""
    file = open(path, "w", buffering=1)  # noqa: SIM115  # Open to the end of the process.

    def write(what):
        file.seek(0)
        file.write(f"{what:20}\n")

    def during(owner, function, what):
        real = getattr(owner, function)

        def recording(*args, **kwargs):
            before.append(what)
            write(what)
            try:
                return real(*args, **kwargs)
            finally:
                before.pop()
                write(before[-1])

        setattr(owner, function, recording)

    before = ["starting"]
    write("starting")
    during(loop._Loop, "_train_phase", "training")
    during(loop._Loop, "_sample", "sampling")
    during(PeriodicEvaluation, "evaluate", "evaluating")
    for owner, function, what in (
        (cache, "write", "caching"),
        (Entry, "write_features", "caching"),
        (Entry, "write_moments", "caching"),
        (Checkpointer, "save", "saving"),
        (Checkpointer, "wait", "saving"),
    ):
        during(owner, function, what)
