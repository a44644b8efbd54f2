"""gfla-prepare, gfla-train and gfla-evaluate, the three commands of training; torch is loaded only for
work."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from ..animate.cli.options import add_options, count_option, run_command
from ..animate.errors import InputError
from ..animate.options import ModelOptions
from .config import CONFIGS

_SHIPPED = {"face": "face-256", "person": "person-96", "view": "view-64"}


def prepare(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gfla-prepare", description="Make a dataset of square face clips with landmarks from raw videos."
    )
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="files, or folders of them")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DATASET", help="the dataset's folder"
    )
    parser.add_argument("--size", type=int, choices=(256, 512), default=256, help="side of the crops, pixels")
    parser.add_argument(
        "--identities", type=Path, metavar="CSV", help="the person in each file: columns file, identity"
    )
    options = parser.parse_args(arguments)

    def work() -> None:
        from ..animate.face.landmarkers import load_landmarker
        from .data.prepare import prepare

        count = prepare(
            options.videos,
            options.out,
            load_landmarker(),
            size=options.size,
            identities=options.identities,
            say=lambda line: print(line, file=sys.stderr),
        )
        if not count:
            raise InputError(options.out, "no clip could be made, so there is no index")
        print(f"{options.out / 'index.csv'}: {count} clips")

    return run_command("gfla-prepare", work)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gfla-train", description="Train a generator on a dataset; the run can be resumed."
    )
    configs = ", ".join(CONFIGS)
    parser.add_argument(
        "--config", default="face-256", metavar="CONFIG", help=f"of {configs} (default: %(default)s)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="the dataset (faces: a folder with index.csv, default GFLA_DATA; persons and views: puppets)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument(
        "--perceptual",
        type=Path,
        help="SqueezeNet 1.0 or VGG-19 in torchvision's names (default: SqueezeNet beside DATA)",
    )
    parser.add_argument("--steps", type=int, help="length of the run (default: the config's)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps (default: %(default)s)")
    parser.add_argument("--init", metavar="WEIGHTS", help="weights to start from: a shipped name or a file")
    parser.add_argument("--resume", action="store_true", help="continue from the run's newest checkpoint")
    options = parser.parse_args(arguments)
    return run_command("gfla-train", lambda: _train(options))


def _train(options: argparse.Namespace) -> None:
    import torch

    from ..animate.compute.devices import choose_device
    from ..models import CONFIGS as SHAPES
    from ..models import MATTES
    from .config import NETWORKS
    from .data.clips import find_dataset, perceptual_weights
    from .losses.perceptual import features_in
    from .trainer import Trainer

    if options.config not in CONFIGS:
        raise InputError(f"--config {options.config}", "unknown", f"choose from {', '.join(CONFIGS)}")
    device, _ = choose_device(options.device)
    if "RANK" in os.environ:  # started by torchrun
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device
    name: str = options.config
    network = MATTES.get(name) or SHAPES[NETWORKS[name]]
    needs_faces = name in MATTES or SHAPES[NETWORKS[name]].task in ("face", "closeup")
    data = find_dataset(options.data) if needs_faces else options.data
    schedule = CONFIGS[name]
    if options.init:
        schedule = schedule.without_flow()
    if options.steps is not None:
        schedule = schedule.scaled(options.steps)
    perceptual = options.perceptual
    if name not in MATTES and perceptual is None and schedule.features == "squeezenet":
        perceptual = perceptual_weights(data)
        if not perceptual.is_file():
            print(f"{perceptual}: no such perceptual weights; training with L1 and the critics alone.")
            perceptual = None
    elif perceptual is not None:
        schedule = replace(schedule, features=features_in(perceptual))
    trainer = Trainer(network, schedule, data, options.out, perceptual, device)
    if trainer.checkpoint.exists() and not options.resume:
        raise InputError(
            options.out, "a run is there already", "pass --resume to continue it, or name another folder"
        )
    if options.init:
        trainer.start_from(options.init)
    if options.resume:
        resumed = trainer.resume()
        if trainer.rank == 0:
            print(resumed)
    trainer.train()
    if trainer.rank == 0:
        print(_next_command(name, trainer.weights, needs_faces))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _next_command(config: str, weights: Path, faces: bool) -> str:
    """What to do with the weights of a finished run."""
    if config.startswith(("matte", "closeup")):  # a part, which is not measured alone
        return f"weights: {weights}"
    if not faces:
        task = config.partition("-")[0]
        return f"next: gfla-evaluate --task {task} --weights {weights} -o report"
    return f"next: gfla-evaluate --weights {weights} -o report"


def evaluate(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gfla-evaluate",
        description="Measure weights on people they have not been trained on: a table and a report.",
    )
    parser.add_argument("--data", type=Path, help="the dataset, as for gfla-train")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="REPORT", help="folder of the report"
    )
    parser.add_argument("--weights", help="a shipped name or a weights file (default: the task's own)")
    parser.add_argument("--task", choices=("face", "person", "view"), default="face", help="what is measured")
    parser.add_argument(
        "--pairs",
        type=count_option,
        default=500,
        help="number of pairs of persons or views (default: %(default)s)",
    )
    parser.add_argument("--against", nargs="+", default=[], metavar="WEIGHTS", help="weights to compare with")
    add_options(parser, ModelOptions, ("backend",))
    parser.set_defaults(backend="torch")  # weights are judged as they are
    parser.add_argument("--perceptual", type=Path, help="SqueezeNet 1.0 weights (default: beside the data)")
    parser.add_argument("--lpips", type=Path, metavar="FILE", help="torchvision's AlexNet, for LPIPS")
    parser.add_argument("--inception", type=Path, metavar="FILE", help="a TorchScript Inception, for FID")
    options = parser.parse_args(arguments)
    work = _evaluate if options.task == "face" else _evaluate_pairs
    options.weights = options.weights or _SHIPPED[options.task]
    return run_command("gfla-evaluate", lambda: work(options))


def _evaluate(options: argparse.Namespace) -> None:
    import json

    from .data.clips import find_dataset, perceptual_weights
    from .evaluation.pretrained_metrics import Inception, Lpips
    from .evaluation.report import remarks, write_report
    from .evaluation.self_reenactment import evaluate, table

    data = find_dataset(options.data)
    perceptual = options.perceptual or perceptual_weights(data)
    if not options.perceptual and not perceptual.is_file():
        perceptual = None
    lpips = Lpips(options.lpips) if options.lpips else None
    inception = Inception(options.inception) if options.inception else None
    options.out.mkdir(parents=True, exist_ok=True)
    result = evaluate(
        data,
        perceptual,
        options.out,
        options.weights,
        tuple(options.against),
        lpips=lpips,
        inception=inception,
        backend=options.backend,
    )
    print(table(result), *remarks(result), sep="\n")
    summary = {
        "weights": options.weights,
        "backend": options.backend,
        "identity_auc": result.auc,
        "fid": result.fid,
    }
    (options.out / "summary.json").write_text(json.dumps(summary, indent=1))
    write_report(options.out / "report.html", result, options.weights)
    print(options.out / "report.html")


def _evaluate_pairs(options: argparse.Namespace) -> None:
    from .data.clips import perceptual_weights
    from .evaluation.pairs import evaluate_pairs
    from .evaluation.pretrained_metrics import Inception, Lpips

    perceptual = options.perceptual or perceptual_weights(options.data)
    if not options.perceptual and not perceptual.is_file():
        perceptual = None
    options.out.mkdir(parents=True, exist_ok=True)
    scores = evaluate_pairs(
        options.task,
        options.data,
        options.out,
        options.weights,
        options.pairs,
        perceptual=perceptual,
        lpips=Lpips(options.lpips) if options.lpips else None,
        inception=Inception(options.inception) if options.inception else None,
    )
    print(scores.table(), options.out / "sheet.png", options.out / "study.html", sep="\n")


if __name__ == "__main__":
    sys.exit(main())
