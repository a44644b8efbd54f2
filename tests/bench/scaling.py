"""What size and references cost: frames a second at 128 to 512, and with 1, 2 and 4 references."""

from dataclasses import replace

import torch
from bench.sample import inputs_for
from bench.timing import Row, compare, peak_bytes, reset_peak
from gfla.animate.compute.devices import fast_arithmetic, fast_precision
from gfla.models import CONFIGS, Generator, GeneratorConfig, GeneratorMemory
from gfla.models.layers import channels_last

FACE = CONFIGS["face-256"]


def measure(device: torch.device, repeats: int) -> list[Row]:
    rows: list[Row] = []
    for size in (128, 256, 384, 512):
        rows += _frames(f"side {size}, 2 references", replace(FACE, size=size), device, repeats)
    for count in (1, 2, 4):
        rows += _frames(f"side 256, {count} references", replace(FACE, previous=count - 1), device, repeats)
    return rows


def _frames(case: str, config: GeneratorConfig, device: torch.device, repeats: int) -> list[Row]:
    """A frame once all its references are there. memory: the GPU's peak, or the growth of the process's."""
    generator = channels_last(Generator(config).to(device)).eval()
    structure, points, reference = inputs_for(generator)
    precision = fast_precision(device)
    reset_peak(device)
    before = peak_bytes(device)
    with torch.inference_mode(), fast_arithmetic(device):
        memory = GeneratorMemory()
        for _ in range(config.previous):
            _, memory, _ = generator(structure, points, reference, memory)
        forms = {str(precision)[6:]: lambda: generator(structure, points, reference, memory)}
        rows = compare("scaling", case, forms, device, repeats=repeats)
    for row in rows:
        row.more["frames/s"] = 1e3 / row.ms
        row.more["MiB"] = (peak_bytes(device) - (0 if device.type == "cuda" else before)) / 2**20
    return rows
