"""InfoGAN on scikit-learn's digits: one categorical code and two continuous ones, no download.

Paper: Chen, Duan, Houthooft, Schulman, Sutskever & Abbeel 2016, arXiv:1606.03657.
Command: python main.py --config=configs/infogan_digits.py --workdir=runs/infogan
A sweep of a code: python main.py --mode=sample --workdir=runs/infogan --sweep=code_0
Hardware: any.
The networks of infogan_mnist at a quarter of the width, on 16x16 pixels.
Seen: every row of the grid is one digit, with some rows alike (two of 8, say). Categories matched
with digits (benchmarks/category_accuracy.py, 2,000 images): 69 % after 4,000 steps; 72 % after
3,000 of another seed with --config.model.continuous_information=0.3. The paper's 95 % are MNIST's.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("infogan", family="infogan")
    config.model.width = 0.25
    config.data.name = "digits"
    config.data.image_size = 16
    config.batch_size = 128
    config.steps = 5_000
    config.log_every = 100
    config.sample_every = 1_000
    config.checkpoint_every = 1_000
    return common.finish(config, variant)
