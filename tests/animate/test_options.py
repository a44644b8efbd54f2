"""The options are declared once: command line, columns and API agree, and adding one is one edit."""

import argparse
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import pytest
from gfla.animate import InputError
from gfla.animate.cli.options import add_options, read_options
from gfla.animate.declare import (
    command_arguments,
    list_options,
    make_options,
    option,
    option_values,
    read_texts,
)
from gfla.animate.options import PARTS, AnimateOptions, ModelOptions, MotionOptions

ALL = AnimateOptions(
    motion=MotionOptions("absolute", 0.5, 0.0, 3.0, 1.5, 2.0, ("head", "gaze"), 10),
    reference_frame=3,
    guidance="edges",
    crop_only=True,
    start=Fraction(1, 3),
    end=2.5,
    overwrite=True,
    detail=0.25,
    no_face="passthrough",
    source_face=2,
    driving_face=1,
    source_motion="replace",
    codec="vp9",
    audio_track=2,
    quality="low",
    max_side=720,
    label=True,
    sidecar=True,
)

OTHERS = ModelOptions(name="w.safetensors", device="cpu", backend="openvino", landmarks="face-alignment")


def parse(kind: type, *arguments: str):
    parser = argparse.ArgumentParser()
    add_options(parser, kind)
    return read_options(kind, parser.parse_args(arguments))


def test_flags_go_round():
    for options in (AnimateOptions(), ALL, ModelOptions(), OTHERS):
        values = option_values(options)
        assert list(values) == [option.flag for option, _ in list_options(type(options))]
        assert make_options(type(options), {**values, "of-another": 1}) == options
    default = option_values(AnimateOptions())
    assert all(default[flag] != value for flag, value in option_values(ALL).items())


@pytest.mark.parametrize("kind", [AnimateOptions, ModelOptions, MotionOptions])
def test_the_command_line_has_the_same_defaults(kind: type):
    assert parse(kind) == kind()


def test_the_command_line_reads_every_option():
    """Each from its text."""
    arguments = []
    for each, _ in list_options(AnimateOptions):
        value = option_values(ALL)[each.flag]
        text = ",".join(value) if each.kind == "parts" else str(value)
        text = "0:00:02.5" if each.flag == "end" else "0.5" if each.flag == "start" else text
        arguments += [f"--{each.flag}"] if each.kind == "flag" else [f"--{each.flag}", text]
    assert parse(AnimateOptions, *arguments) == replace(ALL, start=Fraction(1, 2), end=Fraction(5, 2))
    assert parse(MotionOptions, "--only", "").only == ()


def test_an_options_object_as_arguments_reads_back():
    for options in (AnimateOptions(), replace(ALL, start=Fraction(1, 2)), ModelOptions(), OTHERS):
        assert parse(type(options), *command_arguments(options)) == options


def test_adding_an_option_is_one_edit():
    @dataclass(frozen=True, kw_only=True)
    class Grown(AnimateOptions):
        frame_rate: float = option(25.0, "number", "frames a second", "stream", metavar="RATE")

    assert parse(Grown).frame_rate == 25
    assert parse(Grown, "--frame-rate", "30") == Grown(frame_rate=30)
    assert option_values(Grown())["frame-rate"] == 25


def test_every_field_is_an_option_that_says_what_it_is():
    flags = []
    for kind in (AnimateOptions, ModelOptions, MotionOptions):
        assert all("option" in field.metadata or field.type is MotionOptions for field in fields(kind))
    for each, default in [*list_options(AnimateOptions), *list_options(ModelOptions)]:
        flags.append(each.flag)
        assert each.help
        assert bool(each.choices) == (each.kind == "choice")
        assert default is None or not each.choices or default in each.choices
    assert len(set(flags)) == len(flags)
    assert set(PARTS) < set(flags)


@pytest.mark.parametrize(
    ("make", "subject", "words"),
    [
        (lambda: MotionOptions(head=-1), "--head -1", "give 0 to 3"),
        (lambda: MotionOptions(gaze=3.1), "--gaze 3.1", "give 0 to 3"),
        (lambda: MotionOptions(head=float("nan")), "--head nan", "give 0 to 3"),
        (lambda: MotionOptions(smoothing=11), "--smoothing 11", "give 0 to 10"),
        (lambda: MotionOptions(only=("ear",)), "--only ear", "there is no such part"),
        (lambda: MotionOptions("wild"), "--motion wild", "take relative or absolute or copy"),  # type: ignore[arg-type]
        (lambda: AnimateOptions(detail=1.5), "--detail 1.5", "give 0 to 1"),
        (lambda: AnimateOptions(codec="mpeg1"), "--codec mpeg1", "take h264"),
        (lambda: AnimateOptions(audio_track=0), "--audio-track 0", "give 1 or more, or all or none"),
        (lambda: AnimateOptions(no_face="cry"), "--no-face cry", "take hold"),  # type: ignore[arg-type]
        (lambda: AnimateOptions(no_face="fade", guidance="edges"), "--no-face fade", "it moves landmarks"),
        (lambda: make_options(AnimateOptions, {"brows": 9}), "--brows 9", "give 0 to 3"),
    ],
)
def test_a_value_out_of_range_names_its_flag(make, subject: str, words: str):
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.subject == subject
    assert words in str(caught.value)


def test_texts_become_values():
    """Those of a manifest's row, or of what a program sends."""
    known = {each.flag: each for each, _ in list_options(AnimateOptions)}
    texts = {"crop_only": "Yes", "label": "0", "start": "0:01.5", "mouth": "1.2", "only": "eyes,mouth"}
    assert read_texts({**texts, "source-face": "2", "motion": "copy", "audio-track": "all"}, known) == {
        "crop-only": True,
        "label": False,
        "start": Fraction(3, 2),
        "mouth": 1.2,
        "only": ("eyes", "mouth"),
        "source-face": 2,
        "motion": "copy",
        "audio-track": "all",
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("colour", "red", "colour: there is no such option; choose of audio-track, brows, codec, crop-only,"),
        ("motion", "wild", "motion: 'wild': no such choice; take relative or absolute or copy."),
        ("start", "soon", "start: soon: not a time; write seconds (12.5) or h:mm:ss (0:01:02.5)."),
        ("label", "maybe", "label: 'maybe': neither yes nor no; write yes or no."),
        ("mouth", "much", "mouth: 'much': not a number; write a number."),
        (
            "audio-track",
            "two",
            "audio-track: 'two': not a whole number, all or none; write a whole number, all",
        ),
        ("driving_face", "1.5", "driving_face: '1.5': not a whole number; write a whole number."),
    ],
)
def test_a_text_that_stands_for_nothing_names_its_option(name: str, text: str, said: str):
    known = {each.flag: each for each, _ in list_options(AnimateOptions)}
    with pytest.raises(InputError) as caught:
        read_texts({name: text}, known)
    assert str(caught.value).startswith(said)


def test_a_motion_by_its_name_alone_is_an_error():
    with pytest.raises(TypeError, match=r"MotionOptions\('copy'\)"):
        AnimateOptions(motion="copy")  # type: ignore[arg-type]
