"""`make bench`: how fast everything is, as a table and as JSON, in ratios to an earlier JSON.

python -m bench [ops generator authors scaling film training] [--out FILE] [--against FILE] [--device cuda]
"""

import argparse
import importlib
import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from bench.timing import Row

PARTS = ("ops", "generator", "authors", "scaling", "film", "training")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="of torch (default: all cores)")
    parser.add_argument("--repeats", type=int, default=9, help="rounds of which medians are taken")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="keep the figures")
    parser.add_argument("--against", type=Path, metavar="FILE.json", help="earlier figures to compare with")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    before = _read(options.against) if options.against else {}
    rows: list[Row] = []
    print(machine(device))
    for part in options.parts or PARTS:
        measured = importlib.import_module(f"bench.{part}").measure(device, options.repeats)
        rows += measured
        print(table(measured, before), flush=True)
        if options.out:
            found = {"machine": machine(device), "date": datetime.now(UTC).isoformat(timespec="seconds")}
            options.out.write_text(json.dumps(found | {"rows": [asdict(row) for row in rows]}, indent=1))


def machine(device: torch.device) -> str:
    """What was measured on, in a line."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()} {torch.backends.cpu.get_cpu_capability()}"


def _read(path: Path) -> dict[tuple[str, str, str], float]:
    return {
        (row["part"], row["case"], row["form"]): row["ms"] for row in json.loads(path.read_text())["rows"]
    }


def table(rows: list[Row], before: dict[tuple[str, str, str], float]) -> str:
    """A line a row; the last column is the time over that of `before`."""
    lines = [f"\n{rows[0].part if rows else '':10}{'':28}{'form':22}{'ms':>9}{'cpu ms':>9}{'ratio':>8}"]
    for row in rows:
        line = f"{row.case:38}{row.form:22}{row.ms:9.2f}{row.cpu:9.2f}{row.ratio:8.2f}"
        line += "".join(f"  {name} {value:.4g}" for name, value in row.more.items())
        if row.key in before:
            line += f"  {row.ms / before[row.key]:.2f} x earlier"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
