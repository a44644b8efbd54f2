"""The options are declared once: command line, columns and API agree, and adding one is one edit."""

import argparse
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import pytest
from gfla.animate import InputError
from gfla.animate.cli.options import add_options, read_options
from gfla.animate.options import (
    PARTS,
    AnimateOptions,
    ModelOptions,
    MotionOptions,
    _option,
    command_arguments,
    list_options,
    make_options,
    option_values,
)

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
    for option, _ in list_options(AnimateOptions):
        value = option_values(ALL)[option.flag]
        text = ",".join(value) if option.kind == "parts" else str(value)
        text = "0:00:02.5" if option.flag == "end" else "0.5" if option.flag == "start" else text
        arguments += [f"--{option.flag}"] if option.kind == "flag" else [f"--{option.flag}", text]
    assert parse(AnimateOptions, *arguments) == replace(ALL, start=Fraction(1, 2), end=Fraction(5, 2))
    assert parse(MotionOptions, "--only", "").only == ()


def test_an_options_object_as_arguments_reads_back():
    for options in (AnimateOptions(), replace(ALL, start=Fraction(1, 2)), ModelOptions(), OTHERS):
        assert parse(type(options), *command_arguments(options)) == options


def test_adding_an_option_is_one_edit():
    @dataclass(frozen=True, kw_only=True)
    class Grown(AnimateOptions):
        frame_rate: float = _option(25.0, "gain", "frames a second", "stream", metavar="RATE")

    assert parse(Grown).frame_rate == 25
    assert parse(Grown, "--frame-rate", "30") == Grown(frame_rate=30)
    assert option_values(Grown())["frame-rate"] == 25


def test_every_field_is_an_option_that_says_what_it_is():
    flags = []
    for kind in (AnimateOptions, ModelOptions, MotionOptions):
        assert all("option" in field.metadata or field.type is MotionOptions for field in fields(kind))
    for option, default in [*list_options(AnimateOptions), *list_options(ModelOptions)]:
        flags.append(option.flag)
        assert option.help
        assert bool(option.choices) == (option.kind == "choice")
        assert default is None or not option.choices or default in option.choices
    assert len(set(flags)) == len(flags)
    assert set(PARTS) < set(flags)


@pytest.mark.parametrize(
    ("make", "subject", "words"),
    [
        (lambda: MotionOptions(head=-1), "--head -1", "between 0 and 3"),
        (lambda: MotionOptions(gaze=3.1), "--gaze 3.1", "between 0 and 3"),
        (lambda: MotionOptions(head=float("nan")), "--head nan", "between 0 and 3"),
        (lambda: MotionOptions(smoothing=11), "--smoothing 11", "0 (off) to 10"),
        (lambda: MotionOptions(only=("ear",)), "--only ear", "there is no such part"),
        (lambda: MotionOptions("wild"), "--motion wild", "take relative or absolute or copy"),  # type: ignore[arg-type]
        (lambda: AnimateOptions(detail=1.5), "--detail 1.5", "give 0 to 1"),
        (lambda: AnimateOptions(codec="mpeg1"), "--codec mpeg1", "take h264"),
        (lambda: AnimateOptions(no_face="cry"), "--no-face cry", "take hold"),  # type: ignore[arg-type]
        (lambda: AnimateOptions(no_face="fade", guidance="edges"), "--no-face fade", "it moves landmarks"),
        (lambda: make_options(AnimateOptions, {"brows": 9}), "--brows 9", "between 0 and 3"),
    ],
)
def test_a_value_out_of_range_names_its_flag(make, subject: str, words: str):
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.subject == subject
    assert words in str(caught.value)


def test_a_motion_by_its_name_alone_is_an_error():
    with pytest.raises(TypeError, match=r"MotionOptions\('copy'\)"):
        AnimateOptions(motion="copy")  # type: ignore[arg-type]
