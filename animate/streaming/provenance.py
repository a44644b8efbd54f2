"""Where an output comes from: a tag in the file, a JSON beside it, a label in the picture; so that nobody is
deceived and everybody can reproduce it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...models.weights import weights_file
from ..io.atomic import atomic_file
from ..video import Frame
from .job import Job

LABEL = "AI-generated"


def tag(weights: str) -> str:
    """What an output's metadata say of it: synthetic, by which version, by which weights (name and hash)."""
    return (
        f"Synthetic media, made with gfla {_version()}; weights: {weights or 'unnamed'}{_hash_words(weights)}"
    )


def weights_hash(weights: str) -> str | None:
    """SHA-256 of the weights' file, None where the name leads to no file (weights made in memory)."""
    path = weights_file(weights) if weights else None
    return file_hash(path) if path and path.is_file() else None


def file_hash(path: str | os.PathLike) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sidecar(
    job: Job, weights: str, computed: Mapping[str, str], more: Mapping[str, Any] | None = None
) -> Path:
    """Write beside the finished output of `job` what it was made of: files with hashes, settings, software.

    computed: what to say of the computing: device, precision. more: further entries, such as the reference
    frame that was chosen.
    """
    record: dict[str, Any] = {
        "synthetic": True,
        "software": {"name": "gfla", "version": _version()},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "weights": {"name": weights, "sha256": weights_hash(weights)},
        "computed": dict(computed),
        **{name: _file_entry(str(getattr(job, name))) for name in ("source", "driving", "output")},
        "settings": json.loads(job.settings()),
        **(more or {}),
    }
    path = Path(job.sidecar)
    with atomic_file(path) as part:
        part.write_text(json.dumps(record, indent=2) + "\n")
    return path


def labelled(frame: Frame) -> Frame:
    """The frame with LABEL in its lower left corner, white on black, readable at any size."""
    image = np.ascontiguousarray(frame.image).copy()
    height, width = image.shape[:2]
    scale = max(min(width, height) / 480, 0.3)
    thickness = max(1, round(1.2 * scale))
    (long, high), below = cv2.getTextSize(LABEL, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    scale *= min(1.0, 0.9 * width / long)
    (long, high), below = cv2.getTextSize(LABEL, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    edge = max(2, round(5 * scale))
    box = image[max(0, height - high - below - 2 * edge) :, : long + 2 * edge]
    box //= 4
    at = (edge, height - edge - below)
    cv2.putText(image, LABEL, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    if frame.alpha is None:
        return replace(frame, image=image)
    alpha = frame.alpha.copy()
    alpha[max(0, height - high - below - 2 * edge) :, : long + 2 * edge] = 255
    return replace(frame, image=image, alpha=alpha)


def _file_entry(path: str) -> dict[str, str | None]:
    return {"path": path, "sha256": file_hash(path) if Path(path).is_file() else None}


def _hash_words(weights: str) -> str:
    found = weights_hash(weights)
    return f" sha256 {found}" if found else ""


def _version() -> str:
    try:
        return version("gfla")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"
