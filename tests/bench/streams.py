"""One stream against 2 to 16 in lockstep: a batch fills what a frame that waits for the last leaves idle."""

import torch
from bench.sample import face_generator, inputs_for
from bench.timing import Row, compare
from gfla.animate.compute.devices import fast_arithmetic, fast_precision
from gfla.models import GeneratorMemory


def measure(device: torch.device, repeats: int) -> list[Row]:
    """A frame of every stream of a batch; frames/s are of all streams together."""
    generator, precision = face_generator(device), fast_precision(device)
    rows: list[Row] = []
    for count in (1, 2, 4, 8, 16):
        structure, points, reference = inputs_for(generator, count)
        with torch.inference_mode(), fast_arithmetic(device):
            _, memory, _ = generator(structure, points, reference, GeneratorMemory())
            forms = {str(precision)[6:]: lambda: generator(structure, points, reference, memory)}  # noqa: B023
            found = compare("streams", f"{count} in lockstep", forms, device, repeats=repeats)
        for row in found:
            row.more["frames/s"] = 1e3 * count / row.ms
        rows += found
    return rows
