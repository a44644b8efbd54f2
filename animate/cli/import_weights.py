"""gfla-import: a checkpoint of the paper's authors in, a weights file that every command takes out."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..io.paths import check_not_input, existing_file, new_file
from .options import run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...models import Original
    from ...models.released import Released

    Image = NDArray[np.uint8]

_SHOWN = 5  # extra names that are told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    options = _parser().parse_args(arguments)
    return run(lambda: _import(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gfla-import",
        description="Make a weights file of a generator that the paper's authors released, latest_net_G.pth, "
        "or of their skeleton cleaner. Which one it is follows from what is in it; nothing in it is run.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="such as latest_net_G.pth")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="such as authors-deepfashion.safetensors"
    )
    parser.add_argument(
        "--check",
        metavar="PICTURE",
        help="draw this portrait, person or thing as it is, beside OUT, and say how near the drawing came",
    )
    parser.add_argument(
        "--source-pose", metavar="FILE", help="the person's joints (default: PICTURE with the ending .json)"
    )
    parser.add_argument(
        "--azimuth", type=float, default=40, help="from where PICTURE shows a thing (default: %(default)s)"
    )
    parser.add_argument(
        "--elevation", type=float, default=10, help="from how high, in degrees (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    return parser


def _import(options: argparse.Namespace) -> None:
    checkpoint = existing_file(options.checkpoint)
    if options.check:
        existing_file(options.check)
    output = new_file(options.output, options.overwrite, (".safetensors",))
    check_not_input(output, checkpoint)
    drawing = output.with_name(f"{output.stem}-check.png")
    if options.check:
        drawing = new_file(drawing, options.overwrite, (".png",))
        check_not_input(drawing, options.check)

    from ...models.released import LICENCE, read_released, save_released

    try:
        released = read_released(checkpoint)
    except ValueError as error:
        raise InputError(error) from None
    near = _check(released, options, drawing) if options.check else ""
    try:
        save_released(output, released)
    except OSError as error:
        raise InputError(output, f"cannot be written: {error.strerror or error}") from None
    count = sum(parameter.numel() for parameter in released.network.parameters())
    print(f"{released.name}: {count:,} parameters, all there. Licence: {LICENCE}.")
    if released.extra:
        more = ", ..." if len(released.extra) > _SHOWN else ""
        print(f"Left out, for the network has none such: {', '.join(released.extra[:_SHOWN])}{more}.")
    if near:
        print(f"{options.check} drawn as it is: {near}; {drawing}")
    print(output)


def _check(released: "Released", options: argparse.Namespace, path: Path) -> str:
    """Draw the picture of --check as it is into `path`, on the CPU, and say how near it came."""
    import numpy as np

    from ...models import Original
    from ..io.image import write_image

    if not isinstance(released.network, Original):
        raise InputError("--check", "a skeleton cleaner draws nothing", "leave it out")
    draw = _draw_face if released.network.config.task == "face" else _draw_posed
    asked, drawn = draw(released.network, options)
    write_image(drawn, path)
    apart = np.abs(drawn.astype(np.float64) - asked)
    decibels = 10 * np.log10(255**2 / max(float(np.square(apart).mean()), 1e-9))
    return f"{apart.mean():.1f} of 255 levels away on average, {decibels:.1f} dB"


def _draw_face(network: "Original", options: argparse.Namespace) -> tuple["Image", "Image"]:
    """The face's crop, and the first frame drawn with the portrait's own landmarks and edges."""
    from ...models import GeneratorMemory
    from ..animator import Animator
    from ..face.landmarkers import load_landmarker

    animator = Animator(network, load_landmarker("builtin"))
    portrait = animator.prepare(options.check).portrait
    networks = animator.networks
    target = networks.target(portrait.places, portrait, portrait.face, "edges")
    generated, _ = networks.generate(target, portrait, GeneratorMemory())
    return portrait.face, networks.draw(generated).face


def _draw_posed(network: "Original", options: argparse.Namespace) -> tuple["Image", "Image"]:
    """The picture of a person or thing at the network's size, and the drawing of its own pose."""
    import cv2
    import numpy as np

    from ..io.image import read_image
    from ..pose_transfer.pose_files import read_poses
    from ..pose_transfer.poser import Poser

    image, _ = read_image(options.check)
    if network.config.task == "view":
        pose = np.array([[options.azimuth, options.elevation]], np.float32)
    else:
        pose = read_poses(options.source_pose or Path(options.check).with_suffix(".json"))[0]
    poser = Poser(network)
    state = poser.prepare(image, pose)
    drawn, _ = poser.step(pose, state)
    return cv2.resize(image, state.size, interpolation=cv2.INTER_AREA), drawn  # type: ignore[return-value]


if __name__ == "__main__":
    raise SystemExit(main())
