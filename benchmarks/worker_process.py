"""The comparison's end of a worker: starts the process, asks it, notices when it fails."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker_protocol import Settings


class WorkerError(RuntimeError):
    """A worker that could not start, failed, or died."""


class WorkerProcess:
    """A worker in a process of its own.

    Attributes:
      description: The worker's description of itself.
    """

    def __init__(self, command: Sequence[str], settings: Settings, log: Path | None = None):
        """Starts the worker and waits until its step is built.

        Args:
          command: Python and the worker's script.
          settings: What to measure.
          log: Where the worker's own messages go; None leaves them out.

        Raises:
          WorkerError: The worker could not be started or reported an error.
        """
        with open(log or os.devnull, "w") as messages:
            try:
                self._process = subprocess.Popen(
                    [*command, settings.to_json()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=messages,
                    text=True,
                    env=environment(settings),
                )
            except OSError as error:
                raise WorkerError(f"cannot run {command[0]}: {error.strerror}") from error
        self.description = self._answer("ready")

    def run(self, steps: int) -> dict[str, Any]:
        """Does some steps; returns the worker's answer.

        Raises:
          WorkerError: The step failed.
        """
        answer = self._ask({"command": "run", "steps": steps})
        return {key: answer[key] for key in ("seconds", "cpu_seconds", "losses")}

    def close(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # What killed the worker is in its answer or its exit status.
        return self._answer()

    def _answer(self, key: str | None = None) -> Any:
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self.close()
            raise WorkerError(f"the process ended with status {status}")
        answer = json.loads(line)
        if "error" in answer:
            self.close()
            raise WorkerError(answer["error"])
        return answer if key is None else answer[key]


# What holds each library to instructions that processors without AVX-512 have, too.
MAX_ISA_VARIABLES = {
    "avx2": {
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    }
}


def environment(settings: Settings) -> dict[str, str]:
    """The environment of the workers: the same threads and instructions, one GPU for all of them.

    Args:
      settings: Of the workers.
    """
    isa = dict(MAX_ISA_VARIABLES[settings.max_isa]) if settings.max_isa else {}
    if "XLA_FLAGS" in isa:
        isa["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {isa['XLA_FLAGS']}".strip()
    return {
        **os.environ,
        **isa,
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],
        "OMP_NUM_THREADS": str(settings.threads),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_PLATFORMS": settings.device,
    }
