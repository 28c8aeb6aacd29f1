"""From the arguments of the command line to a mode and its flags."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from gan_jax.cli import config_files, modes
from gan_jax.cli.declarations import Declaration
from gan_jax.cli.modes import Mode
from gan_jax.names import did_you_mean

HELP = ("-h", "-help", "--help", "--helpshort", "--helpfull")


def wants_help(argv: Sequence[str]) -> bool:
    """Whether the arguments ask for help instead of a mode."""
    return any(argument in HELP for argument in argv[1:])


def wants_traceback(argv: Sequence[str]) -> bool:
    """Whether the arguments ask for the traceback of a user's mistake too."""
    return bool({"--traceback", "-traceback", "--traceback=True", "--traceback=true"} & {*argv[1:]})


def asked_mode(argv: Sequence[str]) -> str | None:
    """The mode of `--mode=MODE`, before anything is parsed; None where none of the table is."""
    found = [match[1] for match in (re.fullmatch(r"--?mode=(.*)", x) for x in argv[1:]) if match]
    return next((name for name in found if name in modes.MODULES), None)


def parse(argv: Sequence[str], table: Mapping[str, Mode]) -> tuple[Mode, Any]:
    """Parses a command line.

    Args:
      argv: The program's name and its arguments.
      table: The modes by name.

    Returns:
      The mode, and the values of its flags as its `Flags`.

    Raises:
      ValueError: If the arguments are wrong; the first line of the message says how.
      OSError: If a file that they name cannot be read.
    """
    values = flags.FlagValues()
    _define(values, table)
    asked, arguments = _take_config(_with_flagfiles(values, argv[1:]))
    config = None if asked is None else config_files.load(os.path.expanduser(asked))
    _check_overrides(arguments, config)
    rest = _parse(values, [argv[0], *arguments], config)
    if len(rest) > 1:
        raise ValueError(f"unknown argument '{rest[1]}': every option begins with --")
    mode = modes.choose(str(values["mode"].value), table)
    given = {name: values[name].value for name in values if values[name].present}
    given = {name: value for name, value in given.items() if not name.startswith("config.")}
    for name in ("mode", "traceback"):
        given.pop(name, None)
    if config is not None:
        _expand_home(config)
        given["config"] = config
    return mode, _flags(mode, given, table)


def _define(values: flags.FlagValues, table: Mapping[str, Mode]) -> None:
    """Defines every flag of every mode but `config`; one that is not given is None."""
    define: dict[Any, Callable[..., Any]] = {
        str: flags.DEFINE_string,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_bool,
        tuple[str, ...]: flags.DEFINE_list,
        tuple[int, ...]: flags.DEFINE_list,
    }
    flags.DEFINE_string("mode", modes.DEFAULT, "What to do.", flag_values=values)
    flags.DEFINE_bool("traceback", False, "See --help.", flag_values=values)
    for name, kind in _kinds(table).items():
        if kind is not ConfigDict:
            define[kind](name, None, "See --help.", flag_values=values)


def _with_flagfiles(values: flags.FlagValues, arguments: Sequence[str]) -> list[str]:
    """The arguments with those of `--flagfile=FILE` in its place."""
    try:
        return values.read_flags_from_files(list(arguments), force_gnu=False)
    except (flags.Error, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def _parse(
    values: flags.FlagValues, command: Sequence[str], config: ConfigDict | None
) -> Sequence[str]:
    """Parses the flags, and sets the keys of the config that are overridden; returns the rest."""
    try:
        if config is not None:
            # Overrides are parsed with the types of the config's own values.
            config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=command)
        return values(command)
    except (flags.Error, TypeError, KeyError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _kinds(table: Mapping[str, Mode]) -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    for mode in table.values():
        for flag in mode.flags:
            if kinds.setdefault(flag.name, flag.kind) != flag.kind:
                raise TypeError(f"two modes declare --{flag.name}, with two types")
    return kinds


def _take_config(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """The value of `--config=VALUE` or `--config VALUE`, and the other arguments."""
    taken, others, skip = [], [], False
    for argument, following in itertools.zip_longest(arguments, arguments[1:]):
        match = re.fullmatch(r"--?config(?:=(.*))?", argument)
        if skip or not match:
            others += [] if skip else [argument]
            skip = False
            continue
        skip = match[1] is None
        taken.append(following if skip else match[1])
    if len(taken) > 1:
        raise ValueError(f"--config is given {len(taken)} times: give it once")
    if taken and not taken[0]:
        raise ValueError("--config names no config: give one of --mode=list, or a file")
    return (taken[0] if taken else None), others


def _check_overrides(arguments: Sequence[str], config: ConfigDict | None) -> None:
    """Refuses `--config.key` for a key that the config does not have."""
    for argument in arguments:
        match = re.match(r"--?(?:no)?config\.([^=]+)", argument)
        if not match:
            continue
        if config is None:
            raise ValueError(f"--config.{match[1]} needs a --config")
        known = _keys(config)
        if match[1] not in known:
            raise ValueError(f"unknown config key '{match[1]}'{did_you_mean(match[1], known)}")


def _keys(config: ConfigDict, prefix: str = "") -> list[str]:
    keys = []
    for name, value in config.items():
        keys.append(prefix + name)
        if isinstance(value, ConfigDict):
            keys += _keys(value, f"{prefix}{name}.")
    return keys


def _flags(mode: Mode, given: Mapping[str, Any], table: Mapping[str, Mode]) -> Any:
    """The `Flags` of a mode, of what was given and of defaults."""
    own = {flag.name: flag for flag in mode.flags}
    for name in given:
        if name not in own:
            others = [other for other in table if name in {f.name for f in table[other].flags}]
            raise ValueError(
                f"--{name} is for --mode={', '.join(others)}, not {mode.name}: "
                f"--help --mode={mode.name} lists its flags"
            )
    for flag in mode.flags:
        if flag.required and flag.name not in given:
            raise ValueError(f"--mode={mode.name} needs --{flag.name}")
    return mode.make_flags(**{name: _value(own[name], value) for name, value in given.items()})


def _value(flag: Declaration, value: Any) -> Any:
    """The value of a flag that was given, checked."""
    several = isinstance(value, list)
    parts = tuple(value) if several else (value,)
    if "" in parts or not parts:
        entry = "has an empty entry" if len(parts) > 1 else "is empty"
        raise ValueError(f"--{flag.name}={','.join(parts)} {entry}: give a value, or leave it out")
    if flag.kind == tuple[int, ...]:
        try:
            parts = tuple(map(int, parts))
        except ValueError:
            raise ValueError(
                f"--{flag.name}={','.join(parts)}: give whole numbers, as in 32,64"
            ) from None
    for part in parts:
        if isinstance(part, int | float) and not isinstance(part, bool):
            flag.range.check(f"--{flag.name}", part)
    parts = tuple(_at_home(part) if isinstance(part, str) else part for part in parts)
    return parts if several else parts[0]


def _expand_home(config: ConfigDict) -> None:
    """Expands `~` in the values of a config, wherever one is a path."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            _expand_home(value)
        elif isinstance(value, str) and _at_home(value) != value:
            config[name] = _at_home(value)


def _at_home(value: str) -> str:
    # A shell expands `~` at the beginning of a word alone, not in --workdir=~/runs.
    return os.path.expanduser(value) if value == "~" or value.startswith("~/") else value
