"""The check of a config: every key of the run by its type, range and choices, and together."""

import pytest
from ml_collections import ConfigDict

from configs import common
from gan_jax.runs import settings


@pytest.fixture
def config():
    """A config that is right, without the types by which ConfigDict refuses some values itself."""
    return ConfigDict(common.base("test").to_dict(), type_safe=False)


def set_to(config, key, value):
    *groups, last = key.split(".")
    for group in groups:
        config = config[group]
    config[last] = value


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("steps", 0, "config.steps must be at least 1, not 0"),
        ("steps", 2**31, "config.steps must be at least 1 and at most 2147483647, not 2147483648"),
        ("steps", "abc", "config.steps must be int, not 'abc'"),
        ("steps", float("nan"), "config.steps must be int, not nan"),
        ("seed", 2**32, "config.seed must be at least 0 and at most 4294967295, not 4294967296"),
        ("sample_epochs", (1, float("nan")), "config.sample_epochs must be at least 0, not nan"),
        ("precision", "float16", "unknown config.precision 'float16': did you mean"),
        ("parallel", "pmpa", "unknown config.parallel 'pmpa': did you mean 'pmap'"),
        ("data.rotation", 3, "unknown key of config.data 'rotation'"),
        ("data.augment.rotation_degrees", 181.0, "must be at least 0 and at most 180, not 181"),
        ("data.fraction", 0.0, "config.data.fraction must be above 0 and at most 1, not 0"),
        ("data.subset_seed", 1, "subset_seed=1 has no effect with fraction=1.0 and max_examples=0"),
        ("data.channels", 2, "config.data.channels must be 0, 1 or 3, not 2"),
        ("data.image_shape", (32,), "config.data.image_shape must be (height, width), or ()"),
        ("data.placement", "gpu", "unknown config.data.placement 'gpu'"),
        ("data.domains", {"a": {"nam": "x"}}, "unknown key of config.data.domains.a 'nam'"),
        ("data.domains", {"a": 3}, "config.data.domains.a is a group of keys, not 3"),
        ("model.width", float("inf"), "config.model.width must be above 0, not inf"),
        # Wrong though nothing is evaluated: it would be, once `every` is set.
        ("evaluate.extractor", "inceptoin", "unknown config.evaluate.extractor 'inceptoin': did"),
        ("evaluate.metrics", ("FID",), "unknown metric 'FID': did you mean 'fid'?"),
        ("evaluate.metrics", (), "no metric is asked for"),
        ("evaluate.num_images", 0, "config.evaluate.num_images must be at least 1, not 0"),
        ("evaluate.weights", "gone.pth", "config.evaluate.weights=gone.pth: there is no such file"),
    ],
)
def test_a_value_that_cannot_be_is_one_line(config, key, value, message):
    settings.check(config)
    set_to(config, key, value)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - compared below.
        settings.check(config)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_keys_are_checked_together(config):
    config.evaluate.stop, config.evaluate.patience = True, 0
    with pytest.raises(ValueError, match=r"stop=True needs config.evaluate.patience of 1 or more"):
        settings.check(config)


@pytest.mark.parametrize("name", ["digits", "folder:photos"])
def test_a_place_of_prepared_data_has_no_effect_on_other_data(config, name):
    config.data.dir = "prepared"
    settings.check(config)
    config.data.name = name
    with pytest.raises(
        ValueError, match=f"config.data.dir=prepared has no effect with name={name}"
    ):
        settings.check(config)
    # It may be meant for another domain.
    config.data.domains = {"a": {"name": name}, "b": {"name": "cifar10"}}
    settings.check(config)
    config.data.domains.a.dir = "prepared"
    with pytest.raises(ValueError, match=r"config.data.domains.a.dir=prepared has no effect"):
        settings.check(config)


@pytest.mark.parametrize("key", ["log_every", "data.augment.flip", "evaluate", "model"])
def test_a_key_that_is_missing_is_named(config, key):
    group, _, last = key.rpartition(".")
    del (config[group.split(".")[0]][group.split(".")[1]] if group else config)[last]
    with pytest.raises(ValueError, match=f"has no key config.{key}.*begin it with common.base"):
        settings.check(config)
