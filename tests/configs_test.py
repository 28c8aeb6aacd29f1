"""The keys that every run has."""

import pytest

from configs import common


@pytest.mark.parametrize(
    ("set_key", "message"),
    [
        (lambda c: setattr(c, "log_evry", 7), "key of config 'log_evry': did you mean 'log_every'"),
        (lambda c: setattr(c.data, "flp", True), "key of config.data 'flp'"),
        (lambda c: setattr(c.model, "los", "hinge"), "key of config.model 'los': .* 'loss'"),
        (lambda c: setattr(c.data.augment, "flp", True), "config.data.augment 'flp': .* 'flip'"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(set_key, message):
    config = common.base("test")
    set_key(config)
    with pytest.raises(ValueError, match=message) as error:
        common.finish(config, "full")
    assert "\n" not in str(error.value)


def test_the_keys_of_domains_are_those_of_a_domain():
    config = common.base("test")
    config.data.domains.a = {"name": "digits"}
    assert common.finish(config, "smoke").data.domains.a.name == "digits"
    config.data.domains.a.image_size = 8
    with pytest.raises(ValueError, match=r"unknown key of config.data.domains.a 'image_size'"):
        common.finish(config, "smoke")
