"""The command line: python main.py --config=configs/X.py[:variant] --workdir=DIR --mode=MODE."""

from gan_jax.cli.main import run

if __name__ == "__main__":
    run()
