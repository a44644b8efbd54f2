"""A fooling-rate study: a page that shows real and generated pictures side by side and saves the answers.

GFLA's JND test (section 4.1) and the FR of Ren 2021: how often a generated picture is taken for the real one.
The page is one self-contained HTML file; `python -m gfla.train.evaluation.fooling_study ANSWERS...` pools the
saved answers.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...animate.cli.options import run_command
from ...animate.errors import InputError

Picture = NDArray[np.uint8]


def write_study(path: Path, pairs: list[tuple[Picture, Picture]], seed: int = 0) -> None:
    """Write the page for `pairs` of (real, generated) RGB (H, W, 3) uint8, in random order and sides from
    `seed`. The pictures are PNG, so that compression does not give one away."""
    rng = np.random.default_rng(seed)
    items = []
    for index in rng.permutation(len(pairs)).tolist():
        real, fake = (_data(picture) for picture in pairs[index])
        left = bool(rng.random() < 0.5)
        items.append(
            {"pair": index, "left": fake if left else real, "right": real if left else fake, "fake": left}
        )
    content = json.dumps(items)
    name = hashlib.sha256(content.encode()).hexdigest()[:12]
    path.write_text(_PAGE.replace("__NAME__", name).replace("__ITEMS__", content))


def pool(files: list[Path]) -> tuple[float, float, int]:
    """The fooling rate in percent over all answers in `files`, half of its 95 % interval, and the number of
    answers. InputError for a file that the page did not save, or answers of different studies."""
    answers: list[bool] = []
    studies = set()
    for file in files:
        try:
            saved: dict[str, Any] = json.loads(file.read_text())
            studies.add(saved["study"])
            answers += [bool(answer["fooled"]) for answer in saved["answers"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(file, f"no answers of a study ({error})") from None
    if len(studies) > 1:
        raise InputError("the answers", "of different studies", "give those of one")
    if not answers:
        raise InputError("the answers", "there are none")
    rate = sum(answers) / len(answers)
    return 100 * rate, 196 * sqrt(rate * (1 - rate) / len(answers)), len(answers)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.train.evaluation.fooling_study", description=__doc__
    )
    parser.add_argument("answers", type=Path, nargs="+", help="files that the page saved")
    options = parser.parse_args(arguments)

    def work() -> None:
        rate, spread, count = pool(options.answers)
        print(f"fooling rate {rate:.2f} % +- {spread:.2f} ({count} answers)")

    return run_command("fooling_study", work)


def _data(picture: Picture) -> str:
    _, coded = cv2.imencode(".png", picture[..., ::-1])
    return "data:image/png;base64," + base64.b64encode(coded.tobytes()).decode()


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Which one is real?</title>
<style>
body { font: 18px sans-serif; max-width: 760px; margin: 2em auto; text-align: center; color: #222 }
img { width: 320px; height: auto; margin: 8px; cursor: pointer; border: 3px solid transparent }
img:hover { border-color: #48c }
progress { width: 100% }
button { font: inherit; padding: .4em 1em }
</style>
<h1>Which one is real?</h1>
<p>One picture is real, the other generated. Click the real one, or press the left or right arrow key.</p>
<progress id="bar" value="0" max="1"></progress>
<div id="ask"><img id="left" alt="left"><img id="right" alt="right"></div>
<div id="end" hidden><p id="score"></p><button id="save">Save the answers</button>
<button id="again">Start again</button></div>
<script>
const study = "__NAME__", items = __ITEMS__, key = "study-" + study;
let answers = JSON.parse(localStorage.getItem(key) || "[]"), shown = Date.now();
const at = id => document.getElementById(id);
function show() {
  at("bar").max = items.length; at("bar").value = answers.length;
  const done = answers.length >= items.length;
  at("ask").hidden = done; at("end").hidden = !done;
  if (done) {
    const fooled = answers.filter(a => a.fooled).length;
    at("score").textContent = "Fooling rate: " + (100 * fooled / answers.length).toFixed(1) + " % of "
      + answers.length + " generated pictures were taken for the real one.";
  } else {
    at("left").src = items[answers.length].left; at("right").src = items[answers.length].right;
    shown = Date.now();
  }
}
function answer(left) {
  if (answers.length >= items.length) return;
  const item = items[answers.length];
  answers.push({pair: item.pair, fooled: left === item.fake, milliseconds: Date.now() - shown});
  localStorage.setItem(key, JSON.stringify(answers));
  show();
}
at("left").onclick = () => answer(true);
at("right").onclick = () => answer(false);
document.onkeydown = event => {
  if (event.key === "ArrowLeft") answer(true);
  if (event.key === "ArrowRight") answer(false);
};
at("again").onclick = () => { answers = []; localStorage.removeItem(key); show(); };
at("save").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify({study, answers})], {type: "application/json"}));
  link.download = "answers-" + study + "-" + Date.now() + ".json";
  link.click();
};
show();
</script>
</html>
"""

if __name__ == "__main__":
    sys.exit(main())
