"""Signals that ask a run to save and leave, and a second one that ends it at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from gan_jax import telemetry

# Ctrl-C, a batch system or `kill`, and a terminal that was closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Some programs pass a signal on that this process has had already (`timeout` signals its child and
# then the group): what comes within so many seconds after the answer is the same request.
_SAME_REQUEST = 0.2
_LEAVE_SECONDS = 2.0


class Interrupt:
    """A context manager under which the first signal asks for a clean stop, and says so at once.

    A second signal ends the process without saving, whatever it is doing: as after `kill -9`, the
    run then goes on from its last checkpoint. A closed terminal may send SIGHUP any number of
    times, so a second SIGHUP ends nothing. SIGHUP stays ignored where it is (`nohup`). Outside the
    main thread no signal is caught.

    Python runs a signal's handler once the main thread is back from what it called; compiling a
    step can take a minute. So a thread of its own reads the numbers of the signals as they come.

    Attributes:
      signum: The first signal that came, or None.
      step: The step at whose end the run would stop, for the answer.
      before_exit: Called, within two seconds, before a second signal ends the process.
    """

    def __init__(self, signals: tuple[int, ...] = SIGNALS):
        self._signals = signals
        self._old: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        self.signum: int | None = None
        self.step = 0
        self.before_exit: Callable[[], None] = lambda: None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is not threading.main_thread():
            return self
        reader, writer = self._pipe = os.pipe()
        os.set_blocking(writer, False)
        self._terminals = [fd for fd in (1, 2) if os.isatty(fd)]
        self._old_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(
            target=self._answer, args=(reader,), name="gan_jax.interrupt", daemon=True
        )
        self._thread.start()
        for signum in self._signals:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                self._old[signum] = signal.signal(signum, self._catch)
        return self

    def __exit__(self, *_) -> None:
        for signum, handler in self._old.items():
            signal.signal(signum, handler)
        if self._pipe is not None:
            reader, writer = self._pipe
            signal.set_wakeup_fd(self._old_writer)
            os.close(writer)  # The thread reads what is left, and ends.
            self._thread.join()
            os.close(reader)
        self._old, self._pipe = {}, None

    def _catch(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGHUP:
            self._leave_terminal()  # Here too: the thread may come after the next line of output.
        self.signum = self.signum or signum

    def _answer(self, reader: int) -> None:
        asked = False
        while number := os.read(reader, 1):
            signum = number[0]
            if signum not in self._signals:
                continue
            if not asked:
                asked = True
                if signum == signal.SIGHUP:
                    self._leave_terminal()
                saving = f"finishing step {self.step}, then saving; again to stop without saving"
                nothing = "stopping, with nothing to save yet; again to stop at once"
                telemetry.say(saving if self.step else nothing, file=sys.stderr)
                time.sleep(_SAME_REQUEST)
                if select.select([reader], [], [], 0)[0]:
                    os.read(reader, 1 << 16)
            elif signum != signal.SIGHUP:
                telemetry.say(
                    "stopped without saving; the same command goes on from the last checkpoint, if "
                    "there is one",
                    file=sys.stderr,
                )
                # It may wait for a file system that does not answer.
                leaving = threading.Thread(target=self._leave, daemon=True)
                leaving.start()
                leaving.join(_LEAVE_SECONDS)
                os._exit(128 + signum)

    def _leave(self) -> None:
        with contextlib.suppress(Exception):
            self.before_exit()

    def _leave_terminal(self) -> None:
        """Sends output nowhere where its terminal is gone: writing there would raise an error."""
        for fd in self._terminals:
            if not os.isatty(fd):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, fd)
                os.close(nowhere)

    def requested(self) -> bool:
        """Whether any process was asked to stop; all processes must call it at once."""
        mine = self.signum is not None
        if jax.process_count() == 1:
            return mine
        return bool(np.any(multihost_utils.process_allgather(np.asarray(mine))))
