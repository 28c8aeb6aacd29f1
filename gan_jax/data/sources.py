"""Sources of encoded images, and the one that needs no download: a folder of images."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.images.opening import SUFFIXES, image_files
from gan_jax.untrusted import printable


class Example(NamedTuple):
    """One encoded image.

    Attributes:
      name: what to call it in a message.
      encoded: the bytes of a file, or where the file is.
      label: its label; -1 where it is withheld, and of any value where there are none.
    """

    name: str
    encoded: bytes | Path
    label: int


@dataclasses.dataclass(frozen=True)
class Source:
    """Encoded images that can be read at random.

    Attributes:
      length: number of examples.
      channels: 1 or 3, as the images are stored; None where only the files can tell.
      class_names: the names of the classes, empty where there are no labels.
      read: the examples start, ..., stop - 1.
      tolerant: whether an image that cannot be decoded is skipped, or an error.
      identity: JSON values that differ whenever the examples may.
    """

    length: int
    channels: int | None
    class_names: tuple[str, ...]
    read: Callable[[int, int], Sequence[Example]]
    tolerant: bool
    identity: dict[str, Any]


def folder(path: Path) -> Source:
    """Describes a folder of images without labels, or of one sub-folder of images per class.

    Files are taken in the order of their names, classes in the order of theirs. Hidden files and
    folders, files that are no images by their extension, and sub-folders without images are
    ignored. Images that cannot be decoded are skipped when reading. Characters of a folder's name
    that end a line, control a terminal or are not UTF-8 are escapes in the name of its class.

    Raises:
      ValueError: no such folder, no image in it, or both images and sub-folders of images.
    """
    path = path.expanduser()
    if not path.is_dir():
        what = "is not a folder (unpack an archive first)" if path.exists() else "does not exist"
        raise ValueError(f"image folder {path} {what}")
    here = image_files(path)
    subfolders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    classes = {printable(p.name): files for p in subfolders if (files := image_files(p))}
    if here and classes:
        raise ValueError(
            f"image folder {path} holds both images and sub-folders of images "
            f"({', '.join(list(classes)[:3])}); keep either images or one sub-folder per class"
        )
    if not here and not classes:
        raise ValueError(
            f"image folder {path} holds no images ({', '.join(SUFFIXES)}), "
            "directly or in one sub-folder per class"
        )
    examples = [
        Example(printable(str(file)), file, label)
        for label, files in enumerate(classes.values() or [here])
        for file in files
    ]
    stats = [(file, file.stat()) for files in (here, *classes.values()) for file in files]
    return Source(
        length=len(examples),
        channels=None,
        class_names=tuple(classes),
        read=lambda start, stop: examples[start:stop],
        tolerant=True,
        identity={
            "folder": str(path.resolve()),
            "files": [[str(f.relative_to(path)), s.st_size, s.st_mtime_ns] for f, s in stats],
        },
    )
