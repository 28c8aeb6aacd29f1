"""The config of a run, and the machines that it ran on."""

from __future__ import annotations

from typing import Any

from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.markup import note, table
from gan_jax.modes.report.page import Page


def add(page: Page, run: Run, here: dict[str, Any]) -> None:
    """Adds the config, and the machines that trained and that made the page."""
    trained = run.environment
    keys = list(dict.fromkeys([*(trained or {}), *here]))
    head = ["", "trained on", "reported on"] if trained else ["", "reported on"]
    rows = [
        [key, *([shown(trained.get(key))] if trained else []), shown(here.get(key))] for key in keys
    ]
    missing = None if trained else note("The run keeps no environment.json of its training.")
    page.section("Environment", missing, table(rows, head=head, caption="Software and hardware"))
    config = [[key, shown(value)] for key, value in flat(run.config).items()]
    page.section("Config", table(config, head=["key", "value"], caption="config.json"))


def shown(value: Any) -> str:
    """A value of a config as people read it."""
    if value is None:
        return "—"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "()"
    return str(value) if value != "" else '""'


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"data": {"name": x}}` as `{"data.name": x}`."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
