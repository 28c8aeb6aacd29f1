"""Runs command lines of the program in processes that are forked from this one.

This process has imported all that the modes import and has started no JAX backend: a child can be
killed as a run is killed, and the next one does not spend seconds on imports. A line of JSON on
stdin holds the requests of children that run at once, a line on stdout how they ended;
`tests/toys/program.py` writes and reads them.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import threading
import traceback


class _Missing(importlib.abc.MetaPathFinder):
    """Hides TensorFlow, whose import takes longer than a toy's run."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


_find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "tensorflow" else _find_spec(name, *a)
sys.meta_path.insert(0, _Missing())

import jax  # noqa: E402
import matplotlib.pyplot  # noqa: E402, F401
import sklearn.datasets  # noqa: E402, F401

from gan_jax import metrics, telemetry  # noqa: E402
from gan_jax.cli import modes  # noqa: E402
from gan_jax.cli.main import main  # noqa: E402
from gan_jax.metrics import extractor  # noqa: E402
from gan_jax.modes.evaluate import run as _evaluate  # noqa: E402, F401
from gan_jax.modes.report import report_run  # noqa: E402, F401
from gan_jax.modes.sample import run as _sample  # noqa: E402, F401
from gan_jax.modes.train import loop  # noqa: E402, F401
from tests.toys import families, interruptions  # noqa: E402


def _toy_extractor(weights=None):
    """Means of an image's quarters."""

    def apply(params, images):
        x = images.astype("float32") / 127.5 - 1.0
        x = jax.image.resize(x, (len(x), 2, 2, 3), "linear").reshape(len(x), 12)
        return x, x

    return metrics.Extractor("toy", "Toy", 2, "bilinear to 2", 12, 12, "0" * 64, {}, apply)


def _child(request):
    for descriptor, path in ((1, request["out"]), (2, request["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    jax.config.update("jax_num_cpu_devices", request["devices"])
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", request["compiled"])
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # An entry is written in place: a process that may be killed meanwhile, or has others beside it
    # that would read the half of it, writes none.
    least = 0.0 if request["keeps_compiled"] else 1e9
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
    if not request["plots"]:
        telemetry.plots.plot_curves = lambda *_: None
    if request["activity"]:
        interruptions.record(request["activity"])
    if request["place"]:
        interruptions.interrupt(request["place"], signal.Signals(request["signal"]))
    return next(filter(None, (main(["main.py", *line]) for line in request["lines"])), 0)


def _fork(request):
    """Starts a child."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = _child(request)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return pid


def _wait(pid, seconds):
    """A child's exit status, or minus the signal that killed it: after so many seconds, SIGKILL."""
    if seconds is not None:
        # Not by a timer: a thread of this process would be missing in the next child.
        signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, seconds)
    _, status = os.waitpid(pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return os.waitstatus_to_exitcode(status)


def _serve():
    families.register()
    # Every key of a config is checked, so those that its base names stay known.
    extractor.EXTRACTORS = {**extractor.EXTRACTORS, "toy": _toy_extractor}
    metrics.EXTRACTORS = extractor.EXTRACTORS
    modes.load()
    assert threading.active_count() == 1, "a child would wait for locks of threads it has not"
    for line in sys.stdin:
        requests = json.loads(line)
        pids = [_fork(request) for request in requests]
        seconds = [request["seconds"] for request in requests]
        print(json.dumps([_wait(*each) for each in zip(pids, seconds, strict=True)]), flush=True)


if __name__ == "__main__":
    _serve()
