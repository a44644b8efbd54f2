"""`--quality`: what each step keeps and costs; frames converted on several threads are the same frames."""

from fractions import Fraction
from pathlib import Path

import cv2
import gfla.animate
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from gfla.animate import Animator, Frame, InputError, VideoReader, VideoWriter
from gfla.animate.io.image import read_image, shrink
from gfla.animate.options import AnimateOptions
from gfla.animate.video import Encoding
from gfla.animate.video.formats import CODECS, Output
from gfla.animate.video.picture import color as colors

TICK = Fraction(1, 25)
ASSETS = Path(gfla.animate.__file__).parent / "assets"


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of two pictures' luma, by 7 x 7 windows (Wang et al. 2004)."""
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (a, b))

    def mean(field: np.ndarray) -> np.ndarray:
        return cv2.blur(field, (7, 7))[3:-3, 3:-3]

    u, v = mean(x), mean(y)
    xx, yy, xy = mean(x * x) - u * u, mean(y * y) - v * v, mean(x * y) - u * v
    one, two = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * u * v + one) * (2 * xy + two) / ((u * u + v * v + one) * (xx + yy + two))).mean())


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Our portrait at 256, nodding a little."""
    image = shrink(read_image(ASSETS / "astronaut.jpg")[0], 256)
    turns = [cv2.getRotationMatrix2D((128, 200), 3 * np.sin(n / 4), 1) for n in range(20)]
    return [cv2.warpAffine(image, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE) for turn in turns]


def written(path: Path, pictures: list[np.ndarray], **how: object) -> list[np.ndarray]:
    size = pictures[0].shape[1::-1]
    with VideoWriter(path, size, 1 / TICK, TICK, encoding=Encoding(**how)) as writer:  # type: ignore[arg-type]
        for index, picture in enumerate(pictures):
            writer.write(Frame(picture, index, TICK))
    with VideoReader(path) as reader:
        return [frame.image for frame in reader]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_default_keeps_what_is_seen_and_each_step_costs(
    tmp_path: Path, pictures: list[np.ndarray], codec: str
):
    assert AnimateOptions().quality == "medium"
    made, sizes = {}, []
    for quality in ("lossless", "high", "medium", "low"):
        path = tmp_path / f"{quality}.mp4"
        made[quality] = written(path, pictures, codec=codec, quality=quality)
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < sizes[0] / 4
    alike = {
        quality: np.mean([ssim(a, b) for a, b in zip(frames, made["lossless"], strict=True)])
        for quality, frames in made.items()
    }
    assert alike["high"] > alike["medium"] > {"h264": 0.99, "h265": 0.985}[codec]
    assert alike["medium"] > alike["low"] > 0.94
    exact = np.mean([ssim(a, b) for a, b in zip(made["lossless"], pictures, strict=True)])
    assert exact > 0.995  # only the colours' own resolution is halved


def test_a_codec_without_a_lossless_form_says_so_before_anything_is_made(tmp_path: Path):
    for name, codec in (("a.mp4", "av1"), ("a.mov", "prores"), ("a.gif", None)):
        with pytest.raises(InputError, match=r"--quality lossless: \w+ cannot be; take high, or another"):
            Output.of(tmp_path / name, codec, quality="lossless")
    assert Output.of(tmp_path / "%05d.png", quality="lossless").codec is CODECS["png"]
    assert Output.of("udp://127.0.0.1:5", quality="high").codec.options["crf"] == "20"


def test_converted_on_several_threads_it_is_the_same(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    frame = Frame(rng.integers(0, 256, (362, 512, 3), dtype=np.uint8), 0, TICK)
    made = []
    for pixels in (1 << 30, 1 << 14):
        monkeypatch.setattr(colors, "_WORTH_A_THREAD", pixels)
        monkeypatch.setattr("os.cpu_count", lambda: 4)
        assert colors.threads_for((512, 362)) == (1 if pixels > 1 << 20 else 4)
        kept = VideoReformatter()
        for _ in range(2):
            encoded = colors.encoder_frame(frame, (512, 362), "yuv420p", full=True, reformatter=kept)
            made.append(encoded.to_ndarray())
    assert all(np.array_equal(made[0], again) for again in made[1:])


def test_a_source_is_shrunk_to_the_longer_side(animator: Animator, head_picture, tmp_path: Path):
    picture = head_picture(0)
    height, width = picture.shape[:2]
    assert max(animator.prepare(picture, AnimateOptions(max_side=max(height, width))).size) == max(
        height, width
    )
    half = animator.prepare(picture, AnimateOptions(max_side=max(height, width) // 2))
    assert half.size == (round(width / 2), round(height / 2))
    with pytest.raises(InputError, match="--max-side 10"):
        AnimateOptions(max_side=10)
