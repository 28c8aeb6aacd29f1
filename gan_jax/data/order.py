"""Which examples a step sees: a function of the seed and of their number alone."""

import functools
import hashlib

import numpy as np

# The stream of a run that has only one.
MAIN_STREAM = "data"


# A run goes through the epochs in order, and a range of examples may straddle two of them, of
# every stream; the entries are values of a pure function, so the cache cannot change a result.
@functools.lru_cache(maxsize=8)
def _epoch_permutation(size: int, key: int, epoch: int) -> np.ndarray:
    # NumPy promises that a bit generator's raw stream never changes, and promises nothing of
    # the kind for Generator.permutation; a stable sort makes the order exact even for ties.
    bits = np.random.Philox(key=np.array([key, epoch], np.uint64)).random_raw(size)
    permutation = np.argsort(bits, kind="stable").astype(np.int32)
    permutation.flags.writeable = False
    return permutation


def index_examples(
    size: int, *, seed: int, start: int, count: int, stream: str = MAIN_STREAM
) -> np.ndarray:
    """Returns a range of the examples of an endless shuffled pass over the data.

    The examples of all epochs are laid end to end, each epoch a permutation that is a pure
    function of (seed, stream, epoch). Batches are cut from them: so a batch may straddle two
    epochs, none is dropped, and what a step sees depends on the number of examples before it
    alone, however the steps are grouped, whatever sizes the batches had, and wherever a run was
    resumed. The permutations come from the raw Philox-4x64 stream (Salmon et al., 2011, "Parallel
    Random Numbers: As Easy as 1, 2, 3"), which NumPy keeps the same for all of its versions.

    Args:
      size: number of examples of the data set, 1 to 2**31 - 1.
      seed: 0 to 2**64 - 1.
      start: number of examples before the range, at least 0.
      count: number of examples, at least 0.
      stream: the name of the stream. Data sets under different names are in independent orders,
        so that two domains of one size are not paired.

    Returns:
      int32 [count], values in [0, size).

    Raises:
      ValueError: an argument out of its range.
    """
    if not 1 <= size < 2**31:
        raise ValueError(f"size must be in 1..2**31 - 1, is {size}")
    if start < 0 or count < 0:
        raise ValueError(f"start and count must not be negative, are {start} and {count}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be in 0..2**64 - 1, is {seed}")
    key = seed ^ _stream_number(stream)
    indices = np.empty(count, np.int32)
    filled = 0
    while filled < count:
        epoch, offset = divmod(start + filled, size)
        taken = _epoch_permutation(size, key, epoch)[offset : offset + count - filled]
        indices[filled : filled + len(taken)] = taken
        filled += len(taken)
    return indices


def _stream_number(stream: str) -> int:
    """64 bits of the name; 0 for the main stream."""
    if stream == MAIN_STREAM:
        return 0
    return int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "little")
