"""Images from a trained game: inputs, images, grids, files."""

from gan_jax.sampling.fixed_grid import FixedGrid
from gan_jax.sampling.generate import (
    PER_DEVICE,
    Generate,
    Generated,
    image_shape,
    make_generate,
)
from gan_jax.sampling.grid import (
    COLUMNS,
    Classes,
    Grid,
    grid_image,
    grid_inputs,
    interpolation_inputs,
    sweep_inputs,
)
from gan_jax.sampling.interpolate import great_circle
from gan_jax.sampling.numbering import Inputs, InputsOf, inputs
from gan_jax.sampling.writing import Labeled, save_images, save_npz

__all__ = [
    "COLUMNS",
    "PER_DEVICE",
    "Classes",
    "FixedGrid",
    "Generate",
    "Generated",
    "Grid",
    "Inputs",
    "InputsOf",
    "Labeled",
    "great_circle",
    "grid_image",
    "grid_inputs",
    "image_shape",
    "inputs",
    "interpolation_inputs",
    "make_generate",
    "save_images",
    "save_npz",
    "sweep_inputs",
]
