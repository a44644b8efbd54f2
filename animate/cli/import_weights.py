"""gfla-import: a checkpoint of the paper's authors in, a weights file that every command takes out."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from ..io.paths import check_not_input, existing_file, new_file
from .options import add_view, check_view, run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...models import Original
    from ...models.released import Released

    Image = NDArray[np.uint8]

_SHOWN, _LONGEST = 5, 80  # extra names that are told, and letters of each


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (default: the command line's); returns the exit code."""
    return run(lambda: _import(_parser().parse_args(arguments)))


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
    add_view(parser, "a thing in PICTURE")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    return parser


def _import(options: argparse.Namespace) -> None:
    checkpoint = existing_file(options.checkpoint)
    if options.check:
        existing_file(options.check)
    check_view(options)
    output = new_file(options.output, options.overwrite, (".safetensors",))
    check_not_input(output, checkpoint)
    drawing = output.with_name(f"{output.stem}-check.png")
    if options.check:
        drawing = new_file(drawing, options.overwrite, (".png",))
        check_not_input(drawing, options.check)

    from ...models import WeightsError
    from ...models.released import LICENCE, read_released, save_released
    from ..io.image import write_image

    try:
        released = read_released(checkpoint)
    except WeightsError as error:
        raise InputError(error.subject, error.reason, "give a latest_net_G.pth of result.rar") from None
    drawn, near = _check(released, options) if options.check else (None, "")
    try:
        save_released(output, released)
    except OSError as error:
        raise InputError(output, f"cannot be written: {error.strerror or error}") from None
    count = sum(parameter.numel() for parameter in released.network.parameters())
    name = released.name.replace("-car", "-car or authors-chair")  # one network with two sets of weights
    print(f"{name}: {count:,} parameters, all there. Licence: {LICENCE}.")
    if released.extra:
        more = ", ..." if len(released.extra) > _SHOWN else ""
        names = [ascii(name[:_LONGEST])[1:-1] for name in released.extra[:_SHOWN]]
        print(f"Left out, for the network has none such: {', '.join(names)}{more}.")
    if drawn is not None:
        write_image(drawn, drawing)
        print(f"{options.check} drawn as it is: {near}; {drawing}")
    print(output)


def _check(released: "Released", options: argparse.Namespace) -> tuple["Image", str]:
    """The picture of --check drawn as it is, on the CPU, and how near it came."""
    import numpy as np

    from ...models import Original

    if not isinstance(released.network, Original):
        raise InputError("--check", "a skeleton cleaner draws nothing", "leave it out")
    draw = _draw_face if released.network.config.task == "face" else _draw_posed
    asked, drawn = draw(released.network, options)
    apart = np.abs(drawn.astype(np.float64) - asked)
    decibels = 10 * np.log10(255**2 / max(float(np.square(apart).mean()), 1e-9))
    return drawn, f"{apart.mean():.1f} of 255 levels away on average, {decibels:.1f} dB"


def _draw_face(network: "Original", options: argparse.Namespace) -> tuple["Image", "Image"]:
    """The face's crop, and the first frame drawn with the portrait's own landmarks and edges."""
    from ...models import GeneratorMemory
    from ..animator import Animator
    from ..face.landmarkers import load_landmarker
    from ..motion.person import Moved

    animator = Animator(network, load_landmarker("builtin"))
    portrait = animator.prepare(options.check).portrait
    networks = animator.networks
    target = networks.target(Moved.none(portrait.places), portrait, portrait.face, "edges")
    generated, _ = networks.generate(target, portrait, GeneratorMemory())
    return portrait.face, networks.draw(generated).face


def _draw_posed(network: "Original", options: argparse.Namespace) -> tuple["Image", "Image"]:
    """The picture of a person or thing at the network's size, and the drawing of its own pose."""
    import cv2
    import numpy as np

    from ..io.image import read_image
    from ..pose_transfer.pose_files import read_own_pose
    from ..pose_transfer.poser import Poser

    image, _ = read_image(options.check)
    if network.config.task == "view":
        pose = np.array([[options.azimuth, options.elevation]], np.float32)
    else:
        pose = read_own_pose(options.check, options.source_pose)
    poser = Poser(network)
    state = poser.prepare(image, pose)
    drawn, _ = poser.step(pose, state)
    return cv2.resize(image, state.size, interpolation=cv2.INTER_AREA), drawn  # type: ignore[return-value]


if __name__ == "__main__":
    raise SystemExit(main())
