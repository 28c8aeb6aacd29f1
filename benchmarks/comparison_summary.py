"""Medians, paired ratios, the table and the JSON of a comparison. Pure, but for `write_json`."""

import json
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

JAX = "jax"

COUNTING = (
    "A step is critic_steps updates of the discriminator or critic and one of the generator. "
    "discriminator_images_per_s counts the real images that update the discriminator: "
    "batch_size x critic_steps per step. generator_images_per_s counts the images that update the "
    "generator: batch_size per step. Fake images of the discriminator's updates are not counted."
)


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median, the quartiles and the extremes of at least one number.

    Raises:
      ValueError: There are no values.
    """
    if not values:
        raise ValueError("no values to summarize")
    # Quartiles by interpolation between the values themselves, as NumPy's default.
    lower, upper = (
        statistics.quantiles(values, n=4, method="inclusive")[::2]
        if len(values) > 1
        else (values[0], values[0])
    )
    return {
        "median": statistics.median(values),
        "lower_quartile": lower,
        "upper_quartile": upper,
        "minimum": min(values),
        "maximum": max(values),
    }


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """The ratio of each round.

    Raises:
      ValueError: The lengths differ, or a denominator is not positive.
    """
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} rounds against {len(denominators)}")
    if any(value <= 0 for value in denominators):
        raise ValueError("a time must be positive")
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def rotation(names: Sequence[str], round_number: int) -> list[str]:
    """The order of one round: the names, begun one further in every round."""
    first = round_number % len(names)
    return [*names[first:], *names[:first]]


def summarize(
    seconds: Mapping[str, Sequence[float]], *, steps: int, batch_size: int, critic_steps: int
) -> dict[str, Any]:
    """Turns the raw timings of one system into its numbers.

    Args:
      seconds: For every variant, "jax" or a PyTorch variant, the seconds of each round. The rounds
        of all variants are paired: round i of one ran next to round i of the others.
      steps: Steps in a round.
      batch_size: Real images in an update.
      critic_steps: Updates of the discriminator in a step.

    Returns:
      `variants`: for each variant ms per step (median and spread), images per second at the median.
      `speedups`: for each PyTorch variant, PyTorch's time over JAX's time of the same round (median
      and spread); above 1 JAX is faster. `best_torch`: the PyTorch variant of the lowest median, or
      None. Speedups are empty where JAX or PyTorch did not run.
    """
    variants = {}
    for name, rounds in seconds.items():
        milliseconds = spread([1e3 * value / steps for value in rounds])
        steps_per_second = 1e3 / milliseconds["median"]
        variants[name] = {
            "ms_per_step": milliseconds,
            "discriminator_images_per_s": steps_per_second * batch_size * critic_steps,
            "generator_images_per_s": steps_per_second * batch_size,
        }
    torch_names = [name for name in seconds if name != JAX]
    speedups = {}
    if JAX in seconds:
        speedups = {
            name: spread(paired_ratios(seconds[name], seconds[JAX])) for name in torch_names
        }
    best = min(torch_names, key=lambda name: variants[name]["ms_per_step"]["median"], default=None)
    return {"variants": variants, "speedups": speedups, "best_torch": best}


def table(title: str, summary: Mapping[str, Any]) -> str:
    """The summary of one system, to read."""
    lines = [
        title,
        f"{'':<34}{'ms per step':>10}{'quartiles':>16}{'images/s':>10}"
        f"{'JAX is faster by':>18}{'quartiles':>14}",
    ]
    for name, numbers in summary["variants"].items():
        times = numbers["ms_per_step"]
        label = name if name == JAX else f"torch {name}"
        if name == summary["best_torch"]:
            label += " *"
        line = (
            f"{label:<34}{times['median']:>10.1f}"
            f"{_quartiles(times, '.1f'):>16}{numbers['discriminator_images_per_s']:>10.1f}"
        )
        if name in summary["speedups"]:
            ratio = summary["speedups"][name]
            line += f"{ratio['median']:>17.2f}x{_quartiles(ratio, '.2f'):>14}"
        lines.append(line)
    return "\n".join(lines)


def _quartiles(numbers: Mapping[str, float], form: str) -> str:
    return f"{numbers['lower_quartile']:{form}}-{numbers['upper_quartile']:{form}}"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes JSON so that a reader finds the old file or the new one, never a part of one.

    Raises:
      OSError: The file cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
