"""The packages, for setuptools; everything else is in pyproject.toml.

The top-level folder `configs` becomes the package `gan_jax.configs`, which pyproject.toml cannot say
without naming every package: a distribution must not put one called `configs` next to others.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["gan_jax", "gan_jax.*"]), "gan_jax.configs"],
    package_dir={"gan_jax.configs": "configs"},
)
