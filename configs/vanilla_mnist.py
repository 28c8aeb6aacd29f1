"""The vanilla GAN: fully connected networks on MNIST.

Paper: Goodfellow et al. 2014, arXiv:1406.2661. The saturating loss of the paper's game is
--config.model.loss=minimax.
Command: python main.py --config=configs/vanilla_mnist.py --workdir=runs/vanilla
Hardware: any.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("vanilla")
    config.model.network = "mlp"
    config.data.name = "mnist"
    config.steps = 20_000
    return common.finish(config, variant)
