"""The training loop: flow first, then pictures, then video with both critics. B batch, T a chunk's frames."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, cast

import torch
import torch.distributed as distributed
from torch import Tensor
from tqdm import tqdm

from ..animate.errors import InputError, Stopped
from ..animate.io.atomic import clear_parts
from ..models import (
    AttentionFlow,
    Generator,
    GeneratorConfig,
    MatteConfig,
    MatteNet,
    load_generator,
    load_matte_net,
    new_generator,
    save_generator,
)
from ..models.config import mismatch
from ..models.frames import FrameOutput
from ..models.layers import Net, channels_last
from .config import Stage, TrainConfig
from .critics import Critics, critic_masks, critic_terms, new_critics
from .data.clips import Batch
from .data.closeups import looked_closer
from .data.mattes import MatteBatch
from .data.reading.workers import Loading
from .data.samples import StageSamples, open_samples
from .losses.landmarks import LandmarkJudge
from .losses.matte import matte_terms
from .losses.objective import Target, flow_terms, picture_terms, window
from .losses.perceptual import load_features
from .muon import new_optimisers
from .precision import MAX_SKIPPED, autocast, new_scaler
from .processes import agree, average_gradients, check_same, defer_sigint, lock_run
from .record.checkpoint import describe_resume, load_checkpoint, name_file_in_errors, save_checkpoint
from .record.evaluations import Evaluations
from .record.journal import Journal, Terms
from .record.sample_grid import picture_grid
from .rollout import Rollout, animate_chunk, disturb

CHECKPOINT_SECONDS = 120


class Step(NamedTuple):
    """One optimiser step: its loss terms, and the last frame of its chunk for display; output is None in the
    flow stage."""

    terms: dict[str, Tensor]
    source: Tensor
    truth: Tensor
    output: FrameOutput | None


class Trainer:
    """One run: `out` receives metrics.jsonl, the newest checkpoint and the averaged (EMA) weights.

    Under torchrun each process trains on its part of the batch, gradients are averaged, and the first process
    writes. Samples and random numbers depend on the seed and the step alone, and checkpoints are written
    between samples, so a run that was killed and resumed equals an uninterrupted one.
    """

    def __init__(
        self,
        model: GeneratorConfig | MatteConfig,
        config: TrainConfig,
        data: Path | None,
        out: Path,
        perceptual: Path | None,
        device: str,
        build: Callable[[GeneratorConfig], Generator | AttentionFlow] | None = None,
        loading: Loading | None = None,
        tracking: str = "",
    ):
        torch.manual_seed(config.seed)
        self.config, self.data, self.out, self.device = config, data, out, torch.device(device)
        self.tracking, self.loading = tracking, loading or Loading()
        self.is_matte = isinstance(model, MatteConfig)
        network = MatteNet(model) if isinstance(model, MatteConfig) else (build or new_generator)(model)
        self.generator = self._place(cast(Generator | AttentionFlow, network))  # or the network of mattes
        self.average = copy.deepcopy(self.generator).requires_grad_(False).to(config.average_on or device)
        task = "face" if isinstance(model, MatteConfig) else model.task  # mattes use no critics
        self.critic, self.temporal = map(self._place, new_critics(task, config.critic_levels))
        has_features = perceptual is not None or config.features == "vgg19"
        self.features = self._place(load_features(config.features, perceptual)) if has_features else None
        self.judge = self._place(LandmarkJudge()) if any(s.landmarks for s in config.stages) else None
        critics = [*self.critic.parameters(), *self.temporal.parameters()]
        self.modules = {
            "generator": self.generator,
            "average": self.average,
            "critic": self.critic,
            "temporal": self.temporal,
        }
        self.generator_optimisers = new_optimisers(self.generator)
        self.optimisers = self.generator_optimisers | {
            "critic_optimiser": torch.optim.AdamW(critics, lr=config.critic_rate, betas=(0.5, 0.99)),
        }
        self.step, self.skipped = 0, 0
        self.stalled = False  # its evaluations have not been better for `config.patience` times
        self.scaler = new_scaler(self.device, config.precision)
        self.recent: list[Terms] = []
        self.rng = torch.Generator()
        grouped = distributed.is_initialized()
        self.rank, self.world = (distributed.get_rank(), distributed.get_world_size()) if grouped else (0, 1)
        # Inductor of torch 2.13 would otherwise reuse buffers too early, in the backward of `double`.
        options = {"inplace_buffers": False} if config.compile == "inductor" else None
        for block in self.generator.children() if config.compile else ():
            block.compile(backend=config.compile, options=options)

    def start_from(self, weights: str) -> None:
        """Start from a weights file (or shipped name) of the same configuration, close-ups also of a face's;
        InputError if it does not fit."""
        if self.is_matte:
            loaded = cast(Generator | AttentionFlow, load_matte_net(weights, self.device))
        else:
            loaded = load_generator(weights, self.device)
            closer = self.generator.config.task == "closeup" and loaded.config.task == "face"
            if closer and isinstance(loaded, Generator | AttentionFlow):
                loaded = looked_closer(loaded, self.generator.config)
        if loaded.config != self.generator.config:
            raise InputError(weights, mismatch(loaded.config))
        for module in (self.generator, self.average):
            module.load_state_dict(loaded.state_dict())

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.safetensors"

    @property
    def weights(self) -> Path:
        return self.out / ("matte.safetensors" if self.is_matte else "generator.safetensors")

    def resume(self) -> str:
        """Continue from the newest checkpoint in the run's folder, if there is one. Returns a sentence that
        says where and by which schedule; InputError if it cannot continue from there."""
        if not self.checkpoint.is_file():
            return f"{self.out}: no checkpoint; the run starts from the beginning."
        model = asdict(self.generator.config)
        loop = load_checkpoint(self.checkpoint, self.modules, self.optimisers, model)
        self.step, self.recent = loop["step"], loop["recent"]
        if self.scaler.is_enabled() and loop.get("scaler"):
            self.scaler.load_state_dict(loop["scaler"])
        for group in self.optimisers["critic_optimiser"].param_groups:
            group["lr"] = self.config.critic_rate  # of this run, not of the one before
        check_same(self.step, self.world, self.checkpoint)
        return describe_resume(self.checkpoint, loop, asdict(self.config))

    def train(self) -> None:
        """Run to the end, or until it has stalled. InputError, OSError or FloatingPointError leave the last
        good checkpoint; Ctrl-C raises Stopped with the run saved."""
        self.out.mkdir(parents=True, exist_ok=True)
        first, steps = self.rank == 0, self.config.steps
        with lock_run(self.out, first=first):
            if first:
                for path in (self.checkpoint, self.weights):
                    clear_parts(path)
            samples = open_samples(self.generator.config, self.config, self.data, self.loading)
            bar = tqdm(total=steps, initial=self.step, unit="step", mininterval=5, disable=not first)
            journal = Journal(self.out, self.step, self.recent, first=first, tracking=self.tracking)
            with journal, bar, defer_sigint(alone=self.world == 1) as interrupted:
                while self.step < steps and not self.stalled:
                    self._train_stage(samples, journal, bar, interrupted)
                journal.judge(self.step, self.config.stage_at(self.step - 1)[0].name)
                self.save()

    def save(self) -> None:
        """Write the checkpoint and the averaged weights (the first process alone)."""
        if self.rank > 0:
            return
        loop = {
            "step": self.step,
            "recent": self.recent,
            "model": asdict(self.generator.config),
            "config": asdict(self.config),
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(self.checkpoint, self.modules, self.optimisers, loop)
        with name_file_in_errors(self.weights):
            save_generator(self.weights, self.average)

    def _train_stage(
        self, samples: StageSamples, journal: Journal, bar: tqdm, interrupted: Callable[[], bool]
    ) -> None:
        """Train the rest of the current stage; its end may cut the last sample short."""
        stage, number = self.config.stage_at(self.step)
        begin, chunks = self.step - number, stage.length // stage.chunk
        first, last = (begin + math.ceil(n / chunks) for n in (number, stage.steps))
        saved = time.monotonic()
        size, each = stage.batch * self.world * self.config.accumulate, self.config.accumulate
        parts = [samples(stage, self.rank * each + place).ahead(first, last) for place in range(each)]
        for batches in journal.timed(zip(*parts, strict=True)):
            for step in self.sample_steps(stage, *batches):
                self.step += 1
                bar.update()
                if means := journal.add(self.step, stage.name, step.terms, size):
                    bar.set_postfix(means, refresh=False)
                    if self.config.patience:
                        worse = Evaluations(self.out).since_best() if self.rank == 0 else 0
                        self.stalled = agree(worse, self.world) >= self.config.patience
                if step.output and journal.wants_picture(self.step):
                    journal.picture(self.step, picture_grid(step.source, step.truth, step.output))
                if self.step == begin + stage.steps:
                    break
            stop = interrupted()
            due = stop or time.monotonic() - saved > CHECKPOINT_SECONDS
            if healthy := due and journal.healthy(stage.name):
                self.save()
                saved = time.monotonic()
            if stop:
                end = "saved; --resume continues from there" if healthy else "not saved: it has diverged"
                raise Stopped(f"stopped at step {self.step} of {self.config.steps}, {end}.")
            if self.stalled:
                return

    def sample_steps(self, stage: Stage, *batches: Batch | MatteBatch) -> Iterator[Step]:
        """One optimiser step for each chunk of the samples. Several `batches` together are one that is so
        many times larger, in the memory of one."""
        if isinstance(batches[0], MatteBatch):
            pairs = (cast(MatteBatch, batch) for batch in batches)
            terms = self._step(stage, (self._matte_terms(*pair) for pair in pairs))
            yield Step(terms, *batches[0], None)
            return
        first, parts = self.rank * len(batches), self.world * len(batches)
        rollouts = [
            Rollout.of(cast(Batch, batch), self.generator.config.task, self.device, (first + place, parts))
            for place, batch in enumerate(batches)
        ]
        for start in range(0, stage.length, stage.chunk):
            shown: list[FrameOutput] = []
            losses = (self._chunk_terms(stage, rollout, start, shown) for rollout in rollouts)
            terms = self._step(stage, losses)
            truth = rollouts[-1].truth(stage, start)
            yield Step(terms, rollouts[-1].source, truth[:, -1], shown[-1] if shown else None)

    def _matte_terms(self, images: Tensor, mattes: Tensor) -> dict[str, Tensor]:
        with self._autocast():
            return matte_terms(cast(MatteNet, self.generator)(images.to(self.device)), mattes.to(self.device))

    def _chunk_terms(
        self, stage: Stage, rollout: Rollout, start: int, shown: list[FrameOutput]
    ) -> dict[str, Tensor]:
        """The generator's loss terms of the chunk from frame `start` on, after the critics' backward pass;
        the rollout's memory goes on, the last frame is appended to `shown`."""
        self.rng.manual_seed(self.config.seed * 1_000_003 + self.step)
        batch, source, truth = rollout.batch, rollout.source, rollout.truth(stage, start)
        task, part = self.generator.config.task, slice(start, start + stage.chunk)
        points, drawn = (x[:, 1:][:, part] for x in (batch.points, rollout.structures))
        target = Target(task, source, truth, points, batch.flow[:, part], batch.flow_weight[:, part])
        with self._autocast():
            reference = self.generator.encode_reference(
                source, rollout.structures[:, 0], batch.points[:, 0], batch.layers()
            )
            if stage.flow_only:
                moved = self.generator.deform(drawn[:, 0], points[:, 0], reference, batch.fine[:, start])
                return flow_terms(stage, moved, target, self.features)
            if start:
                extra = self.config.augmentation
                rollout.memory = disturb(self.generator, rollout, start, extra, self.rng)
            outputs, memory = animate_chunk(
                self.generator,
                drawn,
                points,
                reference,
                rollout.memory,
                batch.fine[:, part],
                checkpointing=self.config.checkpointing,
            )
            rollout.memory = memory.detach()
            shown.append(outputs[-1])
            terms = picture_terms(stage, outputs, target, self.features, self.rng)
            if self.judge is not None and stage.landmarks:
                images = torch.cat([output.image for output in outputs])
                real, faces = (x.transpose(0, 1).flatten(0, 1) for x in (truth, points))
                terms["landmarks"] = self.judge(images, real, faces)
        if stage.adversarial:
            images = torch.stack([output.image for output in outputs], dim=1)
            seen = window(stage, truth.shape[-2:], self.rng) if stage.central else ...
            masks = critic_masks(task, drawn)
            optimiser = self.optimisers["critic_optimiser"]
            place, parts = rollout.part[0] % self.config.accumulate, self.config.accumulate
            terms |= critic_terms(
                Critics(self.critic, self.temporal, optimiser, self.scaler, self.world),
                images[seen],
                truth[seen],
                None if masks is None else masks[seen],
                temporal=stage.temporal > 0,
                rng=self.rng,
                autocast=self._autocast,
                part=(place, parts),
            )
        return terms

    def _step(self, stage: Stage, losses: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
        """One optimiser step for the mean of the weighted terms; returns the mean terms."""
        self.generator.zero_grad(set_to_none=True)
        means: dict[str, Tensor] = {}
        value = 0.0
        for terms in losses:
            loss = sum((value * getattr(stage, name, 0) for name, value in terms.items()), torch.zeros(()))
            loss = loss / self.config.accumulate
            self.scaler.scale(loss).backward()
            value += float(loss.detach())
            for name, term in terms.items():
                means[name] = means.get(name, 0) + term.detach() / self.config.accumulate
        average_gradients(self.world, self.generator)
        for optimiser in self.generator_optimisers.values():
            self.scaler.unscale_(optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.config.clip_gradient)
        self.skipped = 0 if math.isfinite(float(norm)) else self.skipped + 1
        if not math.isfinite(value) or self.skipped == MAX_SKIPPED[self.scaler.is_enabled()]:
            raise FloatingPointError(
                f"Training is not finite at step {self.step + 1} (loss {value:.3g}, gradient "
                f"{float(norm):.3g}). The last good checkpoint is kept; lower the stage's rate and --resume."
            )
        if not self.skipped:  # otherwise half precision overflowed: skip this sample
            for optimiser in self.generator_optimisers.values():
                for group in optimiser.param_groups:
                    group["lr"] = self._rate(stage)
                optimiser.step()
        if self.scaler.is_enabled():
            self.scaler.update()
        decay = min(self.config.ema, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for averaged, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                averaged.lerp_(now.to(averaged.device), 1 - decay)
        return means | {"norm": norm}

    def _rate(self, stage: Stage) -> float:
        """Learning rate: warm-up, then half a cosine down to a twentieth over the whole run."""
        progress = self.step / self.config.steps
        shape = 0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2
        return stage.rate * shape * min(1.0, (self.step + 1) / self.config.warmup)

    def _autocast(self) -> torch.autocast:
        return autocast(self.device, self.config.precision)

    def _place(self, net: Net) -> Net:
        return channels_last(net.to(self.device))
