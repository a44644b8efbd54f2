"""A small stand-in for FFmpeg's `ffprobe`, in PyAV, since imageio-ffmpeg brings `ffmpeg` alone.

It knows the options that programs ask with: which sections, entries and streams to print, as JSON, CSV or
lines. Keys and values are ffprobe's; a key whose value is not known is left out, as ffprobe does in JSON.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

_KINDS = {"v": "video", "a": "audio", "s": "subtitle", "d": "data", "t": "attachment"}

Section = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is asked of a file; returns the exit code: 0, or 1 if it cannot be read, as ffprobe does."""
    options = _parser().parse_args(arguments)
    if options.version:
        import av

        print(f"ffprobe version gfla, PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}")
        return 0
    name = options.input or options.file
    if name is None:
        print("You have to specify one input file.", file=sys.stderr)
        return 1
    from av.error import FFmpegError

    try:
        sections = probe(name, options.select_streams)
    except (FFmpegError, ValueError) as error:
        if options.v not in ("quiet", "-8"):
            print(f"{name}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        if options.print_format.partition("=")[0] == "json":
            print("{\n\n}")
        return 1
    wanted = _wanted(options)
    shown = {
        section: [_chosen(entry, wanted[section]) for entry in sections[section]]
        for section in ("streams", "format")
        if section in wanted
    }
    print(_written(shown, options.print_format), end="")
    return 0


def probe(name: str, select: str | None = None) -> dict[str, list[Section]]:
    """The sections "streams", one entry each, and "format", one entry, of the file or address `name`.

    select: ffprobe's specifier: v, a, s, each with :N for the N-th of them, or a number. FFmpegError if it
    cannot be read, ValueError if it cannot be selected so.
    """
    import av

    with av.open(name) as container:
        streams = [_stream(stream) for stream in container.streams]
        start, length = container.start_time, container.duration
        size = os.path.getsize(name) if os.path.isfile(name) else None
        whole: Section = {
            "filename": name,
            "nb_streams": len(streams),
            "format_name": container.format.name,
            "format_long_name": container.format.long_name,
            "start_time": _seconds(start, Fraction(1, av.time_base)),
            "duration": _seconds(length, Fraction(1, av.time_base)),
            "size": None if size is None else str(size),
            "bit_rate": str(container.bit_rate) if container.bit_rate else None,
            "tags": dict(container.metadata) or None,
        }
    return {"streams": _selected(streams, select), "format": [_known(whole)]}


def _stream(stream: Any) -> Section:
    context, base = stream.codec_context, stream.time_base
    told: Section = {
        "index": stream.index,
        "codec_name": context.codec.canonical_name if context else None,
        "codec_long_name": context.codec.long_name if context else None,
        "codec_type": stream.type,
        "time_base": _ratio(base),
        "start_pts": stream.start_time,
        "start_time": _seconds(stream.start_time, base),
        "duration_ts": stream.duration,
        "duration": _seconds(stream.duration, base),
        "bit_rate": str(context.bit_rate) if context and context.bit_rate else None,
        "nb_frames": str(stream.frames) if stream.frames else None,
        "tags": dict(stream.metadata) or None,
    }
    if stream.type == "video" and context:
        told |= {
            "profile": context.profile,
            "width": context.width,
            "height": context.height,
            "sample_aspect_ratio": _ratio(stream.sample_aspect_ratio, ":"),
            "pix_fmt": context.pix_fmt,
            "r_frame_rate": _ratio(stream.base_rate),
            "avg_frame_rate": _ratio(stream.average_rate),
        }
    elif stream.type == "audio" and context:
        told |= {
            "sample_fmt": context.format.name if context.format else None,
            "sample_rate": str(context.sample_rate),
            "channels": context.channels,
            "channel_layout": context.layout.name if context.layout else None,
            "r_frame_rate": "0/0",
            "avg_frame_rate": "0/0",
        }
    return _known(told)


def _selected(streams: list[Section], select: str | None) -> list[Section]:
    if select is None:
        return streams
    kind, _, number = select.partition(":")
    if kind.isdecimal() and not number:
        return [stream for stream in streams if stream["index"] == int(kind)]
    if kind.lower() not in _KINDS or (number and not number.isdecimal()):
        raise ValueError(f"Invalid stream specifier: {select}.")
    found = [stream for stream in streams if stream["codec_type"] == _KINDS[kind.lower()]]
    return found[int(number) : int(number) + 1] if number else found


def _wanted(options: argparse.Namespace) -> dict[str, set[str] | None]:
    """The sections to print and which of their keys; None is all."""
    wanted: dict[str, set[str] | None] = {}
    if options.show_streams:
        wanted["streams"] = None
    if options.show_format:
        wanted["format"] = None
    for part in (options.show_entries or "").split(":"):
        section, _, keys = part.partition("=")
        name = {"stream": "streams", "format": "format"}.get(section)
        if name:
            wanted[name] = set(keys.split(",")) if keys else None
    return wanted


def _chosen(entry: Section, keys: set[str] | None) -> Section:
    return entry if keys is None else {key: value for key, value in entry.items() if key in keys}


def _written(shown: dict[str, list[Section]], form: str) -> str:
    """The sections as ffprobe's writers `json`, `csv`, `compact` or `default` print them."""
    writer, _, settings = form.partition("=")
    given = {key: value for key, _, value in (part.partition("=") for part in settings.split(":"))}
    if writer == "json":
        found = {name: entries if name == "streams" else entries[0] for name, entries in shown.items()}
        return json.dumps(found, indent=4) + "\n"
    plain = any(given.get(name) == "1" for name in ("nk", "nokey"))
    bare = any(given.get(name) == "1" for name in ("nw", "noprint_wrappers"))
    lines = []
    for name, entries in shown.items():
        title = name.removesuffix("s")
        for entry in entries:
            flat = _flat(entry)
            if writer in ("csv", "compact"):
                mark, keyed = (",", False) if writer == "csv" else ("|", not plain)
                values = [f"{key}={value}" if keyed else str(value) for key, value in flat.items()]
                named = [] if "0" in (given.get("p"), given.get("print_section")) else [title]
                lines.append(mark.join([*named, *values]))
            else:
                body = [str(value) if plain else f"{key}={value}" for key, value in flat.items()]
                lines += body if bare else [f"[{title.upper()}]", *body, f"[/{title.upper()}]"]
    return "".join(f"{line}\n" for line in lines)


def _flat(entry: Section) -> Section:
    flat = {key: value for key, value in entry.items() if key != "tags"}
    return flat | {f"TAG:{key}": value for key, value in entry.get("tags", {}).items()}


def _known(told: Section) -> Section:
    return {key: value for key, value in told.items() if value is not None}


def _seconds(ticks: int | None, base: Fraction | None) -> str | None:
    return None if ticks is None or base is None else f"{float(ticks * base):.6f}"


def _ratio(ratio: Fraction | None, mark: str = "/") -> str | None:
    return None if ratio is None else f"{ratio.numerator}{mark}{ratio.denominator}"


def _parser() -> argparse.ArgumentParser:
    """Of ffprobe's options those that ask for streams and format; long ones have one dash."""
    parser = argparse.ArgumentParser(
        prog="ffprobe", description="What streams a media file holds.", allow_abbrev=False
    )
    parser.add_argument("file", nargs="?", help="a media file or address")
    parser.add_argument("-i", dest="input", help="the same")
    parser.add_argument("-v", "-loglevel", default="info", help="quiet: no word if it cannot be read")
    parser.add_argument("-print_format", "-output_format", "-of", default="default", help="json, csv, ...")
    parser.add_argument("-show_format", action="store_true")
    parser.add_argument("-show_streams", action="store_true")
    parser.add_argument("-show_entries", help="stream=KEY,KEY:format=KEY")
    parser.add_argument("-select_streams", help="v, a:0, 1, ...")
    parser.add_argument("-hide_banner", action="store_true")
    parser.add_argument("-version", action="store_true")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
