"""Images that a checkpoint generated, as sections: samples, interpolations, sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gan_jax.modes.report.encoding import Encoded, encode
from gan_jax.modes.report.markup import Markup, capitalized, element, note, remark
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.samples import Strips, Sweep

_SAMPLE_BYTES, _PATH_BYTES, _SWEEP_BYTES = 650_000, 350_000, 350_000
_PLAIN_COLUMNS = 6  # Of images that no row has a name for.
_SHARED_COLUMNS = 12


def samples(page: Page, found: Strips, *, of: str, checkpoint: str, why: str) -> None:
    """Adds generated images next to real ones or their sources.

    Args:
      page: The page.
      found: As `samples.samples`.
      of: What is added to the heading, as ": NAME".
      checkpoint: What generated them, as a sentence.
      why: Why there are no real images, as a sentence; empty where there are.
    """
    groups = [strip for row in found.rows for strip in row.strips]
    groups += [images for _, images in found.shared]
    encoded = encode([image for group in groups for image in group], max_bytes=_SAMPLE_BYTES)
    uris = _strips(encoded, groups)
    heading = "Generated"
    if found.heads[0] != "generated":
        heading = f"{capitalized(found.heads[0])} next to generated"
    page.section(
        heading + of,
        element("p", checkpoint),
        note(why) if why else None,
        element(
            "div",
            _cells(found, uris),
            class_=_kind(found),
            style=f"--heads: {len(found.heads)}",
        ),
        [
            element("div", element("h3", capitalized(caption)), strip, class_="shared")
            for caption, strip in _shared(found, uris)
        ],
        note(f"{found.hidden:,} more rows are not shown.") if found.hidden else None,
        remark(encoded.note),
    )


def _kind(found: Strips) -> str:
    """The classes of the box, by how many columns it has."""
    if found.kind:
        return "rows" if len(found.heads) > 1 else "rows paths"
    if len(found.rows[0].strips[0]) == 1:
        return "rows examples"
    return "rows plain" if len(found.heads) > 1 else "rows single"


def _cells(found: Strips, uris: Sequence[Sequence[str]]) -> list[Markup]:
    named = bool(found.kind)
    cells = [element("div", found.kind, class_="head")] if named else []
    cells += [element("div", head, class_="head") for head in found.heads]
    of_rows = iter(uris)
    for row in found.rows:
        if named:
            cells.append(element("div", row.name, class_="name"))
        of_row = f" of {row.name}" if row.name else ""
        for head in found.heads:
            strip = next(of_rows)
            kind = f"{head} image" if len(strip) == 1 else f"{len(strip)} {head} images"
            columns = None if named else min(_PLAIN_COLUMNS, len(strip))
            cells.append(_strip(strip, f"{kind}{of_row}", columns, head))
    return cells


def _shared(found: Strips, uris: Sequence[Sequence[str]]) -> list[tuple[str, Markup]]:
    captions = [caption for caption, _ in found.shared]
    own = uris[len(uris) - len(captions) :]
    return [
        (caption, _strip(strip, f"{len(strip)} {caption}", min(_SHARED_COLUMNS, len(strip))))
        for caption, strip in zip(captions, own, strict=True)
    ]


def interpolations(page: Page, found: Strips, *, of: str) -> None:
    """Adds interpolations between normal inputs; `of` as in `samples`."""
    groups = [row.strips[0] for row in found.rows]
    encoded = encode(list(np.concatenate(groups)), max_bytes=_PATH_BYTES)
    named = any(row.name for row in found.rows)
    cells: list[Markup] = []
    for row, uris in zip(found.rows, _strips(encoded, groups), strict=True):
        if named:
            cells.append(element("div", row.name, class_="name"))
        of_row = f" of {row.name}" if row.name else ""
        text = f"{len(uris)} images{of_row} from one input to another"
        cells.append(_strip(uris, text, len(uris)))
    page.section(
        f"Interpolations{of}",
        element(
            "p",
            "Each row goes along the great circle from one normal input, at the left, to another. "
            "Smooth changes suggest that more has been learned than single images.",
        ),
        element("div", cells, class_="rows paths" if named else "rows paths plain"),
        remark(encoded.note),
    )


def sweeps(page: Page, found: Sequence[Sweep], *, of: str) -> None:
    """Adds sweeps of single inputs; `of` as in `samples`."""
    groups = [row for sweep in found for row in sweep.rows]
    encoded = encode([image for group in groups for image in group], max_bytes=_SWEEP_BYTES)
    uris = iter(_strips(encoded, groups))
    boxes = []
    for sweep in found:
        text = f"{sweep.name}: {sweep.values}"
        strips = [_strip(strip, text, len(strip)) for strip in (next(uris) for _ in sweep.rows)]
        box = element("div", strips, class_="rows paths plain")
        boxes.append(element("div", element("h3", text), box, class_="shared"))
    page.section(
        f"Sweeps{of}",
        element("p", "Along each row one input goes through its values; all others stay."),
        boxes,
        remark(encoded.note),
    )


def _strip(uris: Sequence[str], text: str, columns: int | None, inside: str = "") -> Markup:
    return element(
        "div",
        element("span", inside, class_="inside") if inside else None,
        element(
            "div",
            [element("img", src=uri, alt="") for uri in uris],
            class_="strip",
            role="img",
            aria_label=text,
            style=f"--columns: {columns}" if columns else None,
        ),
    )


def _strips(encoded: Encoded, groups: Sequence[np.ndarray]) -> list[tuple[str, ...]]:
    """Divides the encoded images again into the groups they came from."""
    strips, start = [], 0
    for group in groups:
        strips.append(encoded.uris[start : start + len(group)])
        start += len(group)
    return strips
