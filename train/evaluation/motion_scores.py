"""How motion seen in an output follows the driver's: face model's pose and openings over time, compared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...animate.face.morphable_model import angles, fit, load_face_model, openings

COLUMNS = ("yaw", "pitch", "roll", "mouth", "eyes")
GOALS = (0.9, 0.85, 0.9, 0.9, 0.75)
"""The correlation that each column should reach."""
GAINS = (0.85, 1.15)
"""Between these every column's gain should be."""
RANGES = (8.0, 8.0, 8.0, 0.1, 0.1)
"""Smallest p95 - p5 of a driver for a column to count: degrees, or openings over the person's usual one."""


class FaceTrack(NamedTuple):
    """A face over time: the person's shape (P, 3) and its motion (T, 5), by COLUMNS."""

    shape: NDArray
    motion: NDArray


def fit_track(points: NDArray[np.float64]) -> FaceTrack:
    """Fit the face model to points (T, 70, 2)."""
    model = load_face_model()
    shape, faces = fit(model, points)
    opened = openings(points, faces)
    rest = np.maximum(np.percentile(opened, 75, axis=0), 0.05)
    eyes = opened[:, :2].mean(1) / rest[:2].mean()
    return FaceTrack(shape, np.column_stack([angles(faces.turn), opened[:, 2], eyes]))


def distance(a: NDArray, b: NDArray) -> float:
    """Distance of two shapes: root mean square over points, in eye distances."""
    return float(np.sqrt(((a - b) ** 2).sum(1).mean()))


class Follows(NamedTuple):
    """How an output follows its driver, by COLUMNS; None where the driver hardly moves."""

    correlations: list[float | None]
    gains: list[float | None]


def follows(output: NDArray, driving: NDArray) -> Follows:
    """Correlation and gain of motions (T, 5)."""
    found = Follows([], [])
    for a, b, least in zip(output.T, driving.T, RANGES, strict=True):
        wide, own = (float(np.ptp(np.percentile(each, (5, 95)))) for each in (b, a))
        moves = wide >= least
        alike = float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0
        found.correlations.append(alike if moves else None)
        found.gains.append(own / wide if moves else None)
    return found


def report(result: dict) -> str:
    """The results and whether they meet the goals, line by line."""
    floor, between, relative, copy = (
        result[name] for name in ("floor", "between people", "relative", "copy")
    )
    lines = [
        f"same person, two halves of a clip (floor)  {floor:.4f}",
        f"different people                           {between:.4f}  {_met(between >= 3 * floor)} 3 x floor",
        f"copy, to the source                        {copy:.4f}",
        f"relative, to the source                    {relative:.4f}  "
        f"{_met(relative - floor <= (copy - floor) / 3)} (copy - floor) / 3 above the floor",
    ]
    if any(result["lost"].values()):
        counts = ", ".join(f"{kind} {count}" for kind, count in result["lost"].items())
        lines.append(f"pairs without a face in half of the frames (counted as strangers): {counts}")
    for index, (column, goal) in enumerate(zip(COLUMNS, GOALS, strict=True)):
        values = [row[index] for row in result["followed"].values() if row[index] is not None]
        if values:
            middle = float(np.median(values))
            lines.append(
                f"{column:6} followed: median {middle:.3f} over {len(values)} drivers, "
                f"least {min(values):.3f}  {_met(middle >= goal)} {goal}; of all pairs "
                f"{result['of pairs'][index]:.3f}"
            )
        else:
            lines.append(f"{column:6} no driver moves enough")
    low, high = GAINS
    for column, gain in zip(COLUMNS, result["gains"], strict=True):
        if gain is not None:
            lines.append(f"{column:6} gain: {gain:.2f}  {_met(low <= gain <= high)} {low} to {high}")
    shut = result["shut mouths"]
    if shut["pairs"]:
        lines.append(f"mouth  gain where the source's is shut: {shut['median']:.2f} ({shut['pairs']} pairs)")
    if result["sharpness"]:
        face, everything = result["sharpness"]
        lines.append(f"sharpness over the source's: face {face:.2f}, all {everything:.2f}")
    return "\n".join(lines)


def _met(met: bool) -> str:
    return "met:" if met else "MISSED:"
