"""The PyTorch side of `quality.py`: trains `torch_reference.py` and saves what it generates.

Takes one JSON argument, {"settings": ..., "steps": ..., "every": ..., "count": ..., "folder":
...}, and writes `step_00005000.npz`, ... with `images` uint8 [count, 32, 32, 3], each whole or not
at all.
Then prints one line of JSON with the seconds that training took, sampling left out.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch_reference import LATENT_DIM, Trainer
from torch_worker import configure
from worker_protocol import Settings


def sample(trainer: Trainer, count: int, seed: int = 0) -> np.ndarray:
    """Images of the trained generator, by its running statistics, uint8 [count, 32, 32, 3]."""
    random = torch.Generator().manual_seed(seed)
    trainer.generator.eval()
    pictures = []
    with torch.no_grad():
        for start in range(0, count, 256):
            shape = (min(256, count - start), LATENT_DIM)
            noise = torch.randn(shape, generator=random).to(trainer.device)
            images = trainer.generator(noise).float().permute(0, 2, 3, 1)
            pictures.append(((images + 1.0) * 127.5).round().clamp(0, 255).byte().cpu().numpy())
    trainer.generator.train()
    return np.concatenate(pictures)


def _save(folder: Path, step: int, images: np.ndarray) -> None:
    partial = folder / ".partial.npz"
    np.savez_compressed(partial, images=images)
    os.replace(partial, folder / f"step_{step:08d}.npz")


def main(request: dict) -> None:
    settings = Settings(**request["settings"])
    folder = Path(request["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    configure(settings)
    trainer = Trainer(settings)
    order = np.random.default_rng(settings.seed)
    seconds = 0.0
    for first in range(0, request["steps"], request["every"]):
        count = min(request["every"], request["steps"] - first)
        start = time.perf_counter()
        for _ in range(count):
            shape = (settings.critic_steps, settings.batch_size)
            indices = torch.from_numpy(order.integers(0, trainer.dataset_size, shape))
            losses = trainer.step(indices.to(trainer.device))
        if settings.device == "cuda":
            torch.cuda.synchronize()
        seconds += time.perf_counter() - start
        found = {name: float(loss) for name, loss in losses.items()}
        print(f"torch step {first + count}: {found}", file=sys.stderr, flush=True)
        _save(folder, first + count, sample(trainer, request["count"]))
    print(json.dumps({"seconds": seconds, "torch": torch.__version__}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
