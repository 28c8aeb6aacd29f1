"""A family's settings: what `config.model` may be, and what is refused in one line."""

import dataclasses

import optax
import pytest
from ml_collections import ConfigDict

from gan_jax import core, gans
from gan_jax.gans import settings
from gan_jax.gans.settings import setting


@dataclasses.dataclass(frozen=True)
class Group:
    kind: str = setting("none", "A choice.", choices=("none", "some", "several"))
    weight: core.Number = setting(1.0, "A number or a schedule.", least=0.0, below=2.0)
    one_sided: bool = setting(False, "A switch.")


@dataclasses.dataclass(frozen=True)
class Toy:
    width: float = setting(1.0, "Above zero.", above=0.0)
    depth: int = setting(3, "From 1 to 8.", least=1, most=8)
    sizes: tuple[int, ...] = setting((4, 8), "Several.", least=2)
    name: str = setting("toy", "Any string.")
    free: float = setting(0.0, "Any finite number.")
    bound: float | None = setting(None, "None is off.", above=0.0)
    rate: core.Number = setting(0.1, "A number or a schedule.", above=0.0)
    group: Group = setting(Group(), "A group of keys.")
    other: Group = setting(Group(weight=0.5), "Another, with a default of its own.")


def read(**values):
    return settings.read(Toy, values)


def test_defaults_and_values():
    assert read() == Toy()
    found = read(width=2, depth=8, sizes=[2, 3], bound=0.5, group={"kind": "some"})
    assert found == Toy(width=2.0, depth=8, sizes=(2, 3), bound=0.5, group=Group(kind="some"))
    # A whole number is a real one, and from here on is one.
    assert isinstance(found.width, float)
    assert read(bound=None).bound is None


def test_what_is_missing_of_a_group_has_the_default_of_that_group():
    found = read(group={"one_sided": True}, other={"one_sided": True})
    assert found.group == Group(one_sided=True)
    assert found.other == Group(weight=0.5, one_sided=True)


def test_a_config_holds_the_fields_and_is_read_back():
    config = ConfigDict(settings.as_dict(Toy()))
    assert set(config) == {field.name for field in dataclasses.fields(Toy)}
    assert set(config.group) == {"kind", "weight", "one_sided"}
    assert settings.read(Toy, config.to_dict()) == Toy()
    config.group.one_sided = True
    assert settings.read(Toy, config).group.one_sided


def test_a_number_may_be_a_schedule():
    spec = {"kind": "linear", "value": 1, "to": 0.5, "steps": 10}
    expected = core.Schedule("linear", 1.0, to=0.5, steps=10)
    found = read(rate=spec, group={"weight": ConfigDict(spec)})
    assert found.rate == found.group.weight == expected
    assert settings.read(Toy, settings.as_dict(found)) == found


