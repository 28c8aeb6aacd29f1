"""The PyTorch side of `quality.py`: trains `torch_reference.py`, and samples from what it has kept.

Takes one JSON argument and prints one line of JSON:

    {"command": "train", "settings": {...}, "steps": 50000, "every": 5000, "window_steps": 100,
     "folder": ...}
        writes `generator_00005000.pt`, ..., each whole or not at all;
        {"windows": [{"step": 100, "steps_per_second": 12.3}, ...], "environment": {...}}
    {"command": "sample", "settings": {...}, "folder": ..., "step": 5000, "count": 10000,
     "output": ...}
        writes `images`, uint8 [count, 32, 32, 3], to the `.npz` `output`; {}

A window is timed from indices on the host to updated parameters; keeping the generator is no part
of it. A mistake, or a loss that is not finite, is one line on stderr and status 1.
"""

import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_reference import LATENT_DIM, Trainer, generator_network
from torch_worker import configure
from worker_protocol import Settings, one_line


def train(request: Mapping[str, Any]) -> dict[str, Any]:
    """Trains, keeps the generator every so many steps, and returns the rates of all windows.

    Raises:
      FloatingPointError: A loss is not finite.
      RuntimeError: There is no device of the kind asked for.
    """
    settings = Settings(**request["settings"])
    configure(settings)
    trainer = Trainer(settings)
    order = np.random.default_rng(settings.seed)
    size, windows = request["window_steps"], []
    for step in range(size, request["steps"] + 1, size):
        start = time.perf_counter()
        for _ in range(size):
            shape = (settings.critic_steps, settings.batch_size)
            indices = torch.from_numpy(order.integers(0, trainer.dataset_size, shape))
            losses = trainer.step(indices.to(trainer.device))
        # Waits for the device.
        found = {name: float(loss) for name, loss in losses.items()}
        windows.append({"step": step, "steps_per_second": size / (time.perf_counter() - start)})
        if not all(map(math.isfinite, found.values())):
            raise FloatingPointError(f"step {step}: a loss is not finite: {found}")
        if step % request["every"] == 0:
            print(f"torch step {step}: {found}", file=sys.stderr, flush=True)
            state = trainer.generator.state_dict()
            _write(_kept(request["folder"], step), lambda file, kept=state: torch.save(kept, file))
    return {"windows": windows, "environment": _environment(settings)}


def sample(request: Mapping[str, Any]) -> dict[str, Any]:
    """Draws images of a kept generator, by its running statistics and in its precision.

    Raises:
      OSError: There is no such generator, or its images cannot be written.
    """
    settings = Settings(**request["settings"])
    configure(settings)
    generator = generator_network(settings.networks)
    state = torch.load(_kept(request["folder"], request["step"]), weights_only=True)
    generator.load_state_dict(state)
    images = generate(generator.to(settings.device).eval(), request["count"], settings)
    _write(Path(request["output"]), lambda file: np.savez_compressed(file, images=images))
    return {}


def generate(
    generator: torch.nn.Module, count: int, settings: Settings, *, seed: int = 0
) -> np.ndarray:
    """Images of a generator as the uint8 pixels of a file, [count, 32, 32, 3]."""
    random = torch.Generator().manual_seed(seed)
    half = settings.precision == "bfloat16"
    batches = []
    with torch.no_grad(), torch.autocast(settings.device, torch.bfloat16, enabled=half):
        for start in range(0, count, 256):
            shape = (min(256, count - start), LATENT_DIM)
            noise = torch.randn(shape, generator=random).to(settings.device)
            images = generator(noise).float().permute(0, 2, 3, 1)
            batches.append(((images + 1.0) * 127.5).round().clamp(0, 255).byte().cpu().numpy())
    return np.concatenate(batches)


def _kept(folder: str, step: int) -> Path:
    return Path(folder) / f"generator_{step:08d}.pt"


def _write(path: Path, save: Callable[[Any], None]) -> None:
    """Writes a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            save(file)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _environment(settings: Settings) -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if settings.device == "cuda" else "cpu",
    }


def main(request: Mapping[str, Any]) -> int:
    """Does what is asked for; returns the exit status."""
    try:
        answer = {"train": train, "sample": sample}[request["command"]](request)
    except (FloatingPointError, OSError, RuntimeError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
