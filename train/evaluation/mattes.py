"""Mattes against the labels of people that nobody trained on: the network, and OpenCV's GrabCut beside it.

    python -m gfla.train.evaluation.mattes --data DIR -o REPORT [--weights FILE] [--only NAME...]

- IoU: of the places where the matte and the label are at least one half.
- MAE: mean absolute difference.
- edge: the same within `BAND` pixels of the label's edge.

Of each person the pictures count alike, and each person counts once. REPORT gets mattes.png: a picture of
each person, with the label and every method's matte over green.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.cli.options import run_command
from ...animate.face.landmarkers import load_landmarker
from ...animate.face.pose import face_pose
from ...animate.io.image import write_image
from ...animate.matting import portrait_matte
from ...models import load_matte_net
from ..data.clips import find_dataset
from ..data.mattes import Portrait, load_portraits

Grey = NDArray[np.floating]
Method = Callable[[NDArray[np.uint8]], Grey]

COLUMNS = ("IoU", "MAE", "edge")
BAND = 4
"""Pixels of the 256 to each side of the label's edge."""
_PICTURES = 8  # of a person, spread over its clips


def evaluate(
    people: dict[str, list[Portrait]], methods: dict[str, Method]
) -> dict[str, dict[str, tuple[float, ...]]]:
    """{method: {person: scores in the order of COLUMNS}}."""
    scores: dict[str, dict[str, tuple[float, ...]]] = {name: {} for name in methods}
    for person, portraits in people.items():
        chosen = portraits[:: max(1, len(portraits) // _PICTURES)]
        for name, method in methods.items():
            each = [compare(method(one.image), one.matte.astype(np.float32) / 255) for one in chosen]
            scores[name][person] = tuple(np.mean(each, axis=0).tolist())
    return scores


def compare(matte: Grey, label: Grey) -> tuple[float, float, float]:
    """IoU, MAE and edge of a matte (H, W) in [0, 1]."""
    ours, theirs = matte >= 0.5, label >= 0.5
    union = float((ours | theirs).sum())
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    solid = theirs.astype(np.uint8)
    band = cv2.dilate(solid, disc) > cv2.erode(solid, disc)
    wrong = np.abs(matte - label)
    return (
        float((ours & theirs).sum()) / union if union else 1.0,
        float(wrong.mean()),
        float(wrong[band].mean()) if band.any() else 0.0,
    )


def grabcut(image: NDArray[np.uint8], points: NDArray[np.float32] | None) -> Grey:
    """The person by OpenCV's GrabCut, begun with the face at `points` (68, 2): the face is the person, an
    oval around it and what is below are probably so, the picture's upper corners are not."""
    height, width = image.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    pose = face_pose(points) if points is not None else None
    x, y, size = (pose.x, pose.y, pose.size) if pose else (width / 2, height / 2, width / 2)
    mask[: int(max(y, 0)), : max(1, width // 20)] = mask[: int(max(y, 0)), -max(1, width // 20) :] = (
        cv2.GC_BGD
    )
    oval = ((x, y - 0.2 * size), (1.2 * size, 1.6 * size), 0.0)
    cv2.ellipse(mask, oval, cv2.GC_PR_FGD, -1)  # type: ignore[call-overload]
    body = ((x, y + 1.6 * size), (2.6 * size, 2.2 * size), 0.0)
    cv2.ellipse(mask, body, cv2.GC_PR_FGD, -1)  # type: ignore[call-overload]
    if points is not None:
        hull = cv2.convexHull(points.astype(np.float32)).astype(np.int32)
        cv2.fillConvexPoly(mask, hull, cv2.GC_FGD)
    cv2.grabCut(image, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)


def table(scores: dict[str, dict[str, tuple[float, ...]]]) -> str:
    """The means over people, and the worst person by IoU."""
    lines = [f"{'':12}" + "".join(f"{name:>8}" for name in COLUMNS) + "  worst"]
    for name, people in scores.items():
        mean = np.mean(list(people.values()), axis=0)
        worst = min(people, key=lambda person: people[person][0])
        lines.append(f"{name:12}" + "".join(f"{x:8.4f}" for x in mean) + f"  {people[worst][0]:.4f} {worst}")
    return "\n".join(lines)


def sheet(people: dict[str, list[Portrait]], methods: dict[str, Method]) -> NDArray[np.uint8]:
    """A picture of each person, then over green by the label and by every method; two people a row."""
    tiles = []
    for portraits in people.values():
        one = portraits[len(portraits) // 2]
        mattes = [one.matte.astype(np.float32) / 255, *(method(one.image) for method in methods.values())]
        shown = [
            one.image + (1 - matte[..., None]) * ((0, 200, 80) - one.image.astype(np.float32))
            for matte in mattes
        ]
        tiles.append(np.hstack([one.image, *np.rint(shown).astype(np.uint8)]))
    if len(tiles) % 2:
        tiles.append(np.zeros_like(tiles[0]))
    return np.vstack([np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles), 2)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.evaluation.mattes", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, help="the dataset, with mattes; default GFLA_DATA")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="REPORT", help="folder of the sheet")
    parser.add_argument("--weights", default="matte-256", help="a shipped name or a file")
    parser.add_argument("--only", nargs="+", choices=("network", "grabcut"), default=["network", "grabcut"])
    options = parser.parse_args(arguments)

    def work() -> None:
        people = load_portraits(find_dataset(options.data), "val")
        methods: dict[str, Method] = {}
        if "grabcut" in options.only:
            landmarker = load_landmarker()

            def cut(image: NDArray[np.uint8]) -> Grey:
                faces = landmarker.find(image)
                return grabcut(image, faces[0].points if faces else None)

            methods["grabcut"] = cut
        if "network" in options.only:
            net = load_matte_net(options.weights)
            methods["network"] = lambda image: portrait_matte(image, net)
        options.out.mkdir(parents=True, exist_ok=True)
        write_image(sheet(people, methods), options.out / "mattes.png")
        print(table(evaluate(people, methods)))

    return run_command("gfla.train.evaluation.mattes", work)


if __name__ == "__main__":
    sys.exit(main())
