"""Configs of the toys, as files under configs/ are: `tests/toys/config.py:infogan`."""

from ml_collections import ConfigDict

from configs import common
from tests.toys import families


def get_config(variant: str) -> ConfigDict:
    families.register()
    config = common.base(variant, f"toy_{variant}")
    config.steps = 24
    config.batch_size = 8
    config.log_every = 4
    config.sample_every = 8
    config.checkpoint_every = 8
    config.steps_per_call = 2
    config.data.name = "digits"
    config.data.image_size = 8
    config.data.channels = 1
    if variant == "pix2pix":
        config.data.layout = "side_by_side"
    if variant == "cyclegan":
        # The folders are given by --config.data.domains.a.name=folder:PATH.
        config.data.domains = ConfigDict({"a": {"name": ""}, "b": {"name": ""}})
    return config
