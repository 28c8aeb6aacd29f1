"""How fast an extractor is. Standard library only: both sides of the comparison use it."""

import time
from collections.abc import Callable
from typing import Any

SPEED_BATCH = 16
_CALLS = 3


def best_speed(call: Callable[[], Any], images: int) -> dict[str, float]:
    """Times calls that end when their results are there, after one to warm up.

    Args:
      call: extracts from a batch.
      images: images in the batch.

    Returns:
      Images per second of wall-clock time, and seconds of all processors per image, which other
      work on the machine disturbs less; each the best of three calls.
    """
    call()
    walls, processors = [], []
    for _ in range(_CALLS):
        wall, processor = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return {
        "batch_size": images,
        "images_per_second": images / min(walls),
        "processor_seconds_per_image": min(processors) / images,
    }
