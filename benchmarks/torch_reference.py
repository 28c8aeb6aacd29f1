"""PyTorch reference of the DCGAN and WGAN-GP steps that `compare.py` measures gan_jax against.

The mathematics is gan_jax's own: the same networks, losses, optimizers and order of updates, fresh
noise in every update, data gathered by index from uint8 images on the device. The PyTorch is what
someone who knows PyTorch writes for speed: real and fake images go through the discriminator as one
batch, the network that does not train takes no gradients, Adam is the fused one, and a compiled
function holds everything from the index to the loss.

Networks, with images [B, 3, 32, 32] (Radford et al. 2015, https://arxiv.org/abs/1511.06434):
  dcgan_4x4   z 100, dense 4x4x512, transposed convolutions 256, 128, 3 (4x4, stride 2), tanh;
              BatchNorm and LeakyReLU 0.2 between them. Convolutions 128, 256, 512 (4x4, stride 2)
              with LeakyReLU 0.2 and dropout 0.3 (none in WGAN-GP), dense 1.
  dcgan_8x8   z 100, dense 8x8x256, transposed convolutions 128, 64 (4x4, stride 2), 3 (3x3, stride
              1), tanh; BatchNorm and ReLU between them. Convolutions 64, 128 (4x4, stride 2) with
              LeakyReLU 0.2, dense 1.
Systems:
  dcgan       Cross-entropy, the discriminator's with real labels 0.9 and fake labels 0.1, the
              generator's with 1; Adam 2e-4 (0.5, 0.999).
  wgan_gp     Wasserstein loss and 10 (|grad C(x)| - 1)^2 at x between real and fake; Adam 1e-4
              (0, 0.9) (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028); the critic's
              kernels initialized as He et al. 2015, the others from N(0, 0.02).
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from worker_protocol import RANDOM_IMAGES, TORCH_VARIANTS, Settings

LATENT_DIM = 100
REAL_LABEL, FAKE_LABEL = 0.9, 0.1
PENALTY_WEIGHT = 10.0
ADAM = {"dcgan": (2e-4, (0.5, 0.999)), "wgan_gp": (1e-4, (0.0, 0.9))}
DROPOUT_RATE = {"dcgan": 0.3, "wgan_gp": 0.0}

Losses = dict[str, Tensor]
Step = Callable[[Tensor], Losses]


def generator_network(networks: str) -> nn.Module:
    """The generator, z [B, 100] -> images [B, 3, 32, 32] in [-1, 1]."""
    side, widths, activation = {
        "dcgan_4x4": (4, (512, 256, 128), lambda: nn.LeakyReLU(0.2)),
        "dcgan_8x8": (8, (256, 128, 64), nn.ReLU),
    }[networks]
    layers = [
        nn.Linear(LATENT_DIM, side * side * widths[0], bias=False),
        nn.Unflatten(1, (widths[0], side, side)),
        nn.BatchNorm2d(widths[0]),
        activation(),
    ]
    for before, after in itertools.pairwise(widths):
        layers += [
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            activation(),
        ]
    last = (
        nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1)
        if networks == "dcgan_4x4"
        else nn.ConvTranspose2d(widths[-1], 3, 3, 1, 1)
    )
    return nn.Sequential(*layers, last, nn.Tanh())


def discriminator_network(networks: str, dropout_rate: float) -> nn.Module:
    """The discriminator or critic, images [B, 3, 32, 32] -> logits [B]."""
    widths = {"dcgan_4x4": (128, 256, 512), "dcgan_8x8": (64, 128)}[networks]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((3, *widths)):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        if dropout_rate:
            layers.append(nn.Dropout(dropout_rate))
    side = 32 // 2 ** len(widths)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side**2, 1), nn.Flatten(0))


def initialize(network: nn.Module, *, he: bool = False) -> None:
    """Draws kernels from N(0, 0.02) as Radford et al., or N(0, 2 / fan_in); biases are zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if he:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Trainer:
    """Networks, optimizers and data of one measurement, and its train step.

    Attributes:
      step: Does one step: `critic_steps` updates of the discriminator or critic and one of the
        generator. Takes indices [critic_steps, B] int64 on the device, returns the last losses.
      dataset_size: Number of images to index.
      generator: The network, z [B, 100] -> images [B, 3, 32, 32] in [-1, 1].
      device: The device on which everything lies.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.variant = TORCH_VARIANTS[settings.variant]
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        self._images = self._load_images()
        self.dataset_size = len(self._images)
        self.generator = generator_network(settings.networks)
        self._discriminator = discriminator_network(
            settings.networks, DROPOUT_RATE[settings.system]
        )
        for network in (self.generator, self._discriminator):
            initialize(network, he=settings.system == "wgan_gp" and network is self._discriminator)
            network.to(self.device)
            if self.variant.channels_last:
                network.to(memory_format=torch.channels_last)
        rate, betas = ADAM[settings.system]
        options = {"lr": rate, "betas": betas, "fused": True, "capturable": self.variant.cuda_graph}
        self._generator_optimizer = torch.optim.Adam(self.generator.parameters(), **options)
        self._discriminator_optimizer = torch.optim.Adam(
            self._discriminator.parameters(), **options
        )
        self._discriminator_loss, self._generator_loss = {
            "dcgan": (self._dcgan_discriminator_loss, self._dcgan_generator_loss),
            "wgan_gp": (self._wgan_gp_critic_loss, self._wgan_gp_generator_loss),
        }[settings.system]
        if self.variant.compile:
            self._discriminator_loss = torch.compile(self._discriminator_loss)
            self._generator_loss = torch.compile(self._generator_loss)
        self.step: Step = self._step
        if self.variant.cuda_graph:
            self.step = self._capture()

    def _load_images(self) -> Tensor:
        """The images, uint8 on the device: NHWC if the variant is channels_last, else NCHW."""
        if self.settings.data == "random":
            images = torch.randint(0, 256, (RANDOM_IMAGES, 32, 32, 3), dtype=torch.uint8)
        else:
            images = torch.from_numpy(np.load(self.settings.data))
        if not self.variant.channels_last:
            images = images.permute(0, 3, 1, 2).contiguous()
        return images.to(self.device)

    def _real(self, index: Tensor) -> Tensor:
        """Gathers and normalizes images [B, 3, 32, 32]."""
        images = self._images[index].float() / 127.5 - 1.0
        return images.permute(0, 3, 1, 2) if self.variant.channels_last else images

    def _fake(self) -> Tensor:
        """Images [B, 3, 32, 32] from fresh noise."""
        noise = torch.randn(self.settings.batch_size, LATENT_DIM, device=self.device)
        with self._autocast():
            return self.generator(noise).float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.settings.device, torch.bfloat16, enabled=self.settings.precision == "bfloat16"
        )

    def _logits(self, images: Tensor) -> Tensor:
        with self._autocast():
            return self._discriminator(images).float()

    def _dcgan_discriminator_loss(self, index: Tensor) -> Tensor:
        with torch.no_grad():
            fake = self._fake()
        real_logits, fake_logits = self._logits(torch.cat([self._real(index), fake])).chunk(2)
        return functional.binary_cross_entropy_with_logits(
            real_logits, torch.full_like(real_logits, REAL_LABEL)
        ) + functional.binary_cross_entropy_with_logits(
            fake_logits, torch.full_like(fake_logits, FAKE_LABEL)
        )

    def _dcgan_generator_loss(self) -> Tensor:
        logits = self._logits(self._fake())
        return functional.softplus(-logits).mean()

    def _wgan_gp_critic_loss(self, index: Tensor) -> Tensor:
        with torch.no_grad():
            fake = self._fake()
        real = self._real(index)
        real_scores, fake_scores = self._logits(torch.cat([real, fake])).chunk(2)
        mix = torch.rand(len(real), 1, 1, 1, device=self.device)
        gradients = self._input_gradients(real + mix * (fake - real))
        penalty = (gradients.flatten(1).norm(dim=1) - 1.0).square().mean()
        return fake_scores.mean() - real_scores.mean() + PENALTY_WEIGHT * penalty

    def _input_gradients(self, images: Tensor) -> Tensor:
        """Gradients [B, 3, 32, 32] of the float32 critic, differentiable in its parameters."""
        if self.variant.compile:
            # torch.compile cannot differentiate twice through what it compiled; torch.func's
            # gradient is traced as part of the forward pass, which leaves it one to do.
            return torch.func.grad(lambda images: self._discriminator(images).sum())(images)
        images.requires_grad_()
        return torch.autograd.grad(self._discriminator(images).sum(), images, create_graph=True)[0]

    def _wgan_gp_generator_loss(self) -> Tensor:
        return -self._logits(self._fake()).mean()

    def _step(self, indices: Tensor) -> Losses:
        self._discriminator.requires_grad_(True)
        self.generator.requires_grad_(False)
        for index in indices.unbind():
            self._discriminator_optimizer.zero_grad()
            discriminator_loss = self._discriminator_loss(index)
            discriminator_loss.backward()
            self._discriminator_optimizer.step()
        self._discriminator.requires_grad_(False)
        self.generator.requires_grad_(True)
        self._generator_optimizer.zero_grad()
        generator_loss = self._generator_loss()
        generator_loss.backward()
        self._generator_optimizer.step()
        return {"discriminator": discriminator_loss.detach(), "generator": generator_loss.detach()}

    def _capture(self) -> Step:
        """Captures one step as a CUDA graph over a fixed buffer of indices."""
        indices = torch.zeros(
            self.settings.critic_steps,
            self.settings.batch_size,
            dtype=torch.int64,
            device=self.device,
        )
        side_stream = torch.cuda.Stream()
        side_stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side_stream):
            for _ in range(3):  # Capture wants kernels chosen, code compiled, optimizers filled.
                self._step(indices)
        torch.cuda.current_stream().wait_stream(side_stream)
        # Gradients must come from the graph's own memory.
        self._generator_optimizer.zero_grad()
        self._discriminator_optimizer.zero_grad()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses = self._step(indices)

        def replay(new_indices: Tensor) -> Losses:
            indices.copy_(new_indices)
            graph.replay()
            return losses

        return replay
