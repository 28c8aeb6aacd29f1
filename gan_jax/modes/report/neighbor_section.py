"""Generated images with their nearest training images, as a section."""

from __future__ import annotations

from collections.abc import Sequence

from gan_jax.modes.report.charts import histogram_chart
from gan_jax.modes.report.encoding import encode
from gan_jax.modes.report.markup import Markup, element, join, note, remark
from gan_jax.modes.report.neighbors import Match, Neighborhood
from gan_jax.modes.report.page import Page

HEADING = "Nearest neighbors in the training set"
_MATCH_BYTES = 450_000


def add(page: Page, found: Neighborhood, *, of: str, transforms: bool) -> None:
    """Adds generated images with their nearest training images, and the distances.

    Args:
      page: The page.
      found: As `neighbors.find`.
      of: What is added to the heading, as ": NAME".
      transforms: Whether images were generated from training images, as translations are.
    """
    matches = [*found.first, *found.closest]
    groups = [[match.image, *(near.image for near in match.neighbors)] for match in matches]
    encoded = encode([image for group in groups for image in group], max_bytes=_MATCH_BYTES)
    uris = iter(encoded.uris)
    rows = [[next(uris) for _ in group] for group in groups]
    shown, count = len(found.first), len(found.generated)
    if found.searched < found.total:
        parts = (
            f"{found.searched:,} of {found.total:,} training images were searched, evenly over "
            "the set: a copy of one of the others would not be found here."
        )
    else:
        parts = f"All {found.total:,} training images were searched."
    chart = histogram_chart(
        "Distance to the nearest training image",
        [
            (f"{count} generated images", found.generated),
            (f"{len(found.real)} training images, to the nearest other one", found.real),
        ],
        x_title=f"feature distance ({found.extractor})",
    )
    page.section(
        HEADING + of,
        element("p", _transformed() if transforms else _memorized(found)),
        note(parts, f" Distances are Euclidean, between features of {found.extractor}."),
        element(
            "div",
            _matches(f"Number 0 to {shown - 1}", found.first, rows[:shown]),
            _matches(f"The closest of {count}", found.closest, rows[shown:]),
            page.chart(chart, wide=True),
            class_="panels",
        ),
        remark(encoded.note),
    )


def _memorized(found: Neighborhood) -> str:
    count = len(found.generated)
    return (
        "If training images were memorized, generated images would have neighbors that are nearly "
        "the same, and their distances would be close to zero, far to the left of those between "
        f"training images. Here {100 * found.suspicious:.3g} % of {count} generated images are "
        "closer to a training image than 99 % of training images are to one another; of new images "
        "as varied as the real ones, about 1 % would be. Blurred or poor images are close to plain "
        "training images too: compare the pairs before you judge."
    )


def _transformed() -> str:
    return (
        "These images were generated from training images. Where a target belongs to each source, "
        "an image that is close to its own target is what training asks for, and no sign of "
        "memorizing."
    )


def _matches(caption: str, matches: Sequence[Match], uris: Sequence[Sequence[str]]) -> Markup:
    count = len(matches[0].neighbors)
    head = ["generated", "nearest", *(f"{i}." for i in range(2, count + 1))]
    body = []
    for match, row in zip(matches, uris, strict=True):
        cells = [_cell(row[0], "generated image", match.name, "")]
        for near, uri in zip(match.neighbors, row[1:], strict=True):
            cells.append(_cell(uri, "training image", near.name, f"{near.distance:.3g}"))
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


def _cell(uri: str, kind: str, name: str, distance: str) -> Markup:
    alt = f"{kind}{f' of {name}' if name else ''}"
    # Under a distance, the class 3 would look like another number.
    shown = f"class {name}" if name.isdecimal() else name
    text = join(distance, element("br") if distance and name else None, shown)
    return element("td", element("img", src=uri, alt=alt), element("small", text), class_="match")
