"""gfla-train: train a generator on a folder of clips, resumable, on one command."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gfla-train", description=__doc__)
    parser.add_argument("--config", default="face-256", help="network and schedule (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="folder with index.csv (default: GFLA_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 weights (default: beside the data)")
    parser.add_argument("--steps", type=int, help="length of the run (default: the config's)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--init", metavar="WEIGHTS", help="a shipped name or a file of learnt weights")
    parser.add_argument("--resume", action="store_true", help="continue from the run's newest checkpoint")
    options = parser.parse_args(arguments)

    import torch

    from ..models import CONFIGS
    from .config import CONFIGS as SCHEDULES
    from .data import find_dataset, perceptual_weights
    from .trainer import Trainer

    if "RANK" in os.environ:  # started by torchrun
        torch.distributed.init_process_group("nccl" if options.device == "cuda" else "gloo")
    try:
        if options.config not in CONFIGS:
            raise ValueError(f"There is no configuration {options.config!r}; there are {', '.join(CONFIGS)}.")
        data = find_dataset(options.data)
        schedule = SCHEDULES[options.config]
        if options.init:
            schedule = schedule.without_flow()
        if options.steps:
            schedule = schedule.scaled(options.steps)
        perceptual = options.perceptual or perceptual_weights(data)
        if not options.perceptual and not perceptual.is_file():
            print(f"There are no perceptual weights at {perceptual}: training by L1 and the critics alone.")
            perceptual = None
        trainer = Trainer(CONFIGS[options.config], schedule, data, options.out, perceptual, options.device)
        if options.init:
            trainer.start_from(options.init)
        if options.resume:
            trainer.resume()
        trainer.train()
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        print(f"gfla-train: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
