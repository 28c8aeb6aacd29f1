"""DCGAN on CIFAR-10 as in the paper (third recipe).

Paper: Radford, Metz & Chintala 2015, arXiv:1511.06434: transposed convolutions from 1x1, batch
normalization in both networks but for the discriminator's first layer, Adam.
Command: python main.py --config=configs/dcgan_cifar10.py --workdir=runs/dcgan
Airplanes alone: --config.data.classes="('airplane',)"
Other data: --config.data.name=emnist/letters, or --config.data.name=celeb_a
--config.data.image_size=64.
Hardware: one GPU or TPU core.
Length: 30 epochs, 23,450 steps of batch 64.
Seen after 1,500 steps: blurred objects, red, white and dark, against blue, green, white and brown,
all different; D(x) 0.85, D(G(z)) 0.06 before the generator's update and 0.20 after. At
--config.model.width=0.375 much the same with a checkerboard on top; FID (EfficientNet-Lite0) of
2,000 against 10,000 of the JPEG copy of CIFAR-10 was 951 at step 250, 996 at 500, 711 at 1,250 and
717 at 1,500. FID is not measured here yet; StudioGAN publishes 48.3 at best for its DCGAN, and 137
at the end of the same run.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("dcgan")
    config.model.network = "dcgan_radford"
    config.model.discriminator.normalization = "batch"
    config.sample_epochs = (1, 25, 30)
    return common.finish(config, variant)
