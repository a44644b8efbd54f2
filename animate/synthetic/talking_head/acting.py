"""The motion of the drawn head and its babble, by seed, written as a clip or as a small dataset.

The motion is gentle (yaw 12, pitch 6, roll 5 degrees at most) and starts from rest: the first frame is
frontal with a closed mouth, as relative motion needs it of a driving video.
"""

import csv
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .paint import Drawn, TalkingHead
from .shape import SIZE, Pose

RATE = Fraction(25)
SOUND_RATE = 24000  # Hz
COLUMNS = [
    "file",
    "split",
    "identity",
    "kind",
    "source_repo",
    "source_path",
    "source_start_frame",
    "crop_x",
    "crop_y",
    "crop_side",
    "face_px_source",
    "frames",
    "seconds",
    "yaw_p1",
    "yaw_p99",
    "pitch_p1",
    "pitch_p99",
    "roll_p1",
    "roll_p99",
    "sharpness",
    "quality_note",
]


def act(seconds: float, rate: Fraction = RATE, seed: int = 0) -> list[Pose]:
    """One pose a frame, deterministic.

    >>> [round(pose.yaw, 2) for pose in act(0.6, seed=3)][::3]
    [0.0, 0.11, 0.25, 0.23, -0.1]
    """
    random = np.random.default_rng([seed, 1])
    t = np.arange(round(seconds * rate)) / float(rate)
    rise = _smooth(t / 1.0)  # everything starts from rest
    yaw, pitch, roll = (peak * rise * _wander(random, t) for peak in (12.0, 6.0, 5.0))
    x, y = 5 * rise * _wander(random, t), 3 * rise * _wander(random, t)
    mouth, wide = _speech(random, t, seconds)
    smile = rise * np.clip(_wander(random, t), 0, 1)
    brows = rise * np.clip(1.2 * _wander(random, t) - 0.1, -0.2, 1)
    gaze_x, gaze_y = 0.8 * rise * _wander(random, t), 0.6 * rise * _wander(random, t)
    blinks = np.cumsum(random.uniform(1.2, 3.2, 2 + int(seconds)))
    blink = np.exp(-(((t[:, None] - blinks) / 0.075) ** 4)).sum(1).clip(0, 1)
    rows = zip(yaw, pitch, roll, x, y, mouth, wide, smile, blink, brows, gaze_x, gaze_y, strict=True)
    return [Pose(*(float(value) for value in row)) for row in rows]


def talk(seconds: float, rate: Fraction = RATE, seed: int = 0) -> Iterator[Drawn]:
    """The person of this seed talking, frame by frame."""
    head = TalkingHead(seed)
    return (head.render(pose) for pose in act(seconds, rate, seed))


def babble(poses: list[Pose], rate: Fraction = RATE, seed: int = 0) -> np.ndarray:
    """Speech-like sound in time with the mouth: voice harmonics shaped by two formants that follow its
    opening. float32 (samples,) in [-1, 1] at SOUND_RATE Hz."""
    random = np.random.default_rng([seed, 2])
    t = np.arange(int(len(poses) / rate * SOUND_RATE)) / SOUND_RATE
    frame = np.arange(len(poses)) / float(rate)
    mouth = np.interp(t, frame, [pose.mouth for pose in poses])
    wide = np.interp(t, frame, [pose.wide for pose in poses])
    pitch = random.uniform(105, 210) * (1 + 0.12 * _wander(random, t) + 0.05 * mouth)
    phase = 2 * np.pi * np.cumsum(pitch) / SOUND_RATE
    first, second = 300 + 550 * mouth, 1350 + 700 * wide  # formants, Hz
    sound = np.zeros_like(t)
    for k in range(1, int(4000 / pitch.max())):
        tone = np.exp(-(((k * pitch - first) / 160) ** 2))
        tone += 0.4 * np.exp(-(((k * pitch - second) / 260) ** 2))
        sound += (tone + 0.25 / k) * np.sin(k * phase)
    sound *= np.clip(mouth * 1.6, 0, 1)
    return (0.5 * sound / max(np.abs(sound).max(), 1e-6)).astype(np.float32)


def render_clip(
    path: Path | str, seconds: float, seed: int, rate: Fraction = RATE, sound: bool = True
) -> np.ndarray:
    """Write the talking person of this seed as an H.264 mp4, 256 x 256, with AAC babble if `sound`.
    Returns points and irises of every frame: (T, 70, 2) float32, the 68 points first."""
    known = []
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "medium"})
        video.width, video.height, video.pix_fmt = SIZE, SIZE, "yuv420p"
        voice = out.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for drawn in talk(seconds, rate, seed):
            known.append(np.concatenate([drawn.points, drawn.iris]))
            out.mux(video.encode(av.VideoFrame.from_ndarray(drawn.image, format="rgb24")))
        out.mux(video.encode(None))
        if voice is not None:
            samples = babble(act(seconds, rate, seed), rate, seed)
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = SOUND_RATE
            resampler = av.AudioResampler("fltp", "mono", SOUND_RATE, frame_size=1024)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(voice.encode(piece))
            out.mux(voice.encode(None))
    return np.stack(known)


def write_dataset(folder: Path | str, people: int, seconds: float) -> None:
    """A dataset in the layout that training reads: clips/<id>_0.mp4 (silent), clips/<id>_0.npz with lmk68
    (T, 68, 2) and iris (T, 2, 2), float32 pixels, and index.csv (empty where a drawing has no
    value). The last person is the validation split."""
    folder = Path(folder)
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for seed in range(people):
            name = f"drawn{seed:03d}"
            known = render_clip(folder / "clips" / f"{name}_0.mp4", seconds, seed, sound=False)
            np.savez_compressed(folder / "clips" / f"{name}_0.npz", lmk68=known[:, :68], iris=known[:, 68:])
            poses = act(seconds, RATE, seed)
            angles = {
                f"{angle}_p{q}": round(float(np.percentile([getattr(pose, angle) for pose in poses], q)), 1)
                for angle in ("yaw", "pitch", "roll")
                for q in (1, 99)
            }
            split = "val" if seed == people - 1 and people > 1 else "train"
            table.writerow(
                {
                    **{"file": f"clips/{name}_0.mp4", "split": split, "identity": name, "kind": "clip"},
                    **{"crop_x": 0, "crop_y": 0, "crop_side": SIZE, "source_start_frame": 0},
                    **{"frames": len(poses), "seconds": round(len(poses) / float(RATE), 2)},
                    **angles,
                }
            )


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _wander(random: np.random.Generator, t: np.ndarray) -> np.ndarray:
    """A smooth curve in [-1, 1]: three slow waves."""
    waves = [
        w * np.sin(2 * np.pi * (random.uniform(0.1, 0.5) * t + random.uniform())) for w in (0.5, 0.3, 0.2)
    ]
    return np.sum(waves, axis=0)


def _speech(random: np.random.Generator, t: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Opening and width of a mouth that says syllables in phrases."""
    mouth, wide, now = np.zeros_like(t), np.zeros_like(t), 0.45
    while now < seconds - 0.2:
        for _ in range(random.integers(4, 9)):
            bump = np.exp(-(((t - now) / 0.075) ** 2))
            mouth += random.uniform(0.3, 0.95) * bump
            wide += random.uniform(-0.9, 0.9) * bump
            now += random.uniform(0.17, 0.27)
        now += random.uniform(0.25, 0.6)
    return np.clip(mouth, 0, 1) * _smooth((seconds - t) / 0.2), np.clip(wide, -1, 1)
