"""Who encodes: the GPU where it can and is asked, else the CPU without a word; either way the same file."""

import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.error import FFmpegError
from gfla.animate import Animator, Frame, VideoReader, VideoWriter
from gfla.animate.streaming import render as film
from gfla.animate.video.formats import CODECS, Codec, Encoding, Output
from gfla.animate.video.support import encodes, prefer_gpu
from gfla.models import CONFIGS, Generator

SIZE = (160, 96)
TICK = Fraction(1, 1000)
TIMES = (0, 40, 47, 210, 1000)
GPUS = {name: codec.gpu for name, codec in CODECS.items() if codec.gpu}
without_a_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU may well encode")


def write(target: Path, **options) -> list[np.ndarray]:
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    pictures = [np.stack([x + i, 2 * y, x // 2 + y], axis=2).astype(np.uint8) for i in range(len(TIMES))]
    with VideoWriter(target, SIZE, Fraction(25), TICK, encoding=Encoding(**options)) as writer:
        for picture, pts in zip(pictures, TIMES, strict=True):
            writer.write(Frame(picture, pts, TICK))
    return pictures


def codec_of(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec.canonical_name


def encoding(encoder: str) -> Codec:
    """H.264 whose GPU's encoder is another one of FFmpeg's."""
    return CODECS["h264"]._replace(
        gpu=Codec(encoder, "yuv420p", None, True, {"bf": "0", "qp": "8"}, full=encoder == "libx264")
    )


def test_an_encoder_is_trusted_by_its_pictures(monkeypatch: pytest.MonkeyPatch):
    assert encodes(CODECS["h264"], SIZE)
    assert encodes(CODECS["h265"], SIZE)
    monkeypatch.setattr("gfla.animate.video.support._NEAR", 0.0)  # as if they came back changed
    assert not encodes(CODECS["h264"], SIZE)


@without_a_gpu
@pytest.mark.parametrize("name", GPUS)
def test_without_a_gpu_the_cpu_encodes_and_nothing_is_said(name: str, tmp_path: Path, caplog, capfd):
    with caplog.at_level(logging.INFO):
        assert not encodes(GPUS[name], SIZE)
        assert prefer_gpu(CODECS[name], SIZE) is CODECS[name]
        write(tmp_path / "gpu.mp4", codec=name, gpu=True)
    assert not caplog.messages
    assert capfd.readouterr() == ("", "")
    write(tmp_path / "cpu.mp4", codec=name)
    assert (tmp_path / "gpu.mp4").read_bytes() == (tmp_path / "cpu.mp4").read_bytes()


@without_a_gpu
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("name", GPUS)
def test_all_that_is_missing_is_the_gpu(name: str, live: bool):
    """FFmpeg knows the encoder, each option and its value: all is refused at the driver, nonsense before."""
    codec = GPUS[name].low_latency() if live else GPUS[name]
    nonsense = [codec.options | {option: "nonsense"} for option in codec.options]
    for options in (codec.options, *nonsense):
        context = av.CodecContext.create(codec.encoder, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = SIZE
        context.pix_fmt, context.time_base, context.options = codec.pixels, TICK, dict(options)
        with pytest.raises(FFmpegError) as caught:
            context.open()
        assert (caught.value.strerror == "Invalid argument") is (options is not codec.options)


def test_an_encoder_that_this_ffmpeg_has_not_does_not_encode():
    gone = encoding("h264_of_tomorrow")
    assert gone.gpu
    assert not encodes(gone.gpu, SIZE)
    assert prefer_gpu(gone, SIZE) is gone


def test_one_that_encodes_is_taken_where_it_is_asked_for_and_no_other(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(CODECS, "h264", encoding("mpeg4"))
    for name, options, wanted in (
        ("asked.mp4", {"gpu": True}, "mpeg4"),
        ("not.mp4", {}, "h264"),
        ("av1.mp4", {"gpu": True, "codec": "av1"}, "av1"),
    ):
        write(tmp_path / name, **options)
        assert codec_of(tmp_path / name) == wanted


def test_a_size_that_it_refuses_goes_to_the_cpu(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(CODECS, "h264", encoding("h263"))  # which knows five sizes, none of them ours
    write(tmp_path / "a.mp4", gpu=True)
    assert codec_of(tmp_path / "a.mp4") == "h264"


def test_its_film_has_the_same_times_and_colours(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(CODECS, "h264", encoding("libx264"))
    pictures = write(tmp_path / "a.mp4", gpu=True)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.color_range == 2
    with VideoReader(tmp_path / "a.mp4") as reader:
        frames = list(reader)
    assert [frame.seconds for frame in frames] == [pts * TICK for pts in TIMES]
    assert all(np.abs(f.image.astype(int) - p).mean() < 2 for f, p in zip(frames, pictures, strict=True))


@pytest.mark.parametrize("name", GPUS)
def test_both_encoders_make_the_same_kind_of_file(name: str):
    cpu, gpu = CODECS[name], GPUS[name]
    assert (gpu.pixels, gpu.alpha_pixels, gpu.even, gpu.tag, gpu.full) == (
        cpu.pixels,
        cpu.alpha_pixels,
        cpu.even,
        cpu.tag,
        cpu.full,
    )
    sent = Output.of("udp://127.0.0.1:5000", name).codec
    assert sent.options["crf"] == "20"
    assert sent.gpu
    assert sent.gpu.options["zerolatency"] == "1"
    assert sent.gpu.encoder == gpu.encoder


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_a_render_asks_the_gpu_that_computes_it(
    device: str, landmarker, make_video: Callable, head_picture: Callable, tmp_path: Path, monkeypatch
):
    asked = []

    def note(*given, encoding: Encoding, **options) -> VideoWriter:
        asked.append(encoding.gpu)
        return VideoWriter(*given, encoding=encoding, **options)

    monkeypatch.setattr(film, "VideoWriter", note)
    driving = make_video("driving.mp4", picture=head_picture, size=(128, 128), pts=range(4))
    animator = Animator(Generator(CONFIGS["face-tiny"]), landmarker, device=device)
    animator.render(head_picture(0), driving, tmp_path / "out.mp4")
    assert asked == [device == "cuda"]
