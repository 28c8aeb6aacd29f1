"""Config files: those of the package by name, and any other by its path.

A config file defines `get_config()` or `get_config(variant)`. It may say `from configs import
common`, wherever it lies and whatever the working folder is.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.machinery
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

import gan_jax
from gan_jax.cli import errors
from gan_jax.names import did_you_mean

PACKAGE = "configs"
_MODULE = "_gan_jax_config_file"


class ConfigFileError(ValueError):
    """A config is not found, or its file fails."""


def folder() -> Path:
    """The folder of the packaged configs: in the package, or next to it in a checkout."""
    package = Path(gan_jax.__file__).resolve().parent
    inside = package / PACKAGE
    return inside if inside.is_dir() else package.parent / PACKAGE


def summaries() -> dict[str, str]:
    """The packaged configs by name, each with the first line of its docstring."""
    found = {}
    for path in sorted(folder().glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "get_config" for node in tree.body
        ):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def find(name: str) -> Path:
    """The file of a config.

    Args:
      name: `NAME` or `configs/NAME.py` of a packaged config, or the path of a file. A file of the
        working folder comes before a packaged one.

    Raises:
      ConfigFileError: If there is none, with the nearest name.
    """
    known = summaries()
    if re.fullmatch(r"\w+", name):
        if name in known:
            return folder() / f"{name}.py"
        here = [f"{name}.py"] if Path(f"{name}.py").is_file() else []
        raise ConfigFileError(f"there is no config {name}{did_you_mean(name, [*here, *known])}")
    path = Path(name).expanduser()
    if path.is_file():
        return path.resolve()
    if path.parent == Path(PACKAGE) and path.suffix == ".py" and path.stem in known:
        return folder() / path.name
    packaged = path.parent in (Path(PACKAGE), Path())
    near = did_you_mean(path.stem, known) if packaged else "; --mode=list names those there are"
    raise ConfigFileError(f"there is no config file {name}{near}")


def load(value: str) -> ConfigDict:
    """The config that `--config=VALUE` asks for.

    Args:
      value: `NAME` or `NAME:VARIANT`; see `find` for the name. The variant goes to `get_config`.

    Raises:
      ConfigFileError: If there is no such file, it fails, or it does not return a ConfigDict.
      ValueError: As `get_config` raises it, of an unknown variant for example.
      OSError: If the file cannot be read.
    """
    name, *variant = value.split(":", 1)
    path = find(name)
    with _in_one_line(path), _configs_for(path):
        config = _get_config(_execute(_MODULE, path), path, variant)()
    if not isinstance(config, ConfigDict):
        raise ConfigFileError(
            f"config {path}: get_config must return an ml_collections.ConfigDict, "
            f"not {type(config).__name__}"
        )
    return config


def _get_config(module: ModuleType, path: Path, variant: Sequence[str]) -> Callable[[], Any]:
    get_config = getattr(module, "get_config", None)
    if not callable(get_config):
        raise ConfigFileError(f"config {path} defines no get_config()")
    try:
        inspect.signature(get_config).bind(*variant)
    except TypeError:
        wrong = f"has no variant '{variant[0]}'" if variant else "needs a variant"
        raise ConfigFileError(
            f"config {path} {wrong}: its function is get_config{inspect.signature(get_config)}"
        ) from None
    return lambda: get_config(*variant)


def _execute(name: str, path: Path, search: Sequence[Path] | None = None) -> ModuleType:
    """Executes a file as the module `name`, a package where `search` says where its modules are."""
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    locations = None if search is None else [str(where) for where in search]
    spec = importlib.util.spec_from_file_location(
        name, path, loader=loader, submodule_search_locations=locations
    )
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


@contextlib.contextmanager
def _configs_for(path: Path) -> Iterator[None]:
    """Lets a config file import from `configs`; afterwards `sys.modules` is as it was."""
    search = _search(path)
    before = _take_modules() if search else {}
    try:
        if search:
            init = next((where for where in search if (where / "__init__.py").is_file()), search[0])
            _execute(PACKAGE, init / "__init__.py", search)
        yield
    finally:
        if search:
            _take_modules()
        sys.modules.pop(_MODULE, None)
        sys.modules.update(before)


def _take_modules() -> dict[str, ModuleType]:
    """Takes `configs` and its modules out of `sys.modules`."""
    names = [name for name in sys.modules if name.partition(".")[0] == PACKAGE]
    return {name: sys.modules.pop(name) for name in names}


def _search(path: Path) -> list[Path]:
    """Where the config file `path` finds the modules of `configs`.

    The file's own folder, if that has the name, comes first: a file that lies next to it is meant,
    not the packaged one. Any other package `configs` that Python finds stays as it is: the list is
    empty then.
    """
    if path.parent.name == PACKAGE:
        return list(dict.fromkeys([path.parent, folder()]))
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        return [folder()]
    places = [Path(place).resolve() for place in spec.submodule_search_locations or ()]
    if folder() in places:
        return [folder()]
    # A folder without __init__.py is not a package of its own.
    return [*places, folder()] if spec.origin is None else []


@contextlib.contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    """Turns what a config file raises into one line that names file and line.

    What a `raise` statement made for the user is left as it is.
    """
    try:
        yield
    except SyntaxError as error:
        where = f"{error.filename or path}, line {error.lineno or 1}"
        raise ConfigFileError(f"{where}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        for_the_user = isinstance(error, ValueError | OSError) and errors.raised_on_purpose(error)
        if for_the_user or (isinstance(error, OSError) and not lines):
            raise
        where = f"config {path}, line {lines[-1]}" if lines else f"config {path}"
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == PACKAGE:
            reason += f"; gan_jax's {PACKAGE} is {folder()}, Python found another one before it"
        raise ConfigFileError(f"{where}: {reason}") from error
