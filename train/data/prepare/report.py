"""What a dataset holds, what was left out of it and why: report.json for programs, report.txt for people."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ....animate.io.atomic import atomic_file
from .ledger import Ledger

UNREADABLE, MISSING, FAILED = "unreadable", "no such video", "its worker died"
_EARLIER = "by an earlier version, see prepared.jsonl"
_SHOWN = 20  # videos listed in the table, of each reason


def write_report(ledger: Ledger, missing: list[tuple[str, str]], failed: dict[str, str]) -> dict[str, Any]:
    """Write report.json and report.txt of the whole dataset to its folder; returns the first one's content.

    missing: (place in a list, video) of what was listed and not there. failed: what the workers could not do
    this time, with the error.
    """
    rows = ledger.rows()
    people = {row["identity"]: row["split"] for row in rows}
    frames: Counter[str] = Counter()
    videos: dict[str, list[dict[str, str]]] = {}
    seconds = 0.0
    for line in ledger.lines.values():
        seconds += line.get("seconds", 0.0)
        left_out = line.get("left_out") or {}
        if isinstance(left_out, str):
            left_out = {_EARLIER: 0}
        frames.update(left_out)
        if not line["clips"]:
            reason = UNREADABLE if line.get("refused") else next(iter(left_out), UNREADABLE)
            why = line.get("refused") or ", ".join(f"{n} frames {what}" for what, n in left_out.items())
            videos.setdefault(reason, []).append({"video": _name(line), "why": why})
    for where, name in missing:
        videos.setdefault(MISSING, []).append({"video": name, "why": where})
    for name, why in failed.items():
        videos.setdefault(FAILED, []).append({"video": name, "why": why})
    report = {
        "clips": len(rows),
        "clip_seconds": round(sum(row["seconds"] for row in rows), 2),
        "footage_seconds": round(seconds, 2),
        "people": dict(Counter(people.values())),
        "videos": len(ledger.lines) + len(missing) + len(failed),
        "videos_with_clips": sum(bool(line["clips"]) for line in ledger.lines.values()),
        "frames_left_out": dict(frames.most_common()),
        "videos_left_out": videos,
        "notes": dict(Counter(note for row in rows for note in row["quality_note"].split(", ") if note)),
    }
    for name, text in (("report.json", json.dumps(report, indent=1)), ("report.txt", table(report))):
        with atomic_file(ledger.out / name) as part:
            part.write_text(text + "\n")
    return report


def table(report: dict[str, Any]) -> str:
    """The report as lines of text."""
    people = ", ".join(f"{count} {split}" for split, count in sorted(report["people"].items())) or "none"
    lines = [
        f"clips                {report['clips']} ({_hours(report['clip_seconds'])})",
        f"people               {people}",
        f"videos with clips    {report['videos_with_clips']} of {report['videos']}",
        f"footage              {_hours(report['footage_seconds'])}",
    ]
    lines += [f"frames left out      {count:8d}  {why}" for why, count in report["frames_left_out"].items()]
    lines += [f"clips noted          {count:8d}  {note}" for note, count in report["notes"].items()]
    for reason, videos in report["videos_left_out"].items():
        lines += ["", f"{len(videos)} videos left out: {reason}"]
        lines += [f"  {each['video']}: {each['why']}" for each in videos[:_SHOWN]]
        if len(videos) > _SHOWN:
            lines.append(f"  and {len(videos) - _SHOWN} more, see report.json")
    return "\n".join(lines)


def _name(line: dict[str, Any]) -> str:
    path, start, end = json.loads(line["key"])
    return Path(path).name if start is None and end is None else f"{Path(path).name} ({start} to {end} s)"


def _hours(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.1f} h"
