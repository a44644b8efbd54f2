"""The training loop, top to bottom: flow first, then pictures, then video with both critics.

B batch, T frames of a chunk, R references.
"""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from ..animate.devices import fast_precision
from ..animate.structure import edges_only, image_edges, structure_map
from ..models import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    frame_residuals,
    load_generator,
    save_generator,
)
from ..models.generator import FrameOutput, GeneratorMemory
from ..models.layers import Net, channels_last
from .checkpoint import load_checkpoint, save_checkpoint
from .config import Stage, TrainConfig
from .data import Batch, Sampler, load_clips
from .losses import affine_regularisation, critic_hinge, flow_distance, generator_hinge, part_weight
from .muon import Muon
from .perceptual import PerceptualFeatures, perceptual_distance

CHECKPOINT_SECONDS = 120
LOG_STEPS = 20
VIDEO_CHUNK = 3  # frames the temporal critic sees: two residuals
HEADS = ("head8", "head4", "paint", "taps")  # layers of outputs, no directions to be evened: AdamW's


class Trainer:
    """One run: `out` receives metrics.jsonl, the newest checkpoint and the averaged (EMA) weights.

    Under torchrun every process trains on samples of its own, gradients are averaged, the first writes.
    """

    def __init__(
        self,
        model: GeneratorConfig,
        config: TrainConfig,
        data: Path,
        out: Path,
        perceptual: Path | None,
        device: str,
    ):
        torch.manual_seed(config.seed)
        self.config, self.data, self.out, self.device = config, data, out, torch.device(device)
        out.mkdir(parents=True, exist_ok=True)
        self.generator = self._place(Generator(model))
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.critic = self._place(Discriminator(DiscriminatorConfig(channels=3)))
        self.temporal = self._place(Discriminator(DiscriminatorConfig(channels=3 * (VIDEO_CHUNK - 1))))
        self.features = self._place(PerceptualFeatures(perceptual)) if perceptual else None
        critics = [*self.critic.parameters(), *self.temporal.parameters()]
        self.modules = {
            "generator": self.generator,
            "average": self.average,
            "critic": self.critic,
            "temporal": self.temporal,
        }
        kernels, rest = [], []
        for name, parameter in self.generator.named_parameters():
            hidden = parameter.ndim == 4 and not any(head in name for head in HEADS)
            (kernels if hidden else rest).append(parameter)
        self.generator_optimisers = {
            "kernel_optimiser": Muon(kernels),
            "generator_optimiser": torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=1e-4),
        }
        self.optimisers = self.generator_optimisers | {
            "critic_optimiser": torch.optim.AdamW(critics, lr=config.critic_rate, betas=(0.5, 0.99)),
        }
        self.step = 0
        grouped = distributed.is_initialized()
        self.rank, self.world = (distributed.get_rank(), distributed.get_world_size()) if grouped else (0, 1)

    def start_from(self, weights: str) -> None:
        """Begin with the parameters of a weights file (or shipped name) of the same configuration."""
        loaded = load_generator(weights, self.device)
        if loaded.config != self.generator.config:
            raise ValueError(f"{weights} is of another configuration: {loaded.config}.")
        for module in (self.generator, self.average):
            module.load_state_dict(loaded.state_dict())

    def resume(self) -> None:
        """Continue from the newest checkpoint in the run's folder, if there is one."""
        path = self.out / "checkpoint.safetensors"
        if path.is_file():
            self.step = load_checkpoint(path, self.modules, self.optimisers)["step"]

    def train(self) -> None:
        clips = load_clips(self.data, "train", self.out / "frames")
        seed = self.config.seed * self.world + self.rank
        torch.manual_seed(seed)
        saved = time.monotonic()
        bar = tqdm(
            total=self.config.steps, initial=self.step, unit="step", mininterval=5, disable=self.rank > 0
        )
        with (self.out / "metrics.jsonl").open("a") as log:
            while self.step < self.config.steps:
                stage, number = self.config.stage_at(self.step)
                sampler = Sampler(clips, stage.batch, stage.length, self.generator.config.size, seed)
                chunks, recent = stage.length // stage.chunk, []
                left = stage.steps - number
                for batch in sampler.ahead(self.step, self.step + math.ceil(left / chunks)):
                    for terms in self._sample_steps(stage, batch):
                        self.step += 1
                        bar.update()
                        recent.append({name: value.detach() for name, value in terms.items()})
                        if self.step % LOG_STEPS == 0:
                            values = mean_terms(recent)
                            recent.clear()
                            if self.rank == 0:
                                log.write(
                                    json.dumps({"step": self.step, "stage": stage.name, **values}) + "\n"
                                )
                                log.flush()
                            bar.set_postfix(values, refresh=False)
                            if not all(math.isfinite(value) for value in values.values()):
                                raise FloatingPointError(
                                    f"Training diverged at step {self.step}: {values}; the checkpoint stays."
                                )
                        if time.monotonic() - saved > CHECKPOINT_SECONDS:
                            self.save()
                            saved = time.monotonic()
                    if self.step >= self.config.steps or self.config.stage_at(self.step)[0] is not stage:
                        break
        self.save()

    def save(self) -> None:
        """Write the checkpoint and the averaged weights (the first process alone)."""
        if self.rank > 0:
            return
        save_checkpoint(
            self.out / "checkpoint.safetensors",
            self.modules,
            self.optimisers,
            {"step": self.step, "config": asdict(self.config)},
        )
        save_generator(self.out / "generator.safetensors", self.average)

    def _sample_steps(self, stage: Stage, batch: Batch):
        """One optimiser step a chunk of the sample; yields each step's loss terms."""
        batch = Batch(*(tensor.to(self.device) for tensor in batch))
        structures = draw_structures(batch.images, batch.points, batch.guidance)  # (B, 1 + T, S, h, w)
        memory = GeneratorMemory()
        for start in range(0, stage.length, stage.chunk):
            part = slice(start, start + stage.chunk)
            truth, points, drawn = (x[:, 1:][:, part] for x in (batch.images, batch.points, structures))
            teacher = (batch.flow[:, part], batch.flow_weight[:, part])
            outputs: list[FrameOutput] = []
            with self._autocast():
                reference = self.generator.encode_reference(
                    batch.images[:, 0], structures[:, 0], batch.points[:, 0]
                )
                if stage.flow_only:
                    target = self.generator.structure_encoder(drawn[:, 0])[0]
                    motion, _ = self.generator.estimate_motion(target, points[:, 0], (reference,))
                    terms = {
                        "flow": flow_distance(
                            motion.flows[1], motion.flows[0], teacher[0][:, 0], teacher[1][:, 0]
                        )
                    }
                else:
                    outputs, memory = self.generator.animate(drawn, points, reference, memory)
                    terms = self._reconstruction(outputs, truth, points, teacher)
            if stage.adversarial:
                terms |= self._critics(torch.stack([output.image for output in outputs], dim=1), truth)
            yield self._step(stage, terms)
            memory = memory.detach()

    def _step(self, stage: Stage, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        loss = sum((value * getattr(stage, name, 0) for name, value in terms.items()), torch.zeros(()))
        self.generator.zero_grad(set_to_none=True)
        loss.backward()
        self._average_gradients(self.generator)
        terms["norm"] = torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.config.clip_gradient)
        if torch.isfinite(terms["norm"]):
            for optimiser in self.generator_optimisers.values():
                for group in optimiser.param_groups:
                    group["lr"] = self._rate(stage)
                optimiser.step()
        decay = min(self.config.ema, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for averaged, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                averaged.lerp_(value, 1 - decay)
        return terms

    def _reconstruction(
        self, outputs: list[FrameOutput], truth: Tensor, points: Tensor, teacher: tuple[Tensor, Tensor]
    ) -> dict[str, Tensor]:
        images = torch.cat([output.image for output in outputs])
        real = truth.transpose(0, 1).flatten(0, 1)  # frame-major, as the outputs
        parts = part_weight(points.transpose(0, 1).flatten(0, 1), real.shape[-1])
        side = real.shape[-1] * 7 // 8  # a crop anywhere, so that the features' own grid is not learnt
        top, left = torch.randint(0, real.shape[-1] - side + 1, (2,)).tolist()
        window = (..., slice(top, top + side), slice(left, left + side))
        flows = [
            flow_distance(output.motions[1].flow, output.motions[0].flow, teacher[0][:, t], teacher[1][:, t])
            for t, output in enumerate(outputs)
        ]
        affine = [
            affine_regularisation(output.motions[level].flow.flatten(0, 1), n)
            for output in outputs
            for level, n in enumerate((3, 5))
        ]
        generated = torch.cat([output.generated for output in outputs])
        warped = torch.cat([output.warped for output in outputs])
        return {
            "l1": F.l1_loss(images, real),
            "parts": ((images - real).abs() * parts).sum() / (3 * parts.sum()),
            "perceptual": self._perceptual(images[window], real[window]),
            "generated": self._small_losses(generated, real),
            "warped": self._small_losses(warped, real),
            "flow": torch.stack(flows).mean(),
            "affine": torch.stack(affine).mean(),
        }

    def _small_losses(self, images: Tensor, real: Tensor) -> Tensor:
        """L1 and perceptual distance at half size: a fourth of the cost."""
        images, real = F.avg_pool2d(images, 2), F.avg_pool2d(real, 2)
        return self._perceptual(images, real) + 2 * F.l1_loss(images, real)

    def _perceptual(self, images: Tensor, truth: Tensor) -> Tensor:
        if self.features is None:
            return torch.zeros((), device=truth.device)
        with torch.no_grad():
            wanted = self.features(truth)
        return perceptual_distance(self.features(images), wanted).mean()

    def _critics(self, fake: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """One step of both critics, then the generator's terms. fake, truth: (B, T, 3, H, W)."""
        pick = int(torch.randint(fake.shape[1], ()))
        with self._autocast():
            frozen = fake.detach()
            image_loss = critic_hinge(self.critic(truth[:, pick]), self.critic(frozen[:, pick]))
            video_loss = critic_hinge(
                self.temporal(frame_residuals(truth)), self.temporal(frame_residuals(frozen))
            )
        self.optimisers["critic_optimiser"].zero_grad(set_to_none=True)
        (image_loss + video_loss).backward()
        self._average_gradients(self.critic, self.temporal)
        self.optimisers["critic_optimiser"].step()
        for module in (self.critic, self.temporal):
            module.requires_grad_(False)
        with self._autocast():
            terms = {
                "critic": image_loss.detach(),
                "temporal_critic": video_loss.detach(),
                "adversarial": generator_hinge(self.critic(fake[:, pick])),
                "temporal": generator_hinge(self.temporal(frame_residuals(fake))),
            }
        for module in (self.critic, self.temporal):
            module.requires_grad_(True)
        return terms

    def _average_gradients(self, *modules: torch.nn.Module) -> None:
        """Replace each gradient by its mean over the processes, in one message."""
        if self.world == 1:
            return
        parameters = [parameter for module in modules for parameter in module.parameters()]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient) / self.world)

    def _rate(self, stage: Stage) -> float:
        """Warm-up, then half a cosine down to a twentieth over the whole run."""
        progress = self.step / self.config.steps
        shape = 0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2
        return stage.rate * shape * min(1.0, (self.step + 1) / self.config.warmup)

    def _autocast(self):
        fast = fast_precision(self.device) == torch.bfloat16
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=fast)

    def _place(self, net: Net) -> Net:
        return channels_last(net.to(self.device))


def mean_terms(steps: list[dict[str, Tensor]]) -> dict[str, float]:
    """Every term's mean over `steps`, rounded for the log."""
    return {name: round(float(torch.stack([step[name] for step in steps]).mean()), 5) for name in steps[-1]}


def draw_structures(images: Tensor, points: Tensor, guidance: Tensor) -> Tensor:
    """Structure maps (B, T, S, h, w) of `images` (B, T, 3, H, W) in [-1, 1] with `points` (B, T, 68, 2);
    `guidance` (B,): 0 landmarks, 1 landmarks and edges, 2 edges alone."""
    size = images.shape[-1]
    maps = []
    for picture, place, kind in zip(images, points, guidance.tolist(), strict=True):
        edges = image_edges((picture + 1) / 2) if kind else None
        drawn = structure_map(place, size, edges)
        maps.append(edges_only(drawn) if kind == 2 else drawn)
    return torch.stack(maps)