def linear(value, to):
    return {"kind": "linear", "value": value, "to": to}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        # Unknown keys.
        (
            {"widht": 2.0},
            "unknown key of config.model 'widht': did you mean 'width'? There are width, depth,",
        ),
        ({"group": {"wieght": 1}}, "unknown key of config.model.group 'wieght': did you mean 'wei"),
        ({"rate": {"valu": 1.0}}, "unknown key of config.model.rate 'valu': did you mean 'value'?"),
        ({"group": 3}, "config.model.group is a group of keys, not 3"),
        # Choices.
        ({"group": {"kind": "sum"}}, "unknown config.model.group.kind 'sum': did you mean 'some'?"),
        ({"rate": {"kind": "cosin"}}, "unknown schedule 'cosin': did you mean 'cosine'?"),
        # Types.
        ({"depth": True}, "config.model.depth must be int, not True"),
        ({"depth": 2.0}, "config.model.depth must be int, not 2.0"),
        ({"depth": "2"}, "config.model.depth must be int, not '2'"),
        ({"depth": None}, "config.model.depth must be int, not None"),
        ({"width": True}, "config.model.width must be float, not True"),
        ({"width": "wide"}, "config.model.width must be float, not 'wide'"),
        ({"bound": "none"}, "config.model.bound must be float or NoneType, not 'none'"),
        ({"name": 3}, "config.model.name must be str, not 3"),
        ({"sizes": 4}, "config.model.sizes must be tuple, not 4"),
        ({"group": {"one_sided": 1}}, "config.model.group.one_sided must be bool, not 1"),
        ({"rate": False}, "config.model.rate must be float or Schedule, not False"),
        ({"rate": {"start": 1.5}}, "config.model.rate.start must be int, not 1.5"),
        # Ranges.
        ({"width": 0.0}, "config.model.width must be above 0, not 0"),
        ({"width": -1}, "config.model.width must be above 0, not -1"),
        ({"width": float("nan")}, "config.model.width must be above 0, not nan"),
        ({"width": float("inf")}, "config.model.width must be above 0, not inf"),
        ({"free": float("nan")}, "config.model.free must be a finite number, not nan"),
        ({"free": float("-inf")}, "config.model.free must be a finite number, not -inf"),
        ({"depth": 0}, "config.model.depth must be at least 1 and at most 8, not 0"),
        ({"depth": 9}, "config.model.depth must be at least 1 and at most 8, not 9"),
        ({"sizes": (4, 1)}, "config.model.sizes must be at least 2, not 1"),
        ({"bound": 0.0}, "config.model.bound must be above 0, not 0"),
        ({"rate": 0.0}, "config.model.rate must be above 0, not 0"),
        (
            {"group": {"weight": 2.0}},
            "config.model.group.weight must be at least 0 and below 2",
        ),
        ({"sizes": (4, "8")}, "config.model.sizes must be int, not '8'"),
        (
            {"rate": {"kind": "linear", "to": 0.1}},
            "config.model.rate.value is missing: a schedule begins with a number",
        ),
        # Of a schedule both ends.
        ({"rate": linear(-0.1, 0.1)}, "config.model.rate.value must be above 0, not -0.1"),
        ({"rate": linear(0.1, -0.1)}, "config.model.rate.to must be at least 0, not -0.1"),
        (
            {"rate": linear(0.1, float("nan"))},
            "config.model.rate.to must be a finite number",
        ),
        (
            {"group": {"weight": linear(0.5, 2.5)}},
            "config.model.group.weight.to must be at least 0 and below 2, not 2.5",
        ),
        (
            {"rate": {"value": 0.1, "to": 0.2}},
            "config.model.rate.to=0.2 has no effect with kind=constant: leave it out",
        ),
    ],
)
def test_what_is_refused(values, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - compared in full below.
        read(**values)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_schedule_may_end_where_a_number_may_not_be():
    """A learning rate of zero trains nothing; one that goes to zero is the usual one."""
    assert read(rate=linear(0.1, 0.0)).rate.to == 0.0


def game():
    return core.Gan(
        lambda key: core.Networks({"only": {}}, {}),
        {"sgd": optax.sgd(1.0)},
        (core.Player("only", ("only",), "sgd", None),),
    )


@pytest.fixture
def build(monkeypatch):
    """`build(values, read) -> Experiment` of a family whose builder reads what `read` reads."""

    def build(values, reads=lambda toy, run: None, steps=100):
        def build_toy(toy, arrays, run):
            assert arrays == {"image": core.ArraySpec((8, 8, 1))}
            reads(toy, run)
            return core.Experiment((core.Phase(game(), run.steps, run.batch_size),))

        monkeypatch.setitem(gans.FAMILIES, "toy", gans.Family(Toy, build_toy))
        run = gans.Run(steps=steps, batch_size=8)
        return gans.build("toy", values, {"image": core.ArraySpec((8, 8, 1))}, run)

    return build


def test_a_builder_gets_the_settings_and_the_run(build):
    seen = []

    def reads(toy, run):
        seen.append((toy.width, toy.group.kind, toy.group.weight, run.steps, run.batch_size))

    experiment = build({"width": 2.0, "group": {"kind": "some", "weight": 0.5}}, reads)
    assert seen == [(2.0, "some", 0.5, 100, 8)]
    assert experiment.steps == 100
    assert not experiment.ends_with_the_run
    assert gans.defaults("toy") == settings.as_dict(Toy())


@pytest.mark.parametrize(
    ("values", "reads", "message"),
    [
        (
            {"depth": 4},
            lambda toy: None,
            "config.model.depth=4 has no effect: leave it at its default, 3",
        ),
        # The names and switches next to it that were read say why.
        (
            {"group": {"weight": 0.5}},
            lambda toy: toy.group.kind,
            "config.model.group.weight=0.5 has no effect with group.kind=none: "
            "leave it at its default, 1.0",
        ),
        (
            {"group": {"kind": "some", "weight": linear(1.0, 0.5)}},
            lambda toy: (toy.group.kind, toy.width),
            "config.model.group.weight=linear has no effect with group.kind=some: "
            "leave it at its default, 1.0",
        ),
        # To have the group in hand is not to read its fields.
        (
            {"group": {"one_sided": True}},
            lambda toy: toy.group,
            "config.model.group.one_sided=True has no effect: leave it at its default, False",
        ),
    ],
)
def test_a_key_that_was_set_and_has_no_effect_is_refused(build, values, reads, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - compared in full below.
        build(values, lambda toy, run: reads(toy))
    assert str(error.value) == message


def test_a_default_may_be_written_out_where_nothing_reads_it(build):
    build({"depth": 3, "group": {"weight": 1}})


def test_only_a_schedule_that_ends_with_the_run_makes_a_longer_run_another(build):
    def reads(toy, run):
        resolved.append(run.resolve(toy.group.weight))

    resolved = []
    for spec, ends in (
        (linear(1.0, 0.5), True),
        (linear(1.0, 0.5) | {"steps": 50}, False),
        ({"kind": "constant", "value": 1.0}, False),
        (1.5, False),
    ):
        assert build({"group": {"weight": spec}}, reads).ends_with_the_run == ends
    assert [getattr(number, "steps", None) for number in resolved] == [100, 50, 0, None]
    build({"group": {"weight": linear(1.0, 0.5)}}, reads, steps=300)
    assert resolved[-1].steps == 300


def test_a_family_may_say_itself_that_a_longer_run_is_another(build, monkeypatch):
    def halves(settings, arrays, run):
        half = core.Phase(game(), run.steps // 2, run.batch_size)
        return core.Experiment((half, half), ends_with_the_run=True)

    monkeypatch.setitem(gans.FAMILIES, "halves", gans.Family(Toy, halves))
    assert gans.build("halves", {}, {}, gans.Run(steps=10, batch_size=8)).ends_with_the_run


def test_an_unknown_family_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="unknown family 'adversarail': did you mean 'adversar"):
        gans.build("adversarail", {}, {}, gans.Run(steps=1, batch_size=1))
