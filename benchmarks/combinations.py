"""Writes docs/combinations.md: which settings of the family adversarial go together.

    python benchmarks/combinations.py

Every pair of settings is built, and what is refused stands in the table with its reason. A test
holds the file to what the code says.
"""

from __future__ import annotations

import itertools
import pathlib

from gan_jax import core, gans, losses
from gan_jax.gans.pair_objectives import PENALTIES
from gan_jax.gans.regularization import REGULARIZERS
from gan_jax.names import check_name

FILE = pathlib.Path(__file__).parents[1] / "docs" / "combinations.md"
ARRAYS = {"image": core.ArraySpec((32, 32, 3)), "label": core.ArraySpec((), 10)}
RUN = gans.Run(steps=10, batch_size=8)
# What works with one of these goes together.
NETWORKS = ("dcgan_4x4", "resnet")
INTRODUCTION = """# What combines with what

Loss, penalty, normalization, conditioning, augmentation and regularization are settings of the
family `adversarial` that are chosen one by one. Each pair of them was built, with
`network=dcgan_4x4` and with `network=resnet`; what is not in the list of refusals works with one of
them at least. Made by `python benchmarks/combinations.py` from the code itself; a test holds it.

| setting | values |
|---|---|
"""


def axes() -> dict[str, dict[str, dict]]:
    """`{setting: {value as shown: config.model}}`."""
    found = {
        "loss": {name: {"loss": name} for name in losses.ADVERSARIAL_LOSS_NAMES},
        "penalty.name": {name: {"penalty": {"name": name}} for name in PENALTIES},
        "discriminator.normalization": {
            name: {"discriminator": {"normalization": name}} for name in ("batch", "spectral")
        },
        "discriminator.minibatch_discrimination": {
            "5": {"discriminator": {"minibatch_discrimination": 5}}
        },
        "discriminator.attention": {"16": {"discriminator": {"attention": 16}}},
        "discriminator.conditioning": {
            "concat": {"conditional": True},
            "projection": {
                "conditional": True,
                "discriminator": {"conditioning": "projection"},
            },
        },
        "generator.labels": {"uniform": {"conditional": True, "generator": {"labels": "uniform"}}},
        "generator.batch": {"2": {"generator": {"batch": 2}}},
        "augment": {
            "diffaugment": {"augment": {"name": "diffaugment"}},
            "ada": {"augment": {"name": "ada"}},
            "ada, target=None": {
                "augment": {"name": "ada", "target": None, "probability": 0.5},
            },
        },
        "regularization.name": {name: {"regularization": {"name": name}} for name in REGULARIZERS},
        "feature_matching": {"1.0": {"feature_matching": 1.0}},
        "top_k": {"0.5": {"top_k": 0.5}},
        "weight_clip": {"0.01": {"weight_clip": 0.01}},
    }
    for name in found:
        check_name("setting", name.partition(".")[0], gans.defaults("adversarial"))
    return found


def refusal(*models: dict) -> str | None:
    """Why settings do not go together, or None where they do."""
    together: dict = {}
    for model in models:
        for name, value in model.items():
            old = together.get(name)
            together[name] = {**old, **value} if isinstance(old, dict) else value
    reason = ""
    for network in NETWORKS:
        try:
            gans.build("adversarial", {**together, "network": network}, ARRAYS, RUN)
        except ValueError as error:
            # The first network's is the reason, unless that it lacks the setting.
            reason = str(error) if not reason or "has no such setting" in reason else reason
        else:
            return None
    return reason


def refusals() -> list[tuple[str, str, str]]:
    """(one setting, another, why not) of all pairs that are refused."""
    found = []
    for (first, ones), (second, others) in itertools.combinations(axes().items(), 2):
        for one, other in itertools.product(ones, others):
            reason = refusal(ones[one], others[other])
            if reason is not None:
                found.append((f"{first}={one}", f"{second}={other}", reason))
    return found


def document() -> str:
    """The content of the file."""
    values = [f"| `{name}` | {', '.join(of)} |" for name, of in axes().items()]
    rows = [f"| `{one}` | `{other}` | {reason} |" for one, other, reason in refusals()]
    table = ["| this | and this | why not |", "|---|---|---|", *rows]
    return INTRODUCTION + "\n".join([*values, "", "## Refused", "", *table, ""])


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
