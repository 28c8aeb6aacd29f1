"""PyTorch reference of the steps that `compare.py` measures gan_jax against.

The mathematics is gan_jax's own: the same networks (`torch_networks.py`), losses, optimizers and
order of updates, fresh noise in every update, data gathered by index from uint8 images on the
device. The PyTorch is what someone who knows PyTorch writes for speed: real and fake images go
through the discriminator as one batch (but SNGAN's, see `torch_sngan.py`), the network that does
not train takes no gradients, Adam is the fused one, and a compiled function holds everything from
the index to the loss.

Systems:
  dcgan       Cross-entropy, the discriminator's with real labels 0.9 and fake labels 0.1, the
              generator's with 1; Adam 2e-4 (0.5, 0.999).
  wgan_gp     Wasserstein loss and 10 (|grad C(x)| - 1)^2 at x between real and fake; Adam 1e-4
              (0, 0.9) (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028); the critic's
              kernels initialized as He et al. 2015, the others from N(0, 0.02).
  sngan       Hinge loss; Adam 2e-4 (0, 0.9), the rate falling to zero over 50,000 steps.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch_sngan
from torch import Tensor, nn
from torch.nn import functional
from torch_networks import LATENT_DIM, discriminator_network, generator_network, initialize
from worker_protocol import RANDOM_IMAGES, TORCH_VARIANTS, Settings

REAL_LABEL, FAKE_LABEL = 0.9, 0.1
PENALTY_WEIGHT = 10.0
ADAM = {
    "dcgan": (2e-4, (0.5, 0.999)),
    "wgan_gp": (1e-4, (0.0, 0.9)),
    "sngan": (2e-4, (0.0, 0.9)),
}
DROPOUT_RATE = {"dcgan": 0.3, "wgan_gp": 0.0, "sngan": 0.0}
SNGAN_STEPS = 50_000

Losses = dict[str, Tensor]
Step = Callable[[Tensor], Losses]


class Trainer:
    """Networks, optimizers and data of one measurement, and its train step.

    Attributes:
      dataset_size: Number of images to index.
      generator: The network, z [B, latent_dim] -> images [B, 3, 32, 32] in [-1, 1].
      discriminator: The network, images [B, 3, 32, 32] -> logits [B].
      latent_dim: 100, SNGAN's 128.
      device: The device on which everything lies.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.variant = TORCH_VARIANTS[settings.variant]
        self.device = torch.device(settings.device)
        self.latent_dim = torch_sngan.LATENT_DIM if settings.system == "sngan" else LATENT_DIM
        torch.manual_seed(settings.seed)
        self._images = self._load_images()
        self.dataset_size = len(self._images)
        self.generator, self.discriminator = self._networks()
        for network in (self.generator, self.discriminator):
            network.to(self.device)
            if self.variant.channels_last:
                network.to(memory_format=torch.channels_last)
        self._steps = 0
        self._rate = ADAM[settings.system][0]
        self._generator_optimizer = self._optimizer(self.generator)
        self._discriminator_optimizer = self._optimizer(self.discriminator)
        self._discriminator_loss, self._generator_loss = {
            "dcgan": (self._dcgan_discriminator_loss, self._dcgan_generator_loss),
            "wgan_gp": (self._wgan_gp_critic_loss, self._wgan_gp_generator_loss),
            "sngan": (self._sngan_discriminator_loss, self._sngan_generator_loss),
        }[settings.system]
        if self.variant.compile:
            self._discriminator_loss = torch.compile(self._discriminator_loss)
            self._generator_loss = torch.compile(self._generator_loss)
        self._one_step: Step = self._capture() if self.variant.cuda_graph else self._step

    def step(self, indices: Tensor) -> Losses:
        """Does one step: `critic_steps` updates of the discriminator and one of the generator.

        Args:
          indices: Of the real images, [critic_steps, B] int64 on the device.

        Returns:
          The last losses.
        """
        if self.settings.system == "sngan":
            self._set_rate(self._rate * (1.0 - self._steps / SNGAN_STEPS))
        self._steps += 1
        return self._one_step(indices)

    def _set_rate(self, rate: float) -> None:
        for optimizer in (self._generator_optimizer, self._discriminator_optimizer):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def _networks(self) -> tuple[nn.Module, nn.Module]:
        """The generator and the discriminator, initialized."""
        settings = self.settings
        generator = generator_network(settings.networks, settings.width)
        discriminator = discriminator_network(
            settings.networks, DROPOUT_RATE[settings.system], settings.width
        )
        if settings.system != "sngan":
            initialize(generator)
            initialize(discriminator, he=settings.system == "wgan_gp")
        return generator, discriminator

    def _optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        rate, betas = ADAM[self.settings.system]
        captured = self.variant.cuda_graph
        return torch.optim.Adam(
            network.parameters(),
            # A captured step reads its rate where `_set_rate` writes it.
            lr=torch.tensor(rate, device=self.device) if captured else rate,
            betas=betas,
            fused=True,
            capturable=captured,
        )

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
        noise = torch.randn(self.settings.batch_size, self.latent_dim, device=self.device)
        with self._autocast():
            return self.generator(noise).float()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.settings.device, torch.bfloat16, enabled=self.settings.precision == "bfloat16"
        )

    def _logits(self, images: Tensor) -> Tensor:
        with self._autocast():
            return self.discriminator(images).float()

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
            return torch.func.grad(lambda images: self.discriminator(images).sum())(images)
        images.requires_grad_()
        return torch.autograd.grad(self.discriminator(images).sum(), images, create_graph=True)[0]

    def _wgan_gp_generator_loss(self) -> Tensor:
        return -self._logits(self._fake()).mean()

    def _sngan_discriminator_loss(self, index: Tensor) -> Tensor:
        with torch.no_grad():
            fake = self._fake()
        # Two batches, one power iteration each.
        real_logits = self._logits(self._real(index))
        return torch_sngan.discriminator_loss(real_logits, self._logits(fake))

    def _sngan_generator_loss(self) -> Tensor:
        return torch_sngan.generator_loss(self._logits(self._fake()))

    def _step(self, indices: Tensor) -> Losses:
        self.discriminator.requires_grad_(True)
        self.generator.requires_grad_(False)
        for index in indices.unbind():
            self._discriminator_optimizer.zero_grad()
            discriminator_loss = self._discriminator_loss(index)
            discriminator_loss.backward()
            self._discriminator_optimizer.step()
        self.discriminator.requires_grad_(False)
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
