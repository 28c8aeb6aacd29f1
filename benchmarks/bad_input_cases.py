"""Bad inputs for the command line, generated from what flags and keys declare of themselves.

Of every flag and every key the wrong values follow from its type, its range and its choices, so a
new one is tried without a line here. `{run}` in an argument stands for the folder of a trained run
(a copy of one's own), `{tmp}` for an empty folder.
"""

import dataclasses
import inspect
import itertools
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import gans
from gan_jax.cli import config_files, modes
from gan_jax.gans.settings import choices_of, range_of
from gan_jax.ranges import LARGEST, Range
from gan_jax.runs.settings import RunSettings

# A run of this trains for a second or two, once it is compiled.
TINY = (
    "--config=configs/vanilla_mnist.py:smoke",
    "--config.data.name=digits",
    "--config.model.width=0.0625",
    "--config.model.latent_dim=4",
    "--config.batch_size=8",
    "--config.steps=4",
    "--config.log_every=2",
    "--config.sample_every=0",
    "--config.checkpoint_every=2",
    "--config.model.conditional=True",
)
# What a mode is started with, but for what is wrong.
BASES = {
    "train": (*TINY, "--workdir={tmp}/new"),
    "sample": ("--mode=sample", "--workdir={run}", "--columns=2", "--output={tmp}/new.png"),
    "evaluate": (
        "--mode=evaluate",
        "--workdir={run}",
        *("--extractor=efficientnet_lite0", "--num_images=8", "--num_real=8", "--metrics=fid"),
    ),
    "benchmark": ("--mode=benchmark", *TINY, "--synthetic", "--rounds=1"),
    "plan": ("--mode=plan", *TINY),
    "report": (
        "--mode=report",
        "--workdir={run}",
        "--output={tmp}/new.html",
        "--neighbor_images=0",
    ),
    "list": ("--mode=list",),
    "show": ("--mode=show", TINY[0]),
}
# Strings that only their meaning makes wrong, by the name of the flag or key.
WRONG_TEXTS = {
    "workdir": ("{run}/config.json", "{run}/config.json/new"),
    "output": (
        "{run}/config.json",
        "{tmp}/gone/new.png",
        "{run}/config.json/new.png",
        "{tmp}/a.bmp",
    ),
    "json": ("{run}/config.json", "{tmp}/gone/new.json", "{tmp}"),
    "compare": ("{tmp}/nowhere", "{tmp}"),
    "images": ("{tmp}/nowhere", "{run}/config.json", "{tmp}"),
    "extractor": ("inceptoin", "Inception"),
    "weights": ("{tmp}/nowhere", "{run}/config.json", "{tmp}"),
    "metrics": ("FID", "fdi", "fid,kdi"),
    "checkpoints": ("7", "some", "50:60", "-1", "1,x"),
    "split": ("trian", "train[:0]", "train[5"),
    "sampler": ("generater",),
    "sweep": ("zz",),
    "classes": ("eleven", "10", "-1", "1,11"),
    "precisions": ("float16", "float32,float8"),
    "parallel_modes": ("pmpa", "jit,x"),
    "model.penalty.name": ("gradient_penlty", "r1+", "r1+r1", "none+x"),
    "model.augment.policy": ("bgc", "color,cutuot", "color,color", "color+cutout"),
    "model.regularization.name": ("lcam", "cr+", "cr+cr", "cr+bcr", "none+x"),
    "data.name": ("digit", "folder:{tmp}/nowhere", "folder:", "", "no such set/x"),
    "data.dir": ("{tmp}",),
    "data.split": ("trian", ""),
    "data.classes": ("('eleven',)", "(10,)", "(-1,)", "(1.5,)"),
    "evaluate.metrics": ("FID", "('fid','kdi')", "()"),
    "evaluate.weights": ("{tmp}/nowhere", "{tmp}"),
    "data.image_shape": ("(32,)", "(32,32,3)"),
    "data.channels": ("2",),
    "batch_size": (str(LARGEST - 7),),
}
# Where nothing is empty, or an empty value means something.
EMPTY_IS_RIGHT = {
    *("data.dir", "data.cache_dir", "data.classes", "evaluate.weights"),
    *("split", "checkpoints", "name", "model.augment.policy"),
}
# What is said for this machine alone, or for a cluster.
NOT_TRIED = {"traceback", "distributed", "coordinator", "data.cache_dir"}


