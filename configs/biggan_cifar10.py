"""BigGAN on CIFAR-10: wide networks, spectral normalization in both, averaged weights.

Paper: Brock, Donahue & Simonyan 2019, arXiv:1809.11096; settings of the author's script for
CIFAR-10 (BigGAN-PyTorch): Adam 2e-4 with decays 0.0 and 0.999, four discriminator updates, batch
50, 125,000 steps, N(0, 0.02), real and generated images in one batch, average of decay 0.9999 from
step 1,000 on, of batch statistics and spectral vectors too. On CIFAR-10 the script has neither
shared embeddings nor hierarchical latents, attention or orthogonal regularization.
Command: python main.py --config=configs/biggan_cifar10.py --workdir=runs/biggan
The paper's for ImageNet: --config.model.generator.initializer=orthogonal
--config.model.discriminator.initializer=orthogonal --config.model.generator.orthogonality=1e-4
Hardware: one GPU or TPU core.
Parameters: 4,304,387 of the generator, 4,207,361 of the discriminator, as in the author's code. The
code draws a batch of 200 real images for four updates of 50; so does this.
FID is not measured here yet; the paper gives 14.7, Zhao et al. 2020 (arXiv:2006.10738) 9.59 with
the same networks and mirrored images (10,000 images against 10,000 of the test set).
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("biggan")
    config.model.network = "biggan"
    config.model.latent_dim = 128
    config.model.conditional = True
    config.model.loss = "hinge"
    config.model.ema_decay = 0.9999
    config.model.ema_start = 1_000
    config.model.generator.normalization = "spectral"
    config.model.generator.labels = "uniform"
    config.model.discriminator.steps = 4
    config.model.discriminator.normalization = "spectral"
    config.model.discriminator.conditioning = "projection"
    config.model.discriminator.one_batch = True
    for player in ("generator", "discriminator"):
        config.model[f"{player}_optimizer"] = common.optimizer("adam", 2e-4, b1=0.0, b2=0.999)
    config.batch_size = 50
    config.steps = 125_000
    return common.finish(config, variant)
