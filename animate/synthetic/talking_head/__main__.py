"""`python -m gfla.animate.synthetic.talking_head OUT_FOLDER`: a small dataset of drawn people."""

import argparse
from pathlib import Path

from .acting import write_dataset


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m gfla.animate.synthetic.talking_head", description=main.__doc__
    )
    parser.add_argument("folder", type=Path, help="where to write index.csv and clips/")
    parser.add_argument("--people", type=int, default=4, help="how many people (the last is the val split)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each clip")
    options = parser.parse_args()
    write_dataset(options.folder, options.people, options.seconds)
    print(options.folder / "index.csv")


if __name__ == "__main__":
    main()
