"""The commit and the machine that a result was made with. Standard library only."""

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Of a processor, what decides how fast matrix products are.
FEATURES = ("avx", "avx2", "fma", "f16c", "avx_vnni", "asimd", "sve")
FEATURE_FAMILIES = ("avx512", "amx", "sve")
FLAGS = ("flags", "Features")  # on x86, on ARM


def conditions() -> dict[str, Any]:
    """Commit and machine."""
    status, cpuinfo = _git("status", "--porcelain"), _cpuinfo()
    return {
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": None if status is None else bool(status),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _processor(cpuinfo),
        "features": features(cpuinfo),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "platform": platform.platform(),
    }


def _git(*arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def _processor(cpuinfo: str) -> str:
    lines = cpuinfo.splitlines()
    named = (line.split(":")[1].strip() for line in lines if "model name" in line)
    return next(named, platform.processor())


def features(cpuinfo: str) -> list[str]:
    """The vector and matrix instructions that `/proc/cpuinfo` names, "avx512f" say."""
    named = (line.split(":")[1] for line in cpuinfo.splitlines() if line.startswith(FLAGS))
    return sorted(
        flag
        for flag in set(next(named, "").split())
        if flag in FEATURES or flag.startswith(FEATURE_FAMILIES)
    )
