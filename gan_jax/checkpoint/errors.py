"""What can go wrong with a checkpoint, said in one line."""

import errno
import os


class CheckpointError(OSError):
    """A checkpoint that cannot be written, read or used; the message is one line for the user."""


class DamagedError(Exception):
    """Why one checkpoint cannot be trusted."""


def reason(error: BaseException) -> str:
    """Returns why, in one line: what the operating system said wherever that is in the chain."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower()
        seen = seen.__cause__ or seen.__context__
    text = " ".join(str(error).split())
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES):
        # TensorStore puts the operating system's words into the text of a ValueError.
        if os.strerror(number) in text:
            return os.strerror(number).lower()
    return f"{type(error).__name__}: {text[:200]}"
