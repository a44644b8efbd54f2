"""Animate a portrait from Python: python -m gfla.demos.animate SOURCE DRIVING OUT.mp4."""

import sys

from gfla.animate import Animator

if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    source, driving, output = sys.argv[1:]
    animator = Animator.from_pretrained("face-256")
    print(animator.render(source, driving, output))
