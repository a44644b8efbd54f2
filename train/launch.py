"""A training run from what the command line asks: its data and networks, its group of processes, its end."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from ..animate.compute.devices import choose_device
from ..animate.errors import InputError
from ..models import CONFIGS, MATTES
from .config import CONFIGS as SCHEDULES
from .config import NETWORKS
from .data.clips import find_dataset, perceptual_weights
from .data.reading.workers import Loading
from .data.samples import open_samples
from .dry_run import measure, table
from .losses.perceptual import features_in
from .options import RunOptions
from .processes import join_group
from .trainer import Trainer


def describe_configs() -> str:
    """A line for each config: its network, steps and stages."""
    lines = []
    for name, schedule in SCHEDULES.items():
        if name in MATTES:
            what = f"mattes, {MATTES[name].size} pixels"
        else:
            network = CONFIGS[NETWORKS[name]]
            height, width = network.shape
            what = f"{network.task}, {f'{height}' if height == width else f'{height}x{width}'} pixels"
        stages = ", ".join(stage.name for stage in schedule.stages)
        lines.append(f"  {name:26} {what:24} {schedule.steps:6d} steps: {stages}")
    return "\n".join(lines)


def launch(given: argparse.Namespace, options: RunOptions) -> None:
    """Train, or with `dry_run` only measure. InputError for what cannot be trained so."""
    name: str = given.config
    if name not in SCHEDULES:
        raise InputError(f"--config {name}", "unknown", f"choose from {', '.join(SCHEDULES)}")
    device, _ = choose_device(options.device)
    device, restarted = join_group(device)
    network = MATTES.get(name) or CONFIGS[NETWORKS[name]]
    needs_faces = name in MATTES or CONFIGS[NETWORKS[name]].task in ("face", "closeup")
    data: Path | None = find_dataset(given.data) if needs_faces else given.data
    schedule = SCHEDULES[name]
    if given.init:
        schedule = schedule.without_flow()
    schedule = options.applied(schedule)
    perceptual: Path | None = given.perceptual
    if name not in MATTES and perceptual is None and schedule.features == "squeezenet":
        perceptual = perceptual_weights(data)
        if not perceptual.is_file():
            print(f"{perceptual}: no such perceptual weights; training with L1 and the critics alone.")
            perceptual = None
    elif perceptual is not None:
        schedule = replace(schedule, features=features_in(perceptual))
    cache = None if options.cache is None else int(options.cache * 1e9)
    loading = Loading(cache, options.workers, lambda warning: print(warning, file=sys.stderr))
    tracking = options.tracking or ""
    trainer = Trainer(
        network, schedule, data, given.out, perceptual, device, loading=loading, tracking=tracking
    )
    if options.dry_run:
        costs = measure(trainer, open_samples(network, schedule, data, loading))
        if trainer.rank == 0:
            print(table(costs))
    else:
        _train(trainer, given, restarted)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _train(trainer: Trainer, given: argparse.Namespace, restarted: bool) -> None:
    resumes = given.resume or restarted
    if trainer.checkpoint.exists() and not resumes:
        raise InputError(
            given.out, "a run is there already", "pass --resume to continue it, or name another folder"
        )
    if given.init:
        trainer.start_from(given.init)
    if resumes:
        resumed = trainer.resume()
        if trainer.rank == 0:
            print(resumed)
    trainer.train()
    if trainer.rank == 0:
        if trainer.stalled:
            worse = f"{trainer.config.patience} evaluations in a row were not better than the best"
            print(f"stopped at step {trainer.step}: {worse}")
        print(_next_command(trainer, given))


def _next_command(trainer: Trainer, given: argparse.Namespace) -> str:
    data = given.data or os.environ.get("GFLA_DATA")
    where = f" --data {data}" if data else ""
    report = f"{where} -o {given.out / 'report'} --weights {trainer.weights}"
    if trainer.is_matte:
        return f"next: python -m gfla.train.evaluation.mattes{report}"
    task = trainer.generator.config.task
    if task == "closeup":
        return f"the weights: {trainer.weights}; docs/training.md, Close-ups, says what reads them"
    return f"next: gfla-evaluate{report}" + ("" if task == "face" else f" --task {task}")
