"""What the comparison and its workers agree on: settings, and JSON lines over stdin and stdout.

Standard library only: the PyTorch worker runs in an environment without JAX, the JAX worker in one
without PyTorch, and neither needs the other's.

A worker is started with its `Settings` as one JSON argument. It builds its train step, answers with
one line `{"ready": {...}}`, and then answers each line that it reads:

    {"command": "run", "steps": 4}   ->  {"seconds": 1.2, "cpu_seconds": 2.3, "losses": {...}}
    {"command": "stop"}              ->  {"stopped": true}, and the process ends

`seconds` is wall-clock time from data on the device to updated parameters. `cpu_seconds` is what
the process took of all its processors meanwhile: on a CPU, where it is much below seconds times
threads, something else was using the machine. `losses` are those of the last step, {} if unknown.

Anything that goes wrong is answered by `{"error": "one line"}`, and the process ends with status 1.
Between commands a worker is blocked reading stdin and uses no processor time.
"""

import dataclasses
import importlib.util
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SYSTEMS = ("dcgan", "wgan_gp", "sngan")
NETWORKS = ("dcgan_4x4", "dcgan_8x8")  # of WGAN-GP; SNGAN's are "resnet"
MAX_ISAS = ("avx2",)
PRECISIONS = ("float32", "tf32", "bfloat16")
DEVICES = ("cpu", "cuda")
RANDOM_IMAGES = 50_000  # as many as CIFAR-10's training set


class TorchVariant(NamedTuple):
    """How PyTorch runs the step.

    Attributes:
      channels_last: Activations and kernels in the NHWC memory format.
      compile: The losses, and so their gradients, through `torch.compile`.
      cuda_graph: The whole step captured once and replayed as one CUDA graph.
      default_allocator: The C library's memory as PyTorch's users have it. The other variants keep
        freed memory as our runs do, which makes them faster on a CPU.
    """

    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    default_allocator: bool = False


