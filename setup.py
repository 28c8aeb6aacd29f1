"""The packages, for setuptools; everything else is in pyproject.toml.

The folder `configs` is installed as the package `gan_jax.configs`: one called `configs` would meet
those of other projects. pyproject.toml can say so only together with a list of all packages.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["gan_jax", "gan_jax.*"]), "gan_jax.configs"],
    package_dir={"gan_jax.configs": "configs"},
)
