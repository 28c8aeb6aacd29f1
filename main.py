"""The command line: python main.py --config=NAME[:VARIANT] --workdir=DIR; see --help."""

from gan_jax.cli.main import run

if __name__ == "__main__":
    run()
