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


def drawn_head(generator: Generator) -> Inputs:
    """A drawn person at rest and speaking aside: nearer to what a generator sees than noise, whose range
    eight bits do not hold. Needs PyAV, by way of what draws."""
    from gfla.animate.structure import structure_map
    from gfla.animate.synthetic.talking_head import Pose, TalkingHead

    device, size = generator.paint.weight.device, generator.config.size
    person = TalkingHead(7)
    still, moved = person.render(Pose()), person.render(Pose(yaw=8, mouth=0.7, blink=0.5))
    picture = torch.from_numpy(still.image).permute(2, 0, 1)[None].float() / 127.5 - 1
    picture = torch.nn.functional.interpolate(picture, (size, size), mode="area").to(device)
    points = [
        torch.from_numpy((p + 0.5) * size / 256 - 0.5)[None].float() for p in (still.points, moved.points)
    ]
    maps = [structure_map(each, size).to(device) for each in points]
    with torch.inference_mode():
        reference = generator.encode_reference(picture, maps[0], points[0].to(device))
    return Inputs(maps[1][:, None], points[1].to(device)[:, None], reference)
