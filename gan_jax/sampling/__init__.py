"""Images from a trained game: inputs, grids, interpolations, files."""

from gan_jax.sampling.draw import (
    Draw,
    FixedGrid,
    draw_batches,
    draw_latents,
    grid_inputs,
    interpolate_latents,
    make_compiled_draw,
    make_draw,
    make_grid,
    save_images,
    save_npz,
)

__all__ = [
    "Draw",
    "FixedGrid",
    "draw_batches",
    "draw_latents",
    "grid_inputs",
    "interpolate_latents",
    "make_compiled_draw",
    "make_draw",
    "make_grid",
    "save_images",
    "save_npz",
]
