"""Configs are found by name and by path, and may import `configs`, from any folder."""

import pathlib
import re
import sys

import pytest

from gan_jax.cli import config_files

ROOT = pathlib.Path(__file__).parents[2]
MINE = """
from configs import common

def get_config(variant="full"):
    config = common.base("mine")
    config.seed = 7
    return common.finish(config, variant)
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """An empty working folder, and no `configs` that Python finds by itself."""
    monkeypatch.chdir(tmp_path)
    outside = [entry for entry in sys.path if pathlib.Path(entry).resolve() not in (ROOT, tmp_path)]
    monkeypatch.setattr(sys, "path", outside)
    for name in modules_of_configs():
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in modules_of_configs():
        del sys.modules[name]


def modules_of_configs():
    return [name for name in sys.modules if name.partition(".")[0] == "configs"]


@pytest.mark.parametrize(
    "name", ["cgan_digits", "configs/cgan_digits.py", str(ROOT / "configs" / "cgan_digits.py")]
)
def test_a_packaged_config_is_found_by_name_and_by_path(name):
    before = set(sys.modules)
    full, smoke = config_files.load(name), config_files.load(f"{name}:smoke")
    assert (full.model.conditional, full.data.name, full.steps) == (True, "digits", 3_000)
    assert smoke.steps == 40
    left = {name for name in set(sys.modules) - before if name.startswith(("configs", "_gan_jax"))}
    assert left == set()


def test_every_packaged_config_is_named_with_its_first_line():
    files = {path.stem for path in (ROOT / "configs").glob("*_*.py")} - {"__init__"}
    found = config_files.summaries()
    assert set(found) == files
    assert found["hinge_cifar10"] == "Hinge loss on CIFAR-10, on the first DCGAN's networks."
    assert all(line.endswith(".") for line in found.values())


@pytest.mark.parametrize("place", ["mine.py", "deep/er/mine.py"])
def test_a_file_of_ones_own_imports_the_packaged_modules(tmp_path, place):
    path = write(tmp_path / place, MINE)
    for given in (place, f"./{place}", str(path)):
        assert config_files.load(given).seed == 7
        assert config_files.load(f"{given}:smoke").steps == 40


def test_the_home_folder_may_be_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(tmp_path / "home" / "mine.py", MINE)
    assert config_files.load("~/mine.py").seed == 7


def test_a_folder_called_configs_comes_before_the_packaged_one(tmp_path):
    write(tmp_path / "configs" / "mine.py", MINE.replace("common\n", "common, near\n", 1))
    write(tmp_path / "configs" / "near.py", "")
    assert config_files.load("configs/mine.py").seed == 7
    # Its own `common` is meant where it has one, a packaged file of the same name is not.
    common = (ROOT / "configs" / "common.py").read_text()
    changed = common.replace(
        "    return config\n", "    config.batch_size = 3\n    return config\n"
    )
    write(tmp_path / "configs" / "common.py", changed)
    assert config_files.load("configs/mine.py").batch_size == 3
    assert config_files.load("cgan_cifar10").batch_size == 64
    write(tmp_path / "configs" / "cgan_cifar10.py", MINE)
    assert config_files.load("configs/cgan_cifar10.py").seed == 7


@pytest.fixture
def other(tmp_path, monkeypatch):
    """A package `configs` that has nothing to do with gan_jax, and that Python finds."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "project"), *sys.path])
    return write(tmp_path / "project" / "configs" / "__init__.py", "ANSWER = 42").parent


def test_another_package_called_configs_is_left_alone(tmp_path, other):
    write(other / "theirs.py", "seed = 3")
    write(
        tmp_path / "mine.py",
        "from ml_collections import ConfigDict\n"
        "from configs import ANSWER, theirs\n"
        "def get_config():\n    return ConfigDict({'seed': theirs.seed, 'answer': ANSWER})\n",
    )
    assert config_files.load("mine.py").to_dict() == {"seed": 3, "answer": 42}
    assert config_files.load("cgan_digits:smoke").data.name == "digits"
    import configs

    assert configs.ANSWER == 42


@pytest.mark.parametrize("statement", ["from configs import common", "import configs.common"])
def test_another_package_in_the_way_is_named(tmp_path, other, statement):
    write(tmp_path / "mine.py", MINE.replace("from configs import common", statement))
    with pytest.raises(config_files.ConfigFileError) as caught:
        config_files.load("mine.py")
    assert "mine.py, line 2: " in str(caught.value)
    assert f"gan_jax's configs is {ROOT / 'configs'}" in str(caught.value)


def test_a_folder_called_configs_without_init_is_not_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path / "project"), *sys.path])
    write(tmp_path / "project" / "configs" / "theirs.py", "")
    write(tmp_path / "mine.py", MINE.replace("common\n", "common, theirs\n", 1))
    assert config_files.load("mine.py").seed == 7


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("cgan_digit", ["no config cgan_digit: did you mean cgan_digits?"]),
        ("mine", ["no config mine: did you mean mine.py?"]),
        ("configs/wgan_cifar.py", ["no config file configs/wgan_cifar.py", "mean wgan_cifar10?"]),
        ("cgan_digits.py", ["no config file cgan_digits.py", "mean cgan_digits?"]),
        ("gone/x.py", ["no config file gone/x.py", "--mode=list"]),
        ("cgan_digits:tiny", ["unknown variant 'tiny'", "full, smoke"]),
        ("mine.py:smoke", ["mine.py has no variant 'smoke'", "get_config()"]),
        ("needs.py", ["needs.py needs a variant", "get_config(variant)"]),
        ("empty.py", ["empty.py defines no get_config()"]),
        ("dict.py", ["dict.py: get_config must return", "not dict"]),
        ("syntax.py", ["syntax.py, line 2: "]),
        ("raises.py", ["raises.py, line 4: AttributeError: ", "laten_dim"]),
        ("imports.py", ["imports.py, line 1: ModuleNotFoundError: No module named 'nowhere'"]),
    ],
)
def test_a_config_that_cannot_be_had_is_one_line(tmp_path, name, parts):
    write(tmp_path / "mine.py", "def get_config(): pass")
    write(tmp_path / "needs.py", "def get_config(variant): pass")
    write(tmp_path / "empty.py", "")
    write(tmp_path / "dict.py", "def get_config(): return {}")
    write(tmp_path / "syntax.py", "\ndef get_config() return 1")
    write(
        tmp_path / "raises.py",
        "from configs import common\ndef get_config():\n    config = common.base('mine')\n"
        "    return config.laten_dim\n",
    )
    write(tmp_path / "imports.py", "import nowhere")
    with pytest.raises(ValueError, match=re.escape(parts[0])) as caught:
        config_files.load(name)
    assert all(part in str(caught.value) for part in parts)
    assert "\n" not in str(caught.value)
