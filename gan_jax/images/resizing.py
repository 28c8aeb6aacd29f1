"""Smaller images, made on the device."""

import jax


def shrink(images: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Makes images smaller by averaging.

    Where both sides divide, each pixel is the mean of the block of pixels that it replaces (the
    area filter). Else it is an antialiased bilinear resize, which weights them by a triangle.

    Args:
      images: float [B, H, W, C].
      size: (height, width) in pixels, each at most that of the images.

    Returns:
      [B, height, width, C], same dtype, in the range of the images; the images themselves where
      they have this size.

    Raises:
      ValueError: the size is larger than the images, or below 1.
    """
    batch, height, width, channels = images.shape
    rows, columns = size
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise ValueError(f"{height}x{width} images cannot be made smaller to {rows}x{columns}")
    if (rows, columns) == (height, width):
        return images
    if height % rows or width % columns:
        shape = (batch, rows, columns, channels)
        return jax.image.resize(images, shape, "linear", antialias=True)
    blocks = (batch, rows, height // rows, columns, width // columns, channels)
    return images.reshape(blocks).mean((2, 4))
