"""From arguments to a mode and the values of its flags."""

import dataclasses
import re
from typing import Annotated

import pytest

from gan_jax.cli import modes, parsing
from gan_jax.cli.declarations import declarations


@pytest.fixture
def parse(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    table = modes.load()
    return lambda *arguments: parsing.parse(["gan-jax", *arguments], table)


BASE = ("--config=cgan_digits:smoke", "--workdir=x")


def test_flags_that_are_not_given_have_the_defaults_of_the_mode(parse):
    mode, flags = parse("--mode=sample", "--workdir=x")
    assert mode.name == "sample"
    assert (flags.sample_seed, flags.classes, flags.ema, flags.num_images) == (0, (), True, None)
    assert parse("--mode=report", "--workdir=x")[1].extractor == "efficientnet_lite0"
    assert parse("--mode=evaluate")[1].extractor == "inception"


def test_the_home_folder_in_every_path(parse, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.py").write_text(
        "from configs import cgan_digits\n\n"
        "def get_config(variant='full'):\n"
        "    config = cgan_digits.get_config(variant)\n"
        "    config.data.cache_dir = '~/cache'\n"
        "    return config\n"
    )
    _, flags = parse("--config=~/own.py:smoke", "--workdir=~/run", "--config.data.dir=~/tfds")
    assert (flags.workdir, flags.config.data.dir) == (f"{tmp_path}/run", f"{tmp_path}/tfds")
    assert flags.config.data.cache_dir == f"{tmp_path}/cache"
    _, flags = parse("--mode=report", "--workdir=~/run", "--compare=~/a,b", "--output=~")
    assert flags.compare == (f"{tmp_path}/a", "b")
    assert flags.output == str(tmp_path)
    # Of a file's name it is a letter like others.
    assert parse("--mode=report", "--workdir=a~/b")[1].workdir == "a~/b"


def test_flags_are_parsed_by_their_types(parse):
    _, flags = parse(
        "--mode=sample", "--workdir=x", "--columns=3", "--classes=cat,dog", "--noema", "--best"
    )
    assert (flags.columns, flags.classes, flags.ema, flags.best) == (3, ("cat", "dog"), False, True)
    _, flags = parse("--mode=benchmark", BASE[0], "--batch_sizes=8,16")
    assert flags.batch_sizes == (8, 16)


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        (["--config.batch_size=128"], "batch_size", 128),
        (["--config.batch_size", "128"], "batch_size", 128),
        (["-config.model.width=2"], "model.width", 2.0),
        (["--config.data.augment.flip"], "data.augment.flip", True),
        (["--noconfig.data.augment.flip"], "data.augment.flip", False),
        (["--config.data.augment.flip=True"], "data.augment.flip", True),
        (["--config.data.classes=(3,4)"], "data.classes", (3, 4)),
        (["--config.data.classes=('cat','dog')"], "data.classes", ("cat", "dog")),
        (["--config.model.loss=hinge"], "model.loss", "hinge"),
        (["--config.steps=3", "--config.steps=4"], "steps", 4),
    ],
)
def test_keys_of_the_config_are_overridden_with_their_types(parse, arguments, key, value):
    _, flags = parse(*BASE, *arguments)
    found = flags.config
    for name in key.split("."):
        found = found[name]
    assert found == value
    assert type(found) is type(value)
    # Before --config as well as after it, and no override outlives its command line.
    assert parse(*arguments, *BASE)[1].config.to_dict() == flags.config.to_dict()
    assert parse(*BASE)[1].config.steps == 40


def test_arguments_may_stand_in_a_file(parse, tmp_path):
    (tmp_path / "flags").write_text("--config=cgan_digits:smoke\n--config.steps=3\n")
    assert parse("--flagfile=flags", "--workdir=x")[1].config.steps == 3


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([*BASE, "--config=wgan_cifar10"], "--config is given 2 times"),
        (["--workdir=x", "--config="], "--config names no config"),
        (["--workdir=x", "--config"], "--config names no config"),
        ([*BASE, "--config.batch_size=1.5"], "--config.batch_size=1.5"),
        ([*BASE, "--config.data.augment.flip=maybe"], "--config.data.augment.flip=maybe"),
        ([*BASE, "--config.data=3"], "--config.data=3"),
        ([*BASE, "--config.steps"], "--config.steps"),
        ([*BASE, "--columns=3"], "--columns is for --mode=sample, not train: "),
        ([*BASE, "--noema"], "--ema is for --mode=sample, evaluate, report, not train"),
        (["--mode=list", "--config=cgan_digits"], "--config is for --mode=train, "),
        (["--mode=sample"], "--mode=sample needs --workdir"),
        (["--mode=sample", "--workdir=x", "--columns=many"], "--columns=many"),
        (["--mode=benchmark", BASE[0], "--batch_sizes=8,many"], "give whole numbers, as in 32,64"),
        ([*BASE, "--workdri=y"], "workdri"),
        ([*BASE, "more"], "unknown argument 'more'"),
    ],
)
def test_a_mistake_is_a_line(parse, arguments, part):
    with pytest.raises(ValueError, match=re.escape(part)) as caught:
        parse(*arguments)
    assert part in str(caught.value).splitlines()[0]


def test_a_declaration_that_cannot_be_a_flag_is_refused():
    @dataclasses.dataclass
    class Plain:
        x: int = 0

    @dataclasses.dataclass
    class Either:
        x: Annotated[int | str, "Two types."] = 0

    @dataclasses.dataclass
    class Complex:
        x: Annotated[complex, "No flag."] = 0

    for cls, part in ((Plain, "Annotated"), (Either, "one type"), (Complex, "complex")):
        with pytest.raises(TypeError, match=part):
            declarations(cls)
