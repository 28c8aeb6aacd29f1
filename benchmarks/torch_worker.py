"""The PyTorch side of `compare.py`: serves the steps of `torch_reference.py`."""

import sys
import time

import worker_protocol
from worker_protocol import Settings, Worker


def configure(settings: Settings) -> None:
    """Sets PyTorch's threads and matrix-product precision.

    Raises:
      RuntimeError: There is no device of the kind asked for.
    """
    import torch

    torch.set_num_threads(settings.threads)
    if settings.device == "cuda":
        if not torch.cuda.is_available():
            raise RuntimeError(f"PyTorch {torch.__version__} finds no CUDA device")
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = settings.precision != "float32"
        torch.backends.cudnn.allow_tf32 = settings.precision != "float32"


def build(settings: Settings) -> Worker:
    """Makes the worker that runs the PyTorch step of these settings.

    Raises:
      RuntimeError: There is no device of the kind asked for.
    """
    import numpy as np
    import torch
    from torch_reference import Trainer

    configure(settings)
    trainer = Trainer(settings)
    generator = np.random.default_rng(settings.seed)

    def synchronize() -> None:
        if settings.device == "cuda":
            torch.cuda.synchronize()

    def run(steps: int) -> tuple[float, dict[str, float]]:
        shape = (steps, settings.critic_steps, settings.batch_size)
        batches = torch.from_numpy(generator.integers(0, trainer.dataset_size, shape))
        synchronize()
        start = time.perf_counter()
        for indices in batches.to(trainer.device):
            losses = trainer.step(indices)
        synchronize()
        seconds = time.perf_counter() - start
        return seconds, {name: float(loss) for name, loss in losses.items()}

    description = {
        "framework": "torch",
        "variant": settings.variant,
        "versions": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": sys.version.split()[0],
        },
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if settings.device == "cuda" else "cpu",
    }
    return Worker(description, run)


if __name__ == "__main__":
    sys.exit(worker_protocol.serve(build))