@dataclasses.dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
      kind: "flag", "key", "file" or "device".
      title: What is wrong.
      arguments: The command line.
      prepare: Makes what is wrong, given the folder that holds `run` and `tmp`.
      name: The flag or key whose declaration says that this is wrong, which the line must name.
      warns: Whether it is right to go on with a warning.
      platforms: What JAX is told to run on.
    """

    kind: str
    title: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None] | None = None
    name: str = ""
    warns: bool = False
    platforms: str = "cpu"


def wrong_numbers(numbers: Range, *, whole: bool) -> Iterator[str]:
    """Texts that are no number, or none of the range."""
    yield from ("abc", "nan", "inf", "-inf", "1,5", "0x", "")
    if whole:
        yield from ("1.5", str(10**30), str(-(10**30)))
    else:
        yield from ("1e39", "-1e39")
    step = 1 if whole else 0.01
    if numbers.least is not None:
        yield str(type(step)(numbers.least) - step)
    if numbers.above is not None:
        yield from (str(numbers.above), str(numbers.above - step))
    if numbers.most is not None:
        yield str(type(step)(numbers.most) + step)
    if numbers.below is not None:
        yield from (str(numbers.below), str(numbers.below + step))


def wrong_values(name: str, hint: Any, numbers: Range, choices: tuple[str, ...]) -> Iterator[str]:
    """Texts that a flag or key of this declaration must refuse."""
    kinds = set(typing.get_args(hint)) | {hint}
    if hint in (int, float) or (float in kinds and typing.get_origin(hint) is not tuple):
        yield from wrong_numbers(numbers, whole=hint is int)
    elif hint is bool:
        yield from ("maybe", "2", "None")
    elif typing.get_origin(hint) is tuple and not {int, float} & kinds:
        yield from () if name in EMPTY_IS_RIGHT else ("",)
    elif typing.get_origin(hint) is tuple:
        yield from ("abc", "(1,'x')", "1,,2")
        if numbers.least is not None:
            yield f"({int(numbers.least) - 1},)"
    elif hint is str and name not in EMPTY_IS_RIGHT:
        yield ""
    for choice in choices[:1]:
        yield from (choice[:-1] + "q", choice.upper(), f"{choice} ")


def flag_cases() -> Iterator[Case]:
    """Every flag of every mode with wrong values, and every flag that is another mode's."""
    table = modes.load()
    names = {flag.name: flag for mode in table.values() for flag in mode.flags}
    for mode in table.values():
        own = {flag.name for flag in mode.flags}
        base = BASES[mode.name]
        for flag in mode.flags:
            if flag.kind is ConfigDict or flag.name in NOT_TRIED:
                continue
            rest = tuple(part for part in base if not part.startswith(f"--{flag.name}="))
            texts = WRONG_TEXTS.get(flag.name, ())
            if flag.name == "workdir" and mode.name != "train":
                texts = (*texts, "{tmp}", "{tmp}/nowhere")
            declared = tuple(wrong_values(flag.name, flag.kind, flag.range, ()))
            for value in dict.fromkeys((*declared, *texts)):
                argument = f"--{flag.name}={value}"
                name = f"--{flag.name}" if value in declared else ""
                title = f"{mode.name} {argument}"
                yield Case("flag", title, (*rest, argument), name=name)
            if flag.kind is not bool:
                yield Case("flag", f"{mode.name} --{flag.name}", (*rest, f"--{flag.name}"))
        for name, flag in names.items():
            if name not in own and flag.kind is not ConfigDict:
                value = "1" if flag.kind in (int, float, tuple[int, ...]) else "x"
                argument = f"--{name}" if flag.kind is bool else f"--{name}={value}"
                yield Case("flag", f"{mode.name} {argument}", (*base, argument))
    for arguments in (
        ("--mode=trian",),
        ("--mode=",),
        ("--mode",),
        ("train",),
        ("--",),
        ("--config=cgan_digits", "--config=cgan_digits", "--workdir={tmp}/new"),
        ("--config=", "--workdir={tmp}/new"),
        ("--config=cgan_digit", "--workdir={tmp}/new"),
        ("--config=cgan_digits:tiny", "--workdir={tmp}/new"),
        ("--config={tmp}", "--workdir={tmp}/new"),
        ("--config.steps=3", "--workdir={tmp}/new"),
        ("--workdir={tmp}/new",),
        ("--flagfile={tmp}/nowhere",),
    ):
        yield Case("flag", " ".join(arguments), arguments)


