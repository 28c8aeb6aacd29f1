"""Errors of checkpoints, each with a message of one line."""

import contextlib
import errno
import os
from collections.abc import Iterator


class CheckpointError(OSError):
    """A checkpoint that cannot be written, read or used; the message is one line for the user."""


class DamagedError(Exception):
    """Why one checkpoint cannot be trusted."""


@contextlib.contextmanager
def damaged_if_unreadable() -> Iterator[None]:
    """Raises whatever reading a checkpoint raises as ``DamagedError``."""
    try:
        yield
    except DamagedError:
        raise
    except Exception as error:
        # A damaged file can make Orbax raise anything; the checkpoint is to be passed over.
        raise DamagedError(reason(error)) from error


def reason(error: BaseException) -> str:
    """Returns why, in one line: the operating system's message, wherever in the chain that is."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower()
        seen = seen.__cause__ or seen.__context__
    text = " ".join(str(error).split())
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES):
        # TensorStore puts the operating system's message into the text of a ValueError.
        if os.strerror(number) in text:
            return os.strerror(number).lower()
    return f"{type(error).__name__}: {text[:200]}"
