"""HTML that is escaped unless it says that it is HTML already."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

_VOID = frozenset({"img", "input", "meta", "br", "hr"})


class Markup(str):
    """A piece of HTML: what holds it does not escape it again."""

    __slots__ = ()


def escape(value: Any) -> Markup:
    """Returns text as HTML that shows it; Markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def join(*children: Any) -> Markup:
    """Joins pieces: Markup, text, lists of them, and None for nothing."""
    parts = []
    for child in children:
        if isinstance(child, list | tuple):
            parts.append(join(*child))
        elif child is not None:
            parts.append(escape(child))
    return Markup("".join(parts))


def element(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element with its children and attributes, everything in them escaped.

    Args:
      name: As "p".
      *children: As `join`.
      **attributes: By name, `_` standing for `-`, and one at the end dropped (`class_`). True is an
        attribute without a value; None and False leave it out.

    Returns:
      The element.
    """
    shown = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            shown.append(f" {key}")
        elif value is not None and value is not False:
            shown.append(f' {key}="{escape(value)}"')
    start = f"<{name}{''.join(shown)}>"
    return Markup(start if name in _VOID else f"{start}{join(*children)}</{name}>")


def note(*sentences: Any) -> Markup:
    """A remark in small print."""
    return element("p", *sentences, class_="note")


def remark(text: str) -> Markup | None:
    """A remark that begins with a capital letter; None for no text."""
    return note(capitalized(text)) if text else None


def capitalized(text: str) -> str:
    """The text with a capital letter at its beginning, and all others as they are."""
    return text[:1].upper() + text[1:]


def json_script(identifier: str, value: Any) -> Markup:
    """JSON for the page's script to read: a block of data, which no browser executes."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    # Nothing in it can then end the element or begin another.
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(f'<script type="application/json" id="{escape(identifier)}">{text}</script>')


def table(
    rows: Sequence[Sequence[Any]], *, head: Sequence[Any] = (), caption: Any = None
) -> Markup:
    """A table that scrolls inside its box; the first cell of a row is its heading."""
    return element(
        "div",
        element(
            "table",
            element("caption", caption) if caption else None,
            element("thead", element("tr", [element("th", cell, scope="col") for cell in head]))
            if head
            else None,
            element(
                "tbody",
                [
                    element(
                        "tr",
                        element("th", row[0], scope="row"),
                        [element("td", cell) for cell in row[1:]],
                    )
                    for row in rows
                ],
            ),
        ),
        class_="scroll",
        # A box that scrolls must be reachable by the keyboard.
        tabindex="0",
        role="region",
        aria_label=caption or "table",
    )