TORCH_VARIANTS: Mapping[str, TorchVariant] = {
    "eager": TorchVariant(),
    "channels_last": TorchVariant(channels_last=True),
    "compile": TorchVariant(compile=True),
    "compile_channels_last": TorchVariant(channels_last=True, compile=True),
    "cuda_graphs": TorchVariant(cuda_graph=True),
    "cuda_graphs_channels_last": TorchVariant(channels_last=True, cuda_graph=True),
    "compile_cuda_graphs": TorchVariant(compile=True, cuda_graph=True),
    "compile_cuda_graphs_channels_last": TorchVariant(True, True, True),
    "eager_default_allocator": TorchVariant(default_allocator=True),
    "channels_last_default_allocator": TorchVariant(channels_last=True, default_allocator=True),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """One measurement, the same for both frameworks.

    Attributes:
      system: "dcgan", "wgan_gp" or "sngan".
      networks: "dcgan_4x4" (dense 4x4x512, 256, 128, 3 / 128, 256, 512), "dcgan_8x8"
        (dense 8x8x256, 128, 64, 3 / 64, 128) or "resnet" (three blocks of 256 / four of 128).
      variant: A key of `TORCH_VARIANTS`; the JAX worker has one way to run and ignores it.
      batch_size: Real images in one update.
      critic_steps: Updates of the discriminator or critic in one step.
      width: Factor on the channels of the hidden layers.
      precision: "float32" (on CUDA without TF32), "tf32" (CUDA only) or "bfloat16" (networks only;
        parameters, losses and penalties stay float32).
      device: "cpu" or "cuda".
      threads: Processors that the worker may use.
      max_isa: The most that the instructions of compiled code may be, "avx2"; None for whatever
        the processor has. See `worker_process.environment`.
      steps_per_call: Steps that JAX sends to the device at once. PyTorch has no such choice.
      data: "random", or the path of a `.npy` file of uint8 [N, 32, 32, 3].
      seed: Seed of parameters, noise, data order and random images.
    """

    system: str = "dcgan"
    networks: str = "dcgan_4x4"
    variant: str = "eager"
    batch_size: int = 64
    critic_steps: int = 1
    width: float = 1.0
    precision: str = "float32"
    device: str = "cpu"
    threads: int = 2
    max_isa: str | None = None
    steps_per_call: int = 2
    data: str = "random"
    seed: int = 0

    @property
    def has_default_allocator(self) -> bool:
        """Whether this is a variant of PyTorch without our setting of the C library's memory."""
        variant = TORCH_VARIANTS.get(self.variant)
        return variant is not None and variant.default_allocator

    def to_json(self) -> str:
        """The settings as one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The settings that `to_json` wrote."""
        return cls(**json.loads(text))


class Worker(NamedTuple):
    """A built train step.

    Attributes:
      description: What to write next to the numbers: framework, versions, device.
      run: Runs that many steps, blocks until the parameters are updated, and returns the seconds
        that took and the losses of the last step, if it knows them.
    """

    description: Mapping[str, Any]
    run: Callable[[int], tuple[float, Mapping[str, float]]]


def restrict_threads(threads: int) -> None:
    """Keeps this process on the first `threads` of its processors.

    XLA's CPU client sizes its thread pool by the processors it may run on and has no other knob, so
    both frameworks are held the same way. Call this before importing either.

    Raises:
      ValueError: There are not so many processors.
    """
    if not hasattr(os, "sched_setaffinity"):
        if threads != os.cpu_count():
            raise ValueError(f"this platform cannot hold a process to {threads} processors")
        return
    available = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(available):
        raise ValueError(f"{threads} threads asked for, this machine gives 1 to {len(available)}")
    os.sched_setaffinity(0, available[:threads])


def one_line(error: BaseException) -> str:
    """The kind of an exception and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _answer(worker: Worker, line: str) -> dict[str, Any]:
    request = json.loads(line)
    match request.get("command"):
        case "run":
            cpu_start = time.process_time()
            seconds, losses = worker.run(request["steps"])
            cpu_seconds = time.process_time() - cpu_start
            not_finite = [name for name, loss in losses.items() if not math.isfinite(loss)]
            if not_finite:
                raise FloatingPointError(f"the loss of {', '.join(not_finite)} is not finite")
            return {"seconds": seconds, "cpu_seconds": cpu_seconds, "losses": dict(losses)}
        case "stop":
            return {"stopped": True}
        case command:
            raise ValueError(f"unknown command {command!r}; commands are run and stop")


def keep_freed_memory() -> bool:
    """What gan_jax's command line does, for both frameworks: PyTorch gains by it too.

    Its file is loaded by itself, since PyTorch's environment need not hold gan_jax.
    """
    path = Path(__file__).resolve().parents[1] / "gan_jax" / "runs" / "allocator.py"
    spec = importlib.util.spec_from_file_location("allocator", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.keep_freed_memory()


def serve(build: Callable[[Settings], Worker]) -> int:
    """Builds the worker that the command line asks for and answers until asked to stop.

    What libraries print to stdout goes to stderr, so that it cannot mix with the answers.

    Args:
      build: Makes the worker. Framework imports belong inside it, after `restrict_threads`.

    Returns:
      The exit status: 0 after "stop" or the end of stdin, 1 after an error.
    """
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)

        def reply(message: Mapping[str, Any]) -> None:
            answers.write(json.dumps(message) + "\n")
            answers.flush()

        try:
            settings = Settings.from_json(sys.argv[1])
            restrict_threads(settings.threads)
            if not settings.has_default_allocator:
                keep_freed_memory()
            worker = build(settings)
            reply({"ready": dict(worker.description)})
            for line in sys.stdin:
                message = _answer(worker, line)
                reply(message)
                if "stopped" in message:
                    break
        except KeyboardInterrupt:
            return 1
        except Exception as error:  # Whatever it is the comparison must say.
            traceback.print_exc()
            reply({"error": one_line(error)})
            return 1
    return 0
