"""What each room offers: listed, documented, and called in one manner."""

import importlib
import inspect

import pytest

# Rooms that know no config; files of weights are what an extractor is of, so they come by place.
ROOMS = (
    *(
        "losses",
        "augmentations",
        "images",
        "layers",
        "networks",
        "metrics",
        "checkpoint",
        "telemetry",
    ),
    *("core", "data", "sampling", "evaluation"),
)
BY_PLACE = {("metrics", "efficientnet_lite0", "weights"), ("metrics", "inception", "weights")}


def public():
    for room in ROOMS:
        module = importlib.import_module(f"gan_jax.{room}")
        for name in module.__all__:
            yield room, name, getattr(module, name)


PUBLIC = list(public())
OURS = [
    (room, name, found)
    for room, name, found in PUBLIC
    if getattr(found, "__module__", "").startswith("gan_jax.") and callable(found)
]


def name_of(value):
    """Part of a test's id: without an address, which differs between processes."""
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_what_it_offers_in_order(room):
    module = importlib.import_module(f"gan_jax.{room}")
    assert module.__doc__
    # Constants first, then classes, then functions, as the linter sorts them; none twice.
    assert len(set(module.__all__)) == len(module.__all__) > 0
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize(("room", "name", "found"), OURS, ids=name_of)
def test_what_is_public_is_documented(room, name, found):
    assert inspect.getdoc(found), f"gan_jax.{room}.{name}"
    if inspect.isfunction(found):
        wanted = [p for p in inspect.signature(found).parameters if not p.startswith("_")]
        missing = [name for name in wanted if name not in found.__doc__]
        assert not missing, f"gan_jax.{room}.{name} does not document {missing}"


FUNCTIONS = [entry for entry in OURS if inspect.isfunction(entry[2])]


@pytest.mark.parametrize(("room", "name", "found"), FUNCTIONS, ids=name_of)
def test_keys_come_first_and_options_by_keyword(room, name, found):
    parameters = list(inspect.signature(found).parameters.values())
    by_place = [p for p in parameters if p.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD]
    names = [p.name for p in by_place]
    assert "key" not in names[1:], f"gan_jax.{room}.{name}: the PRNG key comes first"
    options = {p.name for p in by_place if p.default is not inspect.Parameter.empty}
    assert not {(room, name, option) for option in options} - BY_PLACE
