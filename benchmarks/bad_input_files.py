"""Damaged and foreign files for the command line: those of a run, images, weights, configs."""

import functools
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bad_input_cases import BASES, TINY, Case

TRUNCATED, EMPTY, FLIPPED, TEXT, FOLDER, GONE = (
    *("truncated", "empty", "flipped", "text", "folder", "gone"),
)
DAMAGES = (TRUNCATED, EMPTY, FLIPPED, TEXT, FOLDER, GONE)


def damage(path: Path, how: str) -> None:
    """Damages a file."""
    content = path.read_bytes()
    if how in (FOLDER, GONE):
        path.unlink()
        if how == FOLDER:
            path.mkdir()
    elif how == FLIPPED:
        path.write_bytes(bytes(byte ^ 0x5A for byte in content))
    else:
        path.write_bytes(
            {TRUNCATED: content[: len(content) // 2], EMPTY: b""}.get(how, b"{]\n\xff")
        )


def _damage_in_run(place: Path, *, name: str, how: str) -> None:
    damage(place / "run" / name, how)


def _damage_checkpoints(place: Path, *, largest: bool, how: str, steps: int) -> None:
    """Damages one file of each of the newest `steps` checkpoints."""
    folders = sorted((place / "run" / "checkpoints").iterdir(), key=lambda p: -int(p.name))
    for folder in folders[:steps]:
        files = sorted(
            (p for p in folder.rglob("*") if p.is_file() and p.stat().st_size),
            key=lambda p: (p.stat().st_size, str(p)),
        )
        # The smallest are marks, whose contents nothing reads.
        damage(files[-1 if largest else -2], how)


def _set_config(place: Path, *, path: tuple[str, ...], value: Any) -> None:
    """Sets, or with Ellipsis removes, a value of config.json."""
    file = place / "run" / "config.json"
    content = json.loads(file.read_text())
    group = content
    for key in path[:-1]:
        group = group[key]
    if value is ...:
        del group[path[-1]]
    else:
        group[path[-1]] = value
    file.write_text(json.dumps(content))


def run_cases() -> Iterator[Case]:
    """Damaged files of a run, in the modes that read them."""
    modes = ("sample", "evaluate", "report", "train")
    train = tuple(part for part in BASES["train"] if "--workdir" not in part)
    commands = {mode: BASES[mode] for mode in modes} | {
        "train": (*train, "--workdir={run}", "--config.steps=6")
    }
    for how in DAMAGES:
        prepare = functools.partial(_damage_in_run, name="config.json", how=how)
        for mode in modes:
            yield Case("file", f"{mode}: config.json {how}", commands[mode], prepare)
        prepare = functools.partial(_damage_checkpoints, largest=True, how=how, steps=9)
        for mode in ("sample", "evaluate", "train"):
            yield Case("file", f"{mode}: all checkpoints {how}", commands[mode], prepare)
        for largest in (True, False):
            prepare = functools.partial(_damage_checkpoints, largest=largest, how=how, steps=1)
            size = "largest" if largest else "second largest"
            title = f"sample: {size} file of the newest checkpoint {how}"
            yield Case("file", title, commands["sample"], prepare, warns=True)
    for path, value in (
        (("config",), ...),
        (("data",), ...),
        (("steps_matter",), ...),
        (("config",), []),
        (("config", "model"), ...),
        (("config", "model"), None),
        (("config", "model", "width"), "wide"),
        (("config", "model", "width"), -1.0),
        (("config", "model", "latent_dim"), 10**12),
        (("config", "model", "network"), "gone"),
        (("config", "family"), 3),
        (("config", "seed"), -1),
        (("config", "steps"), "many"),
        (("config", "batch_size"), None),
        (("config", "batch_size"), 0),
        (("config", "data"), ...),
        (("config", "data"), 3),
        (("data", "data"), ...),
        (("data", "data", "size"), "many"),
        (("data", "data", "size"), -1),
        (("data", "data", "arrays"), {}),
        (("data", "data", "arrays", "image", "shape"), [32, 32]),
        (("data", "data", "arrays", "image", "shape"), [-1, 32, 1]),
        (("data", "data", "arrays", "label", "num_classes"), 3),
        (("data", "data", "class_names"), {"label": ["a"]}),
        (("data", "data", "class_counts"), {"label": "many"}),
        (("data", "data", "present_classes"), {"label": [99]}),
    ):
        shown = f"{'.'.join(path)}={'missing' if value is ... else value}"
        prepare = functools.partial(_set_config, path=path, value=value)
        yield Case("file", f"sample: config.json {shown}", commands["sample"], prepare)


def _image_files(place: Path, *, make: Callable[[Path], None]) -> None:
    make(place / "tmp")


def _npz(name: str, **arrays: Any) -> Callable[[Path], None]:
    return lambda folder: np.savez(folder / name, **arrays)


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content)


def _png(name: str, shape: tuple[int, ...]) -> Callable[[Path], None]:
    from PIL import Image

    pixels = np.zeros(shape, np.uint8)
    return lambda folder: Image.fromarray(pixels).save(folder / name, format="PNG")


def _both(*made: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for one in made:
            one(folder)

    return make


def _truncated_png(folder: Path) -> None:
    random.seed(0)
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    damage(folder / "a.png", TRUNCATED)


def image_cases() -> Iterator[Case]:
    """Images that are none, to be evaluated or trained on."""
    objects = np.array([None, "x"], dtype=object)
    uint8 = functools.partial(np.zeros, dtype=np.uint8)
    of_npz = {
        "text": _write("x.npz", b"no archive"),
        "empty": _write("x.npz", b""),
        "no array": _npz("x.npz"),
        "of another name, twice": _npz("x.npz", a=uint8((4, 32, 32, 1)), b=uint8((4, 2))),
        "floats": _npz("x.npz", images=np.zeros((4, 32, 32, 1))),
        "no images": _npz("x.npz", images=uint8((0, 32, 32, 1))),
        "three axes": _npz("x.npz", images=uint8((4, 32, 32))),
        "two channels": _npz("x.npz", images=uint8((4, 32, 32, 2))),
        "not square": _npz("x.npz", images=uint8((4, 32, 16, 1))),
        "another size": _npz("x.npz", images=uint8((4, 16, 16, 1))),
        "objects": _npz("x.npz", images=objects),
        "a folder": lambda folder: (folder / "x.npz").mkdir(),
    }
    base = tuple(part for part in BASES["evaluate"] if "--workdir" not in part)
    base = tuple(part for part in base if "--num_images" not in part)
    data = ("--config=configs/vanilla_mnist.py", "--config.data.name=digits")
    for what, make in of_npz.items():
        prepare = functools.partial(_image_files, make=make)
        arguments = (*base, *data, "--images={tmp}/x.npz")
        yield Case("file", f"evaluate: npz, {what}", arguments, prepare)
    of_folder = {
        "nothing": lambda folder: None,
        "text": _write("a.txt", b"x"),
        "text named .png": _write("a.png", b"no image"),
        "PostScript named .png": _write(
            "a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
        ),
        "truncated": _truncated_png,
        "a fifo": lambda folder: os.mkfifo(folder / "a.png"),
        "a folder named .png": lambda folder: (folder / "a.png").mkdir(),
        "a link to nowhere": lambda folder: (folder / "a.png").symlink_to(folder / "gone"),
        "both images and classes": _both(
            _png("a.png", (32, 32, 3)),
            lambda folder: (folder / "b").mkdir(),
            _png("b/c.png", (32, 32, 3)),
        ),
    }
    for what, make in of_folder.items():
        prepare = functools.partial(_image_files, make=make)
        if what != "both images and classes":
            arguments = (*base, *data, "--images={tmp}")
            yield Case("file", f"evaluate: folder, {what}", arguments, prepare)
        train = (*TINY, "--config.data.name=folder:{tmp}", "--workdir={run}/../new")
        yield Case("file", f"train: folder, {what}", train, prepare)
    prepare = functools.partial(
        _image_files, make=_both(_png("a.png", (32, 32, 3)), _png("b.png", (16, 16, 3)))
    )
    arguments = (*base, *data, "--images={tmp}")
    yield Case("file", "evaluate: folder, two sizes", arguments, prepare)


def weights_cases() -> Iterator[Case]:
    """Files of weights that are none."""
    for content in (b"", b"no weights", b"PK\x03\x04" + 100 * b"\0", b"\x80\x02}q\x00."):
        prepare = functools.partial(_image_files, make=_write("w.pth", content))
        for extractor in ("inception", "efficientnet_lite0"):
            rest = tuple(part for part in BASES["evaluate"] if "--extractor" not in part)
            arguments = (*rest, f"--extractor={extractor}", "--weights={tmp}/w.pth")
            yield Case("file", f"evaluate: {extractor} weights {content[:8]!r}", arguments, prepare)


CONFIGS = {
    "syntax": b"def get_config() return 1",
    "no function": b"x = 1",
    "not a function": b"get_config = 3",
    "fails": b"def get_config():\n    return {}['x']\n",
    "fails in a package": b"import numpy as np\ndef get_config():\n    np.zeros(3).reshape(2, 2)\n",
    "exits": b"import sys\ndef get_config():\n    sys.exit(0)\n",
    "returns a dict": b"def get_config():\n    return {}\n",
    "lacks keys": b"from ml_collections import ConfigDict\ndef get_config():\n"
    b"    return ConfigDict({'steps': 3})\n",
    "lacks one key": b"from configs import common\ndef get_config():\n"
    b"    config = common.base('x')\n    del config['log_every']\n    return config\n",
    "has another key": b"from configs import common\ndef get_config():\n"
    b"    config = common.base('x')\n    config.log_evry = 3\n    return config\n",
    "has another type": b"from configs import common\ndef get_config():\n"
    b"    config = common.base('x')\n    config.model = 3\n    return config\n",
    "imports nothing": b"import nowhere",
    "null bytes": b"x = 1\0",
    "no text": b"\xff\xfe\xff",
    "recursion": b"def get_config():\n    return get_config()\n",
    "asks for a variant": b"def get_config(variant):\n    raise KeyError(variant)\n",
}


def config_cases() -> Iterator[Case]:
    """Configs of one's own that fail."""
    for what, content in CONFIGS.items():
        prepare = functools.partial(_image_files, make=_write("mine.py", content))
        for mode, rest in (("train", ("--workdir={run}/../new",)), ("show", ("--mode=show",))):
            arguments = (*rest, "--config={tmp}/mine.py")
            yield Case("file", f"{mode}: config that {what}", arguments, prepare)


def file_cases() -> Iterator[Case]:
    """All of them."""
    yield from run_cases()
    yield from image_cases()
    yield from weights_cases()
    yield from config_cases()
