"""InfoGAN on MNIST: one categorical code and two continuous ones, without labels.

Paper: Chen, Duan, Houthooft, Schulman, Sutskever & Abbeel 2016, arXiv:1606.03657: Adam 2e-4 for the
discriminator and 1e-3 for the generator with a first moment of 0.5, batch 128, 5,000 steps.
Command: python main.py --config=configs/infogan_mnist.py --workdir=runs/infogan
A sweep of a code: python main.py --mode=sample --workdir=runs/infogan --sweep=code_0
Hardware: one GPU or TPU core.
Parameters: 6,652,481 of the generator, 6,692,431 of the discriminator with the head that guesses
the codes, as in the authors' code (openai/InfoGAN), which this follows where the paper differs: the
slope of the LeakyReLU is 0.01 (0.1 in the paper), the weight of the information on the continuous
codes 1 (less in the paper), the discriminator's optimizer trains the head that guesses the codes
and both players' losses have the information in them. Images are generated with running statistics
of the batch normalization, in the authors' code with those of the batch. The paper matches
categories to digits with an error of 5 %.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("infogan", family="infogan")
    config.data.name = "mnist"
    config.data.image_size = 28
    config.batch_size = 128
    config.steps = 5_000
    return common.finish(config, variant)
