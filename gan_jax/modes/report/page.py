"""The page: sections, charts and sliders, and the one file that holds them all."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any

from gan_jax.modes.report.charts import DARK_TWINS, Chart, plotly_javascript
from gan_jax.modes.report.encoding import Encoded
from gan_jax.modes.report.markup import Markup, element, join, json_script


class Page:
    """A page under construction."""

    def __init__(self, title: str, subtitle: str = ""):
        """Begins with a title and a line under it."""
        self._title, self._subtitle = title, subtitle
        self._sections: list[tuple[str, str, Markup]] = []
        self._charts: dict[str, Any] = {}
        self._sliders: dict[str, list[str]] = {}

    def section(self, heading: str, *content: Any) -> None:
        """Adds a section with a heading; it can be linked to."""
        identifier = "".join(c if c.isalnum() else "-" for c in heading.lower())
        self._sections.append((identifier, heading, join(*content)))

    def chart(self, chart: Chart | None, *, wide: bool = False) -> Markup | None:
        """A chart as a figure, over the whole row where it is `wide`; None for none."""
        if chart is None:
            return None
        identifier = f"chart-{len(self._charts) + 1}"
        self._charts[identifier] = chart.figure
        return element(
            "figure",
            element("h3", chart.title),
            element("div", id=identifier, class_="chart", role="img", aria_label=chart.description),
            element("figcaption", " ".join(chart.notes)) if chart.notes else None,
            class_="panel wide" if wide else "panel",
        )

    def slider(self, images: Encoded, labels: list[str], *, alt: str, ratio: str) -> Markup:
        """One image out of many, chosen by a slider.

        Args:
          images: At least one; their sizes may differ.
          labels: Of each, as "step 150".
          alt: What they show.
          ratio: Width / height of the box that each is fitted into.

        Returns:
          The last image, and what chooses another.
        """
        identifier = f"slider-{len(self._sliders) + 1}"
        last = len(labels) - 1
        image = element(
            "img",
            src=images.uris[last],
            alt=f"{alt}, {labels[last]}",
            class_="grid",
            # What follows must not jump when images of another size are shown.
            style=f"aspect-ratio: {ratio}",
            data_alt=alt,
        )
        if last == 0:
            return element("div", image, element("p", labels[0]), class_="panel")
        # The last is in the page already.
        self._sliders[identifier] = list(images.uris[:-1])
        return element(
            "div",
            element(
                "div",
                element("button", "Play", type="button", class_="play"),
                element(
                    "input",
                    id=f"{identifier}-range",
                    type="range",
                    min="0",
                    max=str(last),
                    step="1",
                    value=str(last),
                    aria_label="Training step",
                    aria_valuetext=labels[last],
                ),
                element("output", labels[last], for_=f"{identifier}-range"),
                class_="controls",
            ),
            image,
            id=identifier,
            class_="panel slider",
            data_labels="\n".join(labels),
        )

    def render(self) -> str:
        """The whole page as HTML that loads nothing.

        Raises:
          ReportError: If plotly is not installed.
        """
        # Within a string of JavaScript the two are one; as HTML the first would end the script.
        plotly = Markup(plotly_javascript().replace("</script", "<\\/script"))
        script, style = _resource("page.js"), _resource("page.css")
        policy = (
            "default-src 'none'; base-uri 'none'; form-action 'none'; "
            "img-src data: blob:; style-src 'unsafe-inline'; "
            f"script-src {_source(plotly)} {_source(script)}"
        )
        links = [
            element("li", element("a", heading, href=f"#{identifier}"))
            for identifier, heading, _ in self._sections
        ]
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            Markup('<meta name="generator" content="gan_jax report">'),
            element("meta", name="color-scheme", content="light dark"),
            element("title", self._title),
            element("style", style),
        )
        body = element(
            "body",
            element(
                "header",
                element("h1", self._title),
                element("p", self._subtitle, class_="subtitle") if self._subtitle else None,
                element("nav", element("ul", links), aria_label="Sections"),
            ),
            element(
                "main",
                element("noscript", element("p", "The charts of this page need JavaScript.")),
                [
                    element("section", element("h2", heading), content, id=identifier)
                    for identifier, heading, content in self._sections
                ],
            ),
            element("footer", element("p", "Made by gan_jax; this page loads nothing.")),
            json_script(
                "data",
                {"charts": self._charts, "sliders": self._sliders, "darkTwins": DARK_TWINS},
            ),
            element("script", plotly),
            element("script", script),
        )
        return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _resource(name: str) -> Markup:
    return Markup(
        resources.files("gan_jax.modes.report").joinpath(name).read_text(encoding="utf-8")
    )


def _source(script: str) -> str:
    """The name by which a policy allows a script: whatever else is in the page does not run."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
