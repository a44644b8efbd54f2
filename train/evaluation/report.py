"""An evaluation as one self-contained HTML file: means, then every clip with its pictures, worst first."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from ...animate.io.atomic import atomic_file
from ..record.evaluations import HIGHER, NEAR_ONE, cost
from .pretrained_metrics import SEPARATES
from .self_reenactment import Evaluation, Picture, video_name

MEANINGS = {
    "l1": "mean absolute difference, 0 to 1",
    "psnr": "peak signal to noise, dB",
    "ssim": "structural similarity",
    "perceptual": "relative distance of SqueezeNet's features",
    "shifted": "the same at 224 px, shifted by 3 px",
    "face": "relative distance of SqueezeNet's features in the box of the face, at 128 px",
    "eyes": "the same in the box of both eyes",
    "mouth": "the same in the box of the mouth",
    "sharpness": "Laplacian variance in the face, output over true",
    "sharpness of all": "the same in the whole picture",
    "akd": "mean distance of found landmarks, px",
    "lpips": "LPIPS, AlexNet",
    "identity": "cosine of face embeddings, output and true clip",
    "flicker": "change of what stands still, output over true",
    "residual": "mean|(o_t - o_t-1) - (x_t - x_t-1)|, 0 to 1",
}

ROWS = {
    "ours": "the weights that are measured",
    "no previous": "the same weights, every frame made as a first one, without the frames before",
    "edges": "the same weights, guided by the edges of the true picture",
    "copy": "the first frame itself, never moved",
    "spline": "the first frame, warped by a thin-plate spline of the landmarks, without a network",
    "re-encoded": "the true clip through the video encoder: the best that can be reached",
    "against": "the weights of --against, measured in the same way",
}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1320px; margin: 2em auto; color: #222;
  padding: 0 1em }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .25em .7em; text-align: right }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
thead th { border-bottom: 2px solid #888 }
tbody tr:nth-child(odd) { background: #f4f4f4 } td.best { font-weight: bold; color: #06603a }
figure { display: inline-block; margin: .2em; width: 150px } img { width: 150px }
figcaption { font-size: 12px; text-align: center } .note { color: #555 } h3 { overflow-wrap: anywhere }
@media (max-width: 640px) { figure, img { width: 104px } th, td { padding: .25em .45em; font-size: 13px } }
"""


def write_report(path: Path, result: Evaluation, weights: str) -> None:
    """Write the evaluation of `weights` to `path`."""
    columns, scores = result.columns, result.scores
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'><title>gfla-evaluate</title>",
        f"<style>{_STYLE}</style><h1>Evaluation of {html.escape(weights)}</h1>",
        "<p class='note'>Self-reenactment: the first frame of each clip, moved by the clip. Every tenth "
        "of the first 300 frames; for flicker and residual, all that differ from the one before.</p>",
        "<h2>Means over clips</h2>",
        _means(scores, columns),
        "<ul class='note'>",
        *(f"<li><b>{name}</b>: {MEANINGS[name]}; {_better(name)[1]} is better</li>" for name in columns),
        *(f"<li><b>{html.escape(row)}</b>: {_row(row)}</li>" for row in scores),
        *(f"<li>{html.escape(line)}</li>" for line in remarks(result)),
        "</ul>",
        "<h2>Clip by clip, the worst first</h2>"
        f"<p class='note'>Ordered by {'perceptual distance' if result.perceptual else 'L1'} over the spline "
        "warp's. Pictures: the last frame that is compared.</p>",
    ]
    ratios = result.ratios()
    for name in sorted(ratios, key=lambda name: -ratios[name]):
        rows = {method: clips[name] for method, clips in scores.items()}
        parts.append(f"<h3>{html.escape(name)} ({ratios[name]:.3f} of the spline warp's)</h3>")
        parts += [_figure(caption, picture) for caption, picture in result.pictures[name].items()]
        parts.append(_videos(path.parent, name, rows))
        parts.append(
            _table([["", *columns], *([m, *(f"{r[c]:.4f}" for c in columns)] for m, r in rows.items())])
        )
    with atomic_file(path) as part:
        part.write_text("\n".join(parts))


def remarks(result: Evaluation) -> list[str]:
    """Sentences about the measures that are not available, and why."""
    lines = []
    if not result.perceptual:
        lines.append("perceptual, identity: not available (give --perceptual a SqueezeNet 1.0).")
    elif result.auc is None:
        lines.append("identity: not available (three people are needed to tell whether the embedding can).")
    else:
        verdict = "reported" if result.auc >= SEPARATES else f"not available (below {SEPARATES})"
        lines.append(
            f"identity: {verdict}; the embedding separates these people with AUC "
            f"{result.auc:.3f} (halves of their clips, which share light and lens)."
        )
    if not result.lpips:
        lines.append("lpips: not available (give --lpips an AlexNet).")
    if result.fid:
        lines.append("FID: " + ", ".join(f"{m} {value:.2f}" for m, value in result.fid.items()) + ".")
    else:
        lines.append("FID: not available (give --inception a TorchScript Inception).")
    return lines


def _means(scores: dict[str, dict[str, dict[str, float]]], columns: tuple[str, ...]) -> str:
    means = {
        method: {c: float(np.mean([each[c] for each in clips.values()])) for c in columns}
        for method, clips in scores.items()
    }
    best = {}
    for column in columns:  # the copy and the re-encoded clip do not compete
        rivals = {m: v[column] for m, v in means.items() if m not in ("copy", "re-encoded")}
        best[column] = min(rivals, key=lambda m: cost(column, rivals[m]))
    head = "<th></th>" + "".join(f"<th>{name} {_better(name)[0]}</th>" for name in columns)
    body = "".join(
        f"<tr><td>{html.escape(method)}</td>"
        + "".join(f"<td{' class=best' if best[c] == method else ''}>{values[c]:.4f}</td>" for c in columns)
        + "</tr>"
        for method, values in means.items()
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _better(column: str) -> tuple[str, str]:
    """An arrow, and a word, for the better values of a column."""
    if column in NEAR_ONE:
        return "&rarr;1", "near 1"
    return ("&uarr;", "higher") if column in HIGHER else ("&darr;", "lower")


def _row(method: str) -> str:
    known = ROWS["against"] if method.startswith("against ") else ROWS.get(method, "")
    return html.escape(known)


def _videos(folder: Path, clip: str, methods: Iterable[str]) -> str:
    """Links to the clip's videos that lie beside the report."""
    names = {"true": f"{clip}.true.mp4"} | {method: video_name(clip, method) for method in methods}
    links = (
        f"<a href='{html.escape(quote(name))}'>{html.escape(method)}</a>"
        for method, name in names.items()
        if (folder / name).is_file()
    )
    text = ", ".join(links)
    return f"<p class='note'>Videos: {text}</p>" if text else ""


def _table(rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows[1:])
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _figure(caption: str, picture: Picture) -> str:
    _, coded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), (cv2.IMWRITE_JPEG_QUALITY, 90))
    data = base64.b64encode(coded.tobytes()).decode()
    text = html.escape(caption)
    image = f"<img alt='{text}' src='data:image/jpeg;base64,{data}'>"
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"
