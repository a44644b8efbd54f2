"""Made-up inputs of a generator, for the parts that do not need a picture of anybody."""

from importlib.util import find_spec
from typing import NamedTuple

import torch
from gfla.models import CONFIGS, Generator, Reference, load_generator
from gfla.models.layers import channels_last
from torch import Tensor


def face_generator(device: torch.device) -> Generator:
    """The shipped generator; where weights cannot be read for want of safetensors, one as large."""
    if find_spec("safetensors"):
        generator = load_generator("face-256", device)
        assert isinstance(generator, Generator)
        return generator
    return channels_last(Generator(CONFIGS["face-256"]).to(device)).eval()


class Inputs(NamedTuple):
    """What one frame of `count` streams is made of; see `Generator.forward`."""

    structure: Tensor
    points: Tensor
    reference: Reference


def inputs_for(generator: Generator, count: int = 1) -> Inputs:
    """Noise for pictures, points that moved a little; on the generator's device, in eval mode."""
    device, size = generator.paint.weight.device, generator.config.size
    random = torch.Generator().manual_seed(0)
    still = torch.rand(count, 68, 2, generator=random) * size * 0.5 + size * 0.25
    moved = still + torch.randn(count, 68, 2, generator=random) * size / 128
    structure = torch.rand(count, 17, size // 4, size // 4, generator=random).to(device)
    picture = (torch.rand(count, 3, size, size, generator=random) * 2 - 1).to(device)
    with torch.inference_mode():
        reference = generator.encode_reference(picture, structure, still.to(device))
    return Inputs(structure[:, None], moved.to(device)[:, None], reference)
