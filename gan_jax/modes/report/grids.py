"""Grids over training, under a slider for each sampler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax.images import flattened, open_image
from gan_jax.modes.report.encoding import encode, spread
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.markup import Markup, element, join, note, remark
from gan_jax.modes.report.page import Page

# With base64's third more, plotly and the text: a page below ten million bytes.
GRID_BYTES = 1_800_000
MAX_GRIDS = 40


def grids(page: Page, run: Run) -> None:
    """Adds the grids of fixed inputs over training, a slider for each sampler."""
    parts = []
    for name, found in run.grids.items():
        heading = element("h3", name or "first sampler") if len(run.grids) > 1 else None
        parts.append(join(heading, _slider(page, name, found, GRID_BYTES // len(run.grids))))
    if not parts:
        page.section("Grids over training", note("No grids: samples/ holds none yet."))
        return
    text = "The same inputs at every step: what changes are the networks alone."
    page.section("Grids over training", element("p", text), parts)


def _slider(page: Page, name: str, found: Sequence[tuple[int, Path]], max_bytes: int) -> Markup:
    steps, images, broken = read_grids(found)
    unread = f"{broken} of the images in samples/ could not be read. " if broken else ""
    if not images:
        return note(f"{unread}No grids: samples/ holds none that can be read.")
    encoded = encode(images, max_bytes=max_bytes, thin=True, at_most=MAX_GRIDS)
    labels = [f"step {steps[i]:,}" for i in encoded.indices]
    height, width = images[-1].shape[:2]
    alt = f"Grid of generated images of fixed inputs{f', sampler {name}' if name else ''}"
    sizes = ""
    if len({image.shape[:2] for image in images}) > 1:
        sizes = "All are shown at one size; the images of earlier phases have fewer pixels. "
    return join(
        page.slider(encoded, labels, alt=alt, ratio=f"{width} / {height}"),
        remark(unread + sizes + encoded.note),
    )


def read_grids(
    found: Sequence[tuple[int, Path]], *, last: bool = False
) -> tuple[list[int], list[np.ndarray], int]:
    """Reads the grids of a sampler, thinned evenly to `MAX_GRIDS` where there are more.

    Args:
      found: (step, PNG), in order.
      last: Whether to stop at the newest that can be read.

    Returns:
      Steps, images uint8 [H, W] or [H, W, 3], and how many could not be read.
    """
    # Hundreds of large grids would not fit into memory either.
    chosen = [found[i] for i in spread(len(found), MAX_GRIDS)]
    if last:
        chosen = list(found[::-1])
    steps, images, broken = [], [], 0
    for step, path in chosen:
        try:
            with open_image(path, follow=False) as image:
                images.append(np.asarray(flattened(image)))
            steps.append(step)
        except Exception:  # Pillow's plug-ins raise what they like on damaged files
            broken += 1
            continue
        if last:
            break
    return steps, images, broken
