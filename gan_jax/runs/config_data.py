"""The data that a config names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax import data
from gan_jax.names import check_name
from gan_jax.runs import settings

# What a domain of `config.data.domains` may say for itself; the rest is the same for all.
DOMAIN_KEYS = tuple(field.name for field in dataclasses.fields(settings.Domain))


def subset_of(config: ConfigDict) -> data.Subset:
    """The part of its data that a config trains on."""
    chosen = config.data
    return data.Subset(chosen.fraction, chosen.max_examples, chosen.subset_seed)


def load_streams(
    config: ConfigDict, *, split: str = "", whole: bool = False, download: bool = True
) -> data.Streams:
    """Loads the data of a config.

    Args:
      config: The experiment.
      split: Another split than the config's; of several domains as "a=testA,b=testB".
      whole: All of the data, and not only the part of it that the config trains on.
      download: Whether data that is not prepared may be downloaded and prepared.

    Raises:
      ValueError: As `data.load`, or if `split` names no domain.
      OSError: As `data.load`.
    """
    settings = config.data
    common: dict[str, Any] = {
        "image_size": tuple(settings.image_shape) or settings.image_size,
        "channels": settings.channels or None,
        "cache_dir": settings.cache_dir or None,
        "download": download,
        "subset": None if whole else subset_of(config),
    }
    if not settings.domains:
        source = _source(settings, split or settings.split)
        return {"data": data.load(**source, **common, layout=settings.layout)}
    splits = _splits(split, tuple(settings.domains))
    domains = {}
    for name, domain in settings.domains.items():
        for key in domain:
            check_name(f"key of config.data.domains.{name}", key, DOMAIN_KEYS)
        merged = {key: domain.get(key, settings[key]) for key in DOMAIN_KEYS}
        domains[name] = _source(merged, splits.get(name, merged["split"])) | common
    return data.load_streams(domains)


def _source(settings: Mapping[str, Any], split: str) -> dict[str, Any]:
    classes: Any = tuple(settings["classes"])
    if len(classes) == 1 and isinstance(classes[0], str):
        classes = classes[0]  # `--config.data.classes=cat,dog` arrives as one string.
    return {
        "name": settings["name"],
        "split": split,
        "data_dir": settings["dir"] or None,
        "classes": classes or None,
    }


def _splits(split: str, domains: tuple[str, ...]) -> dict[str, str]:
    """`{domain: split}` of "a=testA,b=testB"."""
    found = {}
    for part in filter(None, split.split(",")):
        name, equals, value = part.partition("=")
        if not equals or name not in domains:
            example = ",".join(f"{domain}=SPLIT" for domain in domains)
            raise ValueError(f"split '{split}': this data has domains, give {example}")
        found[name] = value
    return found
