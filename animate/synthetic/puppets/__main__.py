"""`python -m gfla.animate.synthetic.puppets SHEET.png`: a contact sheet of person pairs and solids."""

import argparse
from pathlib import Path

import numpy as np

from ...io.image import write_image
from . import AZIMUTHS, STAGE, act, choose_look, choose_solid, draw, draw_pair, draw_solid


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gfla.animate.synthetic.puppets", description=__doc__)
    parser.add_argument("sheet", type=Path, help="the image to write")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size, rows = (128, 128), []
    for row in range(5):
        pairs = [draw_pair(options.seed, 5 * row + column, size) for column in range(5)]
        rows.append(np.hstack([drawn.image for pair in pairs for drawn in pair]))
    look = choose_look(options.seed)
    rows.append(np.hstack([draw(look, pose, STAGE.scaled(0.5), size).image for pose in act("dance", 10)]))
    for row in range(2):
        solid = choose_solid(options.seed + row)
        rows.append(np.hstack([draw_solid(solid, angle, 20, size).image for angle in AZIMUTHS[:10]]))
    write_image(np.vstack(rows), options.sheet)
    print(options.sheet)


if __name__ == "__main__":
    main()
