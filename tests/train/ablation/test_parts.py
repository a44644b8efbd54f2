"""Parts left out of the shipped weights: each changes the picture, and the table has a row for each."""

import numpy as np
import pytest
from gfla.animate import Animator, VideoReader
from gfla.animate.options import AnimateOptions, MotionOptions
from gfla.train.ablation.parts import COLUMNS, PARTS, main, score, table


def test_the_table_has_a_row_for_each_part():
    text = table({part: np.full((2, len(COLUMNS)), float(n)) for n, part in enumerate(PARTS)})
    assert "| no plate | 3.0000" in text
    assert text.count("\n") == len(PARTS) + 1


@pytest.mark.slow
def test_each_part_left_out_is_another_picture(drawn):
    clip = next((drawn / "clips").glob("*.mp4"))
    with VideoReader(clip, end=0.4) as reader:
        frames = list(reader)
    made = {}
    for part, leave_out in PARTS.items():
        animator = Animator.from_pretrained("face-256", device="cpu", backend="torch")
        leave_out(animator)
        options = AnimateOptions(motion=MotionOptions("copy"), crop_only=True)
        state = animator.prepare(frames[0].image, options)
        made[part] = [frame.image for frame in animator.animate(state, frames)][-1]
    different = {part for part, picture in made.items() if not np.array_equal(picture, made["whole"])}
    assert different == set(PARTS) - {"whole"}


@pytest.mark.slow
def test_a_clip_is_scored_without_a_perceptual_network(drawn):
    animator = Animator.from_pretrained("face-256", device="cpu", backend="torch")
    scores = score(animator, next((drawn / "clips").glob("*.mp4")), 0.5, None)
    assert scores.shape == (1, len(COLUMNS))
    assert 0 < scores[0, 0] < 0.2
    assert np.isnan(scores[0, 1])


def test_no_data_is_a_sentence(tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 2
    assert "no index.csv" in capsys.readouterr().err
