"""Progress: a bar on a terminal, a plain line every so often elsewhere."""

import collections
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

_WINDOW = 20  # Updates that the rates are measured over.
_WIDTH = 80  # Columns of a terminal that does not say how many it has.
_BAR = 10  # Columns that the bar itself takes at least.


def say(text: str, *, file: IO[str] | None = None) -> None:
    """Prints a line without tearing a progress bar that is shown.

    Output that cannot be written (a closed terminal or pipe, a full disk) is dropped: it is no
    reason to lose a run.

    Args:
      text: The line.
      file: The file to print to; stdout by default.
    """
    import tqdm

    file = file or sys.stdout
    if file is not None:  # None where the process was started without a stdout.
        with contextlib.suppress(OSError):
            tqdm.tqdm.write(text, file=file)
            file.flush()


class ProgressBar:
    """Steps done, steps/s, images/s, time left and a few metrics.

    On a terminal this is one line that is rewritten again and again, as wide as the terminal;
    elsewhere (a file, a pipe, a batch system's log, TERM=dumb) it is a new plain line every
    ``interval`` seconds and one at the end. Output that cannot be written is dropped. Rates
    are those of the last updates of this process, so neither the compile nor the steps of an
    earlier run that was resumed count. A context manager; leaving it ends the bar.
    """

    def __init__(
        self,
        steps: int,
        *,
        start: int = 0,
        enabled: bool = True,
        interval: float = 10.0,
        file: IO[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Starts the clock.

        Args:
          steps: The step that the run ends at.
          start: The step it starts at, not 0 where it is resumed.
          enabled: Whether to show anything; only one process of several should.
          interval: Seconds between plain lines.
          file: The file to print to; stderr by default.
          clock: Returns the time in seconds.
        """
        self._steps, self._start, self._step = steps, start, start
        self._interval, self._clock = interval, clock
        self._file = file or sys.stderr
        # None where the process was started without a stderr.
        self._enabled = enabled and self._file is not None
        # (time, step, images so far); the first is the start of the process, compile included.
        self._seen = collections.deque([(clock(), start, 0)], maxlen=_WINDOW)
        self._updates = 0
        self._last_line = clock()
        self._postfix: dict[str, Any] = {}
        self._bar = None
        if self._enabled and self._file.isatty() and os.environ.get("TERM") != "dumb":
            import tqdm

            self._bar = tqdm.tqdm(
                total=steps,
                initial=start,
                file=self._file,
                bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}",
                ncols=self._columns(),
                postfix="compiling",
            )

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def update(self, step: int, images: int = 0, postfix: Mapping[str, Any] | None = None) -> None:
        """Tells how far the run is.

        Args:
          step: Steps done, those before ``start`` included.
          images: Real images that went into the steps since the last update.
          postfix: Metrics to show; those of the last update that had any stay until then.
        """
        now = self._clock()
        self._updates += 1
        if self._updates == 2:
            # From here on there is a span without the compile to measure.
            self._seen.popleft()
        self._seen.append((now, step, self._seen[-1][2] + images))
        self._step = step
        if postfix:
            self._postfix = dict(postfix)
        if not self._enabled:
            return
        with contextlib.suppress(OSError):
            self._show(now)

    def _show(self, now: float) -> None:
        if self._bar is not None:
            # "100%|" before the bar, "| 10/10, " after it.
            around = len(f"100%|| {self._steps}/{self._steps}, ") + _BAR
            self._bar.ncols = self._columns()
            self._bar.set_postfix_str(self.describe(self._bar.ncols - around), refresh=False)
            self._bar.update(self._step - self._bar.n)
        elif self._step >= self._steps or (
            self._updates > 1 and now - self._last_line >= self._interval
        ):
            self._last_line = now
            print(
                f"step {self._step}/{self._steps}, {self.describe()}", file=self._file, flush=True
            )

    def _columns(self) -> int:
        """Columns to use; the last one stays free, since some terminals would begin a new line."""
        width = 0
        with contextlib.suppress(OSError, ValueError):
            width = os.get_terminal_size(self._file.fileno()).columns
        return (width or _WIDTH) - 1

    def leave_out(self, seconds: float) -> None:
        """Does not count seconds since the last update in which no steps were taken."""
        self._seen = collections.deque(
            ((time + seconds, step, images) for time, step, images in self._seen), maxlen=_WINDOW
        )

    def rates(self) -> tuple[float, float]:
        """Returns (steps/s, images/s) over the last updates; 0 before the first."""
        (then, first, images_then), (now, last, images_now) = self._seen[0], self._seen[-1]
        seconds = now - then
        if seconds <= 0:
            return 0.0, 0.0
        return (last - first) / seconds, (images_now - images_then) / seconds

    def describe(self, width: int | None = None) -> str:
        """Returns the rates, the time left and the metrics in one line.

        Args:
          width: Characters at most, or what is least needed is left out; None for no bound.
        """
        steps_per_second, images_per_second = self.rates()
        if self._updates < 2:
            # Most of this span was the compile: it promises nothing about the steps to come.
            steps_per_second = images_per_second = 0.0
        parts = [f"{steps_per_second:.3g} steps/s"] if steps_per_second else ["compiling"]
        if steps_per_second and self._step < self._steps:
            parts.append(f"{duration((self._steps - self._step) / steps_per_second)} left")
        for name, value in self._postfix.items():
            shown = f"{float(value):.4g}" if isinstance(value, float) else str(value)
            parts.append(f"{name} {shown}")
        images = f"{images_per_second:,.0f} images/s"
        if images_per_second and _fits([*parts, images], width):
            parts.insert(1, images)
        while len(parts) > 1 and not _fits(parts, width):
            parts.pop()
        return ", ".join(parts)

    def close(self) -> None:
        """Ends the bar; the last line stays."""
        if self._bar is not None:
            with contextlib.suppress(OSError):
                self._bar.close()
            self._bar = None


def _fits(parts: list[str], width: int | None) -> bool:
    return width is None or len(", ".join(parts)) <= width


def duration(seconds: float) -> str:
    """A number of seconds as "1:05", or as "2:01:05" from an hour on."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
