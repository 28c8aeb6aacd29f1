"""What the page shows in pictures: grids over training, samples, interpolations, neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gan_jax.modes.report import samples as samples_
from gan_jax.modes.report.charts import histogram_chart
from gan_jax.modes.report.encoding import Encoded, encode, spread
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.markup import Markup, element, join
from gan_jax.modes.report.neighbors import Match, Neighborhood
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.sections import note

# With base64's third more, plotly and the text: a page below ten million bytes.
GRID_BYTES = 1_800_000
_SAMPLE_BYTES, _PATH_BYTES, _MATCH_BYTES = 650_000, 350_000, 450_000
MAX_GRIDS = 40


def grids(page: Page, run: Run) -> None:
    """Adds the fixed-noise grids over training, under a slider."""
    steps, images, broken = read_grids(run)
    remark = f"{broken} of the pictures in samples/ could not be read. " if broken else ""
    if not images:
        page.section("Grids over training", note(f"{remark}No grids: samples/ holds none yet."))
        return
    encoded = encode(images, max_bytes=GRID_BYTES, thin=True, at_most=MAX_GRIDS)
    labels = [f"step {steps[i]:,}" for i in encoded.indices]
    page.section(
        "Grids over training",
        element("p", "The same latents at every step: what changes is the generator alone."),
        page.slider(encoded, labels, alt="Grid of generated pictures from fixed latents"),
        _remark(remark + encoded.note),
    )


def read_grids(run: Run, *, last: bool = False) -> tuple[list[int], list[np.ndarray], int]:
    """Reads the grids of a run, thinned evenly to `MAX_GRIDS` where there are more.

    Args:
      run: The run.
      last: Whether to stop at the newest that can be read.

    Returns:
      Steps, pictures uint8 [H, W] or [H, W, 3], and how many could not be read.
    """
    import PIL.Image

    # Hundreds of large grids would not fit into memory either.
    chosen = [run.grids[i] for i in spread(len(run.grids), MAX_GRIDS)] if run.grids else []
    if last:
        chosen = run.grids[::-1]
    steps, images, broken = [], [], 0
    for step, path in chosen:
        try:
            with PIL.Image.open(path) as image:
                mode = "L" if image.mode in ("1", "L") else "RGB"
                images.append(np.asarray(image.convert(mode)))
            steps.append(step)
        except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
            broken += 1
            continue
        if last:
            break
    return steps, images, broken


def samples(
    page: Page, rows: Sequence[samples_.Row], *, checkpoint: str, hidden: int, why: str
) -> None:
    """Adds real beside generated pictures.

    Args:
      page: The page.
      rows: As `samples.rows`.
      checkpoint: What drew them, as a sentence.
      hidden: How many classes are not among the rows.
      why: Why there are no real pictures, as a sentence; empty where there are.
    """
    groups = [group for row in rows for group in (row.real, row.generated)]
    encoded = encode(list(np.concatenate(groups)), max_bytes=_SAMPLE_BYTES)
    strips = _strips(encoded, groups)
    real = any(len(row.real) for row in rows)
    named = any(row.name for row in rows)
    columns = None if named else 6
    cells: list[Markup | None] = []
    if named:
        cells.append(element("div", "class", class_="head"))
    cells += [_head("real")] if real else []
    cells.append(_head("generated"))
    for row, of_real, generated in zip(rows, strips[::2], strips[1::2], strict=True):
        of_class = f" of {row.name}" if row.name else ""
        if named:
            cells.append(element("div", row.name, class_="name"))
        if real:
            cells.append(
                _strip(of_real, f"{len(of_real)} real pictures{of_class}", columns, "real")
            )
        text = f"{len(generated)} generated pictures{of_class}"
        cells.append(_strip(generated, text, columns, "generated"))
    kind = "rows" if named else "rows plain"
    if not real:
        kind = "rows paths" if named else "rows single"
    page.section(
        "Real beside generated" if real else "Generated",
        element("p", checkpoint),
        note(why) if why else None,
        element("div", cells, class_=kind),
        note(f"{hidden:,} more classes are not shown.") if hidden else None,
        _remark(encoded.note),
    )


def interpolations(page: Page, paths: Sequence[samples_.Path]) -> None:
    """Adds interpolations between latents."""
    groups = [path.images for path in paths]
    encoded = encode(list(np.concatenate(groups)), max_bytes=_PATH_BYTES)
    named = any(path.name for path in paths)
    cells: list[Markup] = []
    for path, uris in zip(paths, _strips(encoded, groups), strict=True):
        if named:
            cells.append(element("div", path.name, class_="name"))
        of_class = f" of {path.name}" if path.name else ""
        text = f"{len(uris)} pictures{of_class} from one latent to another"
        cells.append(_strip(uris, text, len(uris)))
    page.section(
        "Interpolations",
        element(
            "p",
            "Each row goes along the great circle from one latent, at the left, to another. Smooth "
            "change speaks for a generator that has learnt more than single pictures.",
        ),
        element("div", cells, class_="rows paths" if named else "rows paths plain"),
        _remark(encoded.note),
    )


def neighbors(page: Page, found: Neighborhood) -> None:
    """Adds generated pictures with their nearest training pictures, and the distances."""
    matches = [*found.first, *found.closest]
    groups = [[match.image, *(near.image for near in match.neighbors)] for match in matches]
    encoded = encode([image for group in groups for image in group], max_bytes=_MATCH_BYTES)
    uris = _strips(encoded, groups)
    shown = len(found.first)
    parts = ""
    if found.searched < found.total:
        parts = (
            f"{found.searched:,} of {found.total:,} training pictures were searched, evenly over "
            "the set: a copy of one of the others would not be found here."
        )
    else:
        parts = f"All {found.total:,} training pictures were searched."
    count = len(found.generated)
    chart = histogram_chart(
        "Distance to the nearest training picture",
        [
            (f"{count} generated pictures", found.generated),
            (f"{len(found.real)} training pictures, to the nearest other one", found.real),
        ],
        x_title=f"feature distance ({found.extractor})",
    )
    page.section(
        "Nearest neighbours in the training set",
        element(
            "p",
            "Were the generator memorising, its pictures would stand beside training pictures that "
            "are nearly the same, and their distances would crowd towards zero, far to the left of "
            f"those between training pictures. Here {100 * found.suspicious:.3g} % of {count} "
            "generated pictures lie closer to a training picture than 99 % of training pictures do "
            "to one another; of new pictures as varied as the real ones, about 1 % would. Blurred "
            "or poor pictures lie close to plain training pictures too: look at the pairs before "
            "you judge.",
        ),
        note(parts, f" Distances are Euclidean, between features of {found.extractor}."),
        element(
            "div",
            _matches("Drawn first, not picked", found.first, uris[:shown]),
            _matches(f"The closest of {count}", found.closest, uris[shown:]),
            page.chart(chart, wide=True),
            class_="panels",
        ),
        _remark(encoded.note),
    )


def _matches(caption: str, matches: Sequence[Match], uris: Sequence[Sequence[str]]) -> Markup:
    count = len(matches[0].neighbors)
    head = ["generated", "nearest", *(f"{i}." for i in range(2, count + 1))]
    body = []
    for match, row in zip(matches, uris, strict=True):
        cells = [_picture(row[0], "generated picture", match.name, "")]
        for near, uri in zip(match.neighbors, row[1:], strict=True):
            cells.append(_picture(uri, "training picture", near.name, f"{near.distance:.3g}"))
        body.append(element("tr", cells))
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", [element("th", text, scope="col") for text in head])),
            element("tbody", body),
            class_="matches",
        ),
        class_="panel",
    )


def _picture(uri: str, kind: str, name: str, distance: str) -> Markup:
    alt = f"{kind}{f' of {name}' if name else ''}"
    # Under a distance, the class 3 would look like another number.
    shown = f"class {name}" if name.isdecimal() else name
    text = join(distance, element("br") if distance and name else None, shown)
    return element("td", element("img", src=uri, alt=alt), element("small", text), class_="match")


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


def _head(text: str) -> Markup:
    return element("div", text, class_="head")


def _strips(encoded: Encoded, groups) -> list[tuple[str, ...]]:
    """Deals the encoded pictures out again to the groups they came from."""
    strips, start = [], 0
    for group in groups:
        strips.append(encoded.uris[start : start + len(group)])
        start += len(group)
    return strips


def _remark(text: str) -> Markup | None:
    return note(text[:1].upper() + text[1:]) if text else None
