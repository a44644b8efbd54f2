"""gfla-prepare, gfla-train and gfla-evaluate, the three commands of training; torch is loaded only for
work."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..animate.batch.tasks import BatchOptions
from ..animate.cli.options import add_options, count_option, read_options, run_command
from ..animate.errors import InputError
from ..animate.options import ModelOptions
from .data.prepare.options import PrepareOptions
from .options import RunOptions

_SHIPPED = {"face": "face-256", "person": "person-96", "view": "view-64"}


def prepare(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gfla-prepare",
        description="Make a dataset of square face clips with landmarks from raw videos.",
        epilog="Given again it continues where it stopped. docs/training.md describes tables and lists.",
    )
    parser.add_argument(
        "given",
        type=Path,
        nargs="+",
        metavar="FOOTAGE",
        help="videos, folders of them, tables (.csv: file, start, end, identity), or the lists of VoxCeleb, "
        "HDTF or CelebV-HQ as they are published",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DATASET", help="the dataset's folder"
    )
    parser.add_argument(
        "--videos", type=Path, metavar="FOLDER", help="the videos that lists name (default: beside the list)"
    )
    parser.add_argument(
        "--identities", type=Path, metavar="CSV", help="the person in each file: columns file, identity"
    )
    add_options(parser, PrepareOptions)
    add_options(parser, BatchOptions, ("jobs", "ray"))

    def work() -> None:
        options = parser.parse_args(arguments)
        from .data.prepare.report import table
        from .data.prepare.run import prepare

        batch = read_options(BatchOptions, options)
        report = prepare(
            options.given,
            options.out,
            read_options(PrepareOptions, options),
            videos=options.videos,
            identities=options.identities,
            jobs=batch.workers,
            ray=batch.ray,
            say=lambda line: print(line, file=sys.stderr),
        )
        print(table(report))
        if not report["clips"]:
            raise InputError(
                options.out, "no clip could be made, so there is no index", "see report.txt there"
            )
        print(f"{options.out / 'index.csv'}: {report['clips']} clips")
        print(f"next: gfla-train --config face-256 --data {options.out} --out RUN")

    return run_command("gfla-prepare", work)


def asks_for_help(arguments: list[str] | None) -> bool:
    """Whether the command line asks for --help, whose list of configs takes a second to load."""
    return not {"-h", "--help"}.isdisjoint(sys.argv[1:] if arguments is None else arguments)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gfla-train",
        description="Train a generator on a dataset; the run can be resumed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", default="face-256", help="network and schedule (default: %(default)s)")
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
    parser.add_argument("--init", metavar="WEIGHTS", help="weights to start from: a shipped name or a file")
    parser.add_argument("--resume", action="store_true", help="continue from the run's newest checkpoint")
    add_options(parser, RunOptions)
    if asks_for_help(arguments):
        from .launch import describe_configs

        parser.epilog = f"configs:\n{describe_configs()}"

    def work() -> None:
        options = parser.parse_args(arguments)
        from .launch import launch

        launch(options, read_options(RunOptions, options))

    return run_command("gfla-train", work)


def evaluate(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gfla-evaluate",
        description="Measure weights on people they have not been trained on: a table and a report.",
    )
    parser.add_argument("--data", type=Path, help="the dataset, as for gfla-train")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="REPORT", help="folder of the report"
    )
    parser.add_argument(
        "--weights",
        help="a shipped name, a weights file, or a run's checkpoint, also while it trains (default: the "
        "task's own)",
    )
    parser.add_argument(
        "--follow",
        type=Path,
        metavar="RUN",
        help="measure every new checkpoint of this run of faces until it ends; keeps RUN/best.safetensors",
    )
    parser.add_argument(
        "--figure",
        help="the measure that decides which checkpoint is the best (default: perceptual, or l1 without it)",
    )
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

    def work() -> None:
        options = parser.parse_args(arguments)
        options.weights = options.weights or _SHIPPED[options.task]
        measure = _evaluate if options.task == "face" else _evaluate_pairs
        (_follow if options.follow else measure)(options)

    return run_command("gfla-evaluate", work)


def _follow(options: argparse.Namespace) -> None:
    from .data.clips import find_dataset
    from .evaluation.follow import follow
    from .evaluation.pretrained_metrics import Inception, Lpips
    from .evaluation.self_reenactment import measure
    from .record.evaluations import Evaluations

    if options.task != "face":
        raise InputError("--follow", "it measures runs of faces alone", "leave --task out")
    data = find_dataset(options.data)
    perceptual = _perceptual(options, data)
    lpips = Lpips(options.lpips) if options.lpips else None
    inception = Inception(options.inception) if options.inception else None
    options.out.mkdir(parents=True, exist_ok=True)
    follow(
        options.follow,
        options.out,
        options.figure or ("perceptual" if perceptual else "l1"),
        lambda weights: measure(
            data, perceptual, options.out, str(weights), lpips=lpips, inception=inception
        ),
        lambda line: print(line, flush=True),
    )
    if best := Evaluations(options.follow).best():
        print(f"{options.follow / 'best.safetensors'}: step {best['step']}")


def _perceptual(options: argparse.Namespace, data: Path | None) -> Path | None:
    """The perceptual network asked for, or the one beside the data if it is there."""
    from .data.clips import perceptual_weights

    beside = perceptual_weights(data)
    return options.perceptual or (beside if beside.is_file() else None)


def _weights(options: argparse.Namespace) -> str:
    """The weights to measure; those of a checkpoint are written to the report's folder first, because a run
    that goes on replaces it."""
    path = Path(options.weights)
    if path.name != "checkpoint.safetensors":
        return options.weights
    from ..models import save_generator
    from .record.checkpoint import averaged_network

    network, step, _ = averaged_network(path)
    weights = options.out / f"step-{step}.safetensors"
    save_generator(weights, network)
    return str(weights)


def _evaluate(options: argparse.Namespace) -> None:
    import json

    from .data.clips import find_dataset
    from .evaluation.pretrained_metrics import Inception, Lpips
    from .evaluation.report import remarks, write_report
    from .evaluation.self_reenactment import evaluate, table

    data = find_dataset(options.data)
    perceptual = _perceptual(options, data)
    lpips = Lpips(options.lpips) if options.lpips else None
    inception = Inception(options.inception) if options.inception else None
    options.out.mkdir(parents=True, exist_ok=True)
    options.weights = _weights(options)
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
    from .evaluation.pairs import evaluate_pairs
    from .evaluation.pretrained_metrics import Inception, Lpips

    options.out.mkdir(parents=True, exist_ok=True)
    options.weights = _weights(options)
    scores = evaluate_pairs(
        options.task,
        options.data,
        options.out,
        options.weights,
        options.pairs,
        perceptual=_perceptual(options, options.data),
        lpips=Lpips(options.lpips) if options.lpips else None,
        inception=Inception(options.inception) if options.inception else None,
    )
    print(scores.table(), options.out / "sheet.png", options.out / "study.html", sep="\n")


if __name__ == "__main__":
    sys.exit(main())
