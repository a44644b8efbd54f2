"""The measure of detail: it runs on a large drawn person, and detail brings the picture nearer the truth."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from gfla.animate import VideoReader
from gfla.train.evaluation import detail as evaluate_detail


@pytest.fixture
def large(drawn: Path, make_video, tmp_path: Path) -> tuple[Path, Path]:
    """A drawn val clip, three times as large with fine grain, as an original: (data, raw)."""
    clip = sorted((drawn / "clips").glob("*.mp4"))[-1]
    with VideoReader(clip) as reader:
        frames = [cv2.resize(frame.image, (520, 520), interpolation=cv2.INTER_CUBIC) for frame in reader][:9]
    grain = 12 * np.sin(np.arange(520) * 2.0)[:, None] * np.sin(np.arange(520) * 2.3)
    pictures = [np.clip(f + grain[..., None], 0, 255).astype(np.uint8) for f in frames]
    data, raw = tmp_path / "data", tmp_path / "raw"
    data.mkdir()
    raw.mkdir()
    made = make_video("a.mp4", picture=lambda i, w, h: pictures[i], size=(520, 520), pts=range(9))
    made.rename(raw / "someone.mp4")
    row = {"file": "clips/someone_0.mp4", "kind": "clip", "crop_x": 0, "crop_y": 0, "crop_side": 520.4}
    with open(data / "index.csv", "w", newline="") as table:
        writer = csv.DictWriter(table, row)
        writer.writeheader()
        writer.writerow(row)
    return data, raw


@pytest.mark.slow
def test_detail_is_measured(large: tuple[Path, Path], squeezenet: Path, tmp_path: Path):
    data, raw = large
    out = tmp_path / "out"
    out.mkdir()
    results = evaluate_detail.evaluate(data, raw, squeezenet, out, "face-256", frames=1)
    assert list(results) == [(512, "someone")]
    scores = results[512, "someone"]
    assert list(scores) == ["bicubic", "without", "with"]
    assert scores["with"][1] > 1.5 * scores["without"][1]  # sharpness
    assert scores["with"][0] < scores["without"][0]  # distance
    assert [p.name for p in out.iterdir()] == ["512-someone-0.png"]
    text = evaluate_detail.table(results)
    assert "| 512 | someone | with | " in text
    assert "| 512 | mean | bicubic | " in text


def test_without_originals_it_says_so(large, squeezenet: Path, tmp_path: Path, capsys):
    data, _ = large
    options = ["--data", str(data), "--raw", str(tmp_path), "--perceptual", str(squeezenet)]
    assert evaluate_detail.main([*options, "--out", str(tmp_path / "out")]) == 2
    assert "no original with a face crop of 500 pixels" in capsys.readouterr().err
