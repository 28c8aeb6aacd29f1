"""A batch inside the compiled step: gathered, normalized, made smaller and augmented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from gan_jax.core import ArraySpec, fold_in_name
from gan_jax.data.order import MAIN_STREAM
from gan_jax.images import make_augment, normalize, shrink

Prepare = Callable[[jax.Array, Mapping[str, Any], Any], dict[str, jax.Array]]


def make_prepare(
    specs: Mapping[str, Mapping[str, ArraySpec]],
    *,
    image_size: tuple[int, int] | None = None,
    flip: bool = False,
    crop_padding: int = 0,
    rotation_degrees: float = 0.0,
) -> Prepare:
    """Makes the function that gets the images of a step ready for the networks.

    Args:
      specs: `{stream: Dataset.specs}`.
      image_size: (height, width) in pixels of the images that a phase trains on, made by
        averaging before they are augmented; None for those of the data.
      flip: Mirror half of the images.
      crop_padding: Pixels of padding before a crop of the old size, of the images as they are
        trained on.
      rotation_degrees: Largest angle of a rotation.

    Returns:
      `prepare(key, inputs, resident) -> {array: [updates, B, H, W, C] float32 in [-1, 1], or
      labels [updates, B] int32}`, pure, on inputs of `Feed.chunks` less their axis of steps.
      Images of one stream that stand in one row are augmented alike, those of different streams
      and updates independently.

    Raises:
      ValueError: If the phase's images are larger than those of the data, or do not fill the
        padding.
    """
    for arrays in specs.values():
        _check_sizes(arrays, image_size, crop_padding)
    augment = make_augment(flip=flip, crop_padding=crop_padding, rotation_degrees=rotation_degrees)

    def of_update(key: jax.Array, images: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        images = {name: normalize(array) for name, array in images.items()}
        if image_size is not None:
            images = {name: shrink(array, image_size) for name, array in images.items()}
        return augment(key, images)

    def of_stream(key: jax.Array, rows: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        images = {name: array for name, array in rows.items() if array.ndim > 2}
        keys = jax.random.split(key, len(next(iter(rows.values()))))
        return {**rows, **(jax.vmap(of_update)(keys, images) if images else {})}

    def prepare(key, inputs, resident) -> dict[str, jax.Array]:
        keys = {stream: _stream_key(key, stream) for stream in specs}
        prepared: dict[str, jax.Array] = {}
        for stream, arrays in specs.items():
            prepared |= of_stream(keys[stream], _rows(stream, arrays, inputs, resident))
        return prepared

    return prepare


def _rows(
    stream: str, arrays: Mapping[str, ArraySpec], inputs: Mapping[str, Any], resident: Any
) -> dict[str, jax.Array]:
    if resident is None:
        return {name: inputs["arrays"][name] for name in arrays}
    index = inputs["index"][stream]
    return {
        name: resident[name][index].reshape(*index.shape, *spec.shape)
        for name, spec in arrays.items()
    }


def _stream_key(key: jax.Array, stream: str) -> jax.Array:
    return key if stream == MAIN_STREAM else fold_in_name(key, stream)


def _check_sizes(
    arrays: Mapping[str, ArraySpec], image_size: tuple[int, int] | None, crop_padding: int
) -> None:
    for name, spec in arrays.items():
        if not spec.shape:
            continue
        height, width = spec.shape[:2]
        rows, columns = image_size or (height, width)
        if rows > height or columns > width:
            raise ValueError(
                f"images of {rows}x{columns} cannot be made of {name!r}, which has "
                f"{height}x{width}: raise config.data.image_size"
            )
        if not 0 <= crop_padding < min(rows, columns):
            raise ValueError(
                f"config.data.augment.crop_padding must be in 0..{min(rows, columns) - 1} for "
                f"images of {rows}x{columns}, is {crop_padding}"
            )
