"""One point of `scaling.py`, measured in this process: prints one line of JSON.

Its one argument is a `Point` as JSON; what is left out has its default.
"""

import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
# The configs belong to the checkout, not to the installed package.
sys.path.insert(0, str(HERE.parent))
IMAGE_SIZE = 16
CHUNK = 10_000


@dataclasses.dataclass(frozen=True)
class Point:
    """What to measure.

    Attributes:
      kind: "training" or "evaluation".
      batch_size: Real images in an update of training.
      width: Factor on the channels of DCGAN's second recipe, whose full width is 1.
      devices: CPU devices that share this machine's processors; the batch is divided over them.
      parallel: "jit" or "pmap", on several devices.
      images: Images of 16x16 of the data set, or generated images that are evaluated.
      placement: "device", the images resident, or "host", streamed from a memory-mapped file.
      rounds: Steps that are timed, after three that are not.
    """

    kind: str = "training"
    batch_size: int = 64
    width: float = 0.25
    devices: int = 1
    parallel: str = "jit"
    images: int = 4096
    placement: str = "device"
    rounds: int = 20


def memory_mapped_images(path: Path, count: int) -> np.ndarray:
    """Noise, uint8 [count, 16, 16, 3], in a file that is mapped and not read."""
    shape = (count, IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    random = np.random.default_rng(0)
    for start in range(0, count, CHUNK):
        block = images[start : start + CHUNK]
        block[:] = random.integers(0, 256, block.shape, np.uint8)
    images.flush()
    del images
    return np.load(path, mmap_mode="r")


def training(point: Point) -> dict[str, Any]:
    """Trains some steps as `--mode=train` does, reading the data as it does.

    Returns:
      milliseconds_per_step, of every step; megabytes that XLA plans for the step beside its
      arguments; megabytes of this process's memory after the steps, its own and that of mapped
      files; processors that it used on average while the steps were timed.
    """
    with tempfile.TemporaryDirectory() as folder:
        images = memory_mapped_images(Path(folder, "images.npy"), point.images)
        return _training(point, images)


def _training(point: Point, images: np.ndarray) -> dict[str, Any]:
    import jax

    from configs import dcgan_smoothed_cifar10
    from gan_jax import core, data
    from gan_jax.runs import setup as runs

    config = dcgan_smoothed_cifar10.get_config()
    config.model.width, config.batch_size = point.width, point.batch_size
    config.parallel, config.data.placement = point.parallel, point.placement
    config.log_every = 2**30  # No monitor is computed.
    # Its identity would be the hash of all it holds.
    dataset = data.Dataset({"image": images}, {}, "noise", "all", "0")
    setup = runs.set_up(config, streams={"data": dataset})
    phase = setup.experiment.phases[0]
    compiled = runs.compile_steps(setup, phase)
    feed = setup.feed(phase, compiled.rows(point.batch_size))
    state = compiled.put_state(core.start(phase.gan, 0))
    resident = compiled.put_state(feed.resident_data())
    milliseconds, program, cpu_seconds = [], None, 0.0
    calls = data.calls(0, 3 + point.rounds, 1)
    with feed.chunks(calls, setup.experiment.examples_before) as chunks:
        for number, inputs in enumerate(chunks):
            start, cpu_start = time.perf_counter(), time.process_time()
            placed = compiled.put_inputs(inputs)
            if program is None:
                program = compiled.lower(state, placed, resident).compile()
            state, metrics = program(state, placed, resident)
            jax.block_until_ready((state, metrics))
            if number >= 3:
                milliseconds.append(1e3 * (time.perf_counter() - start))
                cpu_seconds += time.process_time() - cpu_start
    planned = program.memory_analysis()
    return {
        "milliseconds_per_step": milliseconds,
        "planned_megabytes": planned.temp_size_in_bytes / 1e6 if planned else None,
        "own_megabytes": megabytes("RssAnon"),
        "mapped_megabytes": megabytes("RssFile"),
        "processors_used": 1e3 * cpu_seconds / sum(milliseconds),
    }


def evaluation(point: Point) -> dict[str, Any]:
    """Generates, extracts and sums up: FID of some generated images against 512 real ones.

    Returns:
      seconds, without compilation; megabytes of the process's peak.
    """
    import evaluation_memory

    found = evaluation_memory.measure(point.images, ["fid"], 32)
    return {
        "seconds": found["seconds"],
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def megabytes(kind: str) -> float | None:
    """What this process holds: "RssAnon" of its own, "RssFile" of files; None but on Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(s.split()[1]) / 1e3 for s in lines if s.startswith(f"{kind}:")), None)


def measure(point: Point) -> dict[str, Any]:
    """The point's settings and what was measured."""
    found = {"training": training, "evaluation": evaluation}[point.kind](point)
    if steps := found.get("milliseconds_per_step"):
        found["median_milliseconds"] = statistics.median(steps)
    return {**dataclasses.asdict(point), **found}


if __name__ == "__main__":
    print(json.dumps(measure(Point(**json.loads(sys.argv[1])))))
