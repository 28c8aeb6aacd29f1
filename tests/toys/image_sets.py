"""Data of the toys, made of the embedded digits: pairs and domains in folders of images."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gan_jax import data

PAIRS, DOMAINS = 48, {"a": 40, "b": 28}


def digits() -> np.ndarray:
    """uint8 [1797, 8, 8]."""
    return data.load("digits", image_size=8).arrays["image"][..., 0]


def save(folder, images) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03d}.png")


def pairs(folder):
    """Each image is 16 pixels wide: a digit, and its negative upside down."""
    images = digits()[:PAIRS]
    save(folder, np.concatenate([images, 255 - images[:, ::-1]], axis=2))
    return folder


def domains(folder):
    """`folder/a` holds digits, `folder/b` fewer other ones in negative."""
    images = digits()
    save(folder / "a", images[: DOMAINS["a"]])
    save(folder / "b", 255 - images[-DOMAINS["b"] :])
    return folder