def keys_of(settings: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """`(dotted key, type, dataclass field)` of settings, nested."""
    hints = typing.get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        hint = hints[field.name]
        if inspect.isclass(hint) and dataclasses.is_dataclass(hint):
            yield f"{prefix}{field.name}", None, field
            yield from keys_of(getattr(settings, field.name), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", hint, field


def key_cases(config: str) -> Iterator[Case]:
    """Every key of a packaged config with wrong values, and misspelled."""
    small = tuple(part for part in TINY[2:] if "conditional" not in part)
    base = (f"--config={config}:smoke", "--workdir={tmp}/new", TINY[1], *small)
    family = gans.FAMILIES[config_files.load(config).family].settings()
    keys = itertools.chain(keys_of(RunSettings(), ""), keys_of(family, "model."))
    for key, hint, field in keys:
        if key in NOT_TRIED:
            continue
        declared = ("3",)
        if hint is not None:
            declared = tuple(wrong_values(key, hint, range_of(field), choices_of(field)))
        rest = tuple(part for part in base if not part.startswith(f"--config.{key}="))
        for value in dict.fromkeys((*declared, *WRONG_TEXTS.get(key, ()))):
            argument = f"--config.{key}={value}"
            name = f"config.{key}" if value in declared else ""
            yield Case("key", f"{config} {argument}", (*rest, argument), name=name)
        typo = key[:-2] + key[-1] if len(key.rpartition(".")[2]) > 2 else key + "x"
        yield Case("key", f"{config} --config.{typo}=1", (*base, f"--config.{typo}=1"))


def device_cases() -> Iterator[Case]:
    """Devices that are not there, in every mode that needs one."""
    for platforms in ("gpu", "cuda", "rocm", "tpu", "nonsense"):
        for mode in ("train", "sample", "evaluate", "benchmark", "report"):
            # A report says of itself that nothing could be generated.
            title = f"{mode} with JAX_PLATFORMS={platforms}"
            yield Case("device", title, BASES[mode], platforms=platforms)


def huge_cases() -> Iterator[Case]:
    """Sizes that no machine has the memory for."""
    for key, value in (
        ("batch_size", 2**30),
        ("batch_size", 2**24),
        ("model.width", 1e4),
        ("model.width", 1e9),
        ("model.latent_dim", 2**30),
        ("data.image_size", 2**14),
        ("model.discriminator.minibatch_discrimination", 2**24),
        ("model.discriminator.steps", 2**24),
    ):
        rest = tuple(part for part in BASES["train"] if not part.startswith(f"--config.{key}="))
        network = ("--config.model.network=dcgan_4x4",) if "model.d" in key else ()
        argument = f"--config.{key}={value}"
        yield Case("key", f"huge {argument}", (*rest, *network, argument))
    for mode, argument in (
        ("sample", "--num_images=2000000000"),
        ("evaluate", "--eval_batch_size=2000000000"),
        ("evaluate", "--num_images=2000000000"),
        ("benchmark", "--batch_sizes=1073741824"),
    ):
        name = argument.partition("=")[0]
        base = tuple(part for part in BASES[mode] if not part.startswith((name, "--metrics")))
        if mode == "sample":
            base = ("--mode=sample", "--workdir={run}", "--output={tmp}/new.npz")
        yield Case("flag", f"huge {mode} {argument}", (*base, argument))
