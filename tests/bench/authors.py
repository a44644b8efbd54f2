"""A frame of the authors' face network beside ours of the paper's widths, and on the op's slow definition."""

from collections.abc import Callable
from functools import partial

import torch
from bench.sample import inputs_for
from bench.timing import Row, compare
from gfla.models import CONFIGS, AnyGenerator, Generator, Original, OriginalConfig
from gfla.models.layers import channels_last
from gfla.models.ops import KernelNet, local_attention
from gfla.models.original.layers import Attention
from torch import Tensor


def measure(device: torch.device, repeats: int) -> list[Row]:
    """On one thread, 256 x 256, one previous frame, untrained. far: the slow form's largest distance from the
    fast one, of 2."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ours = channels_last(Generator(CONFIGS["face-256-paper"]).to(device)).eval()
    theirs, slow = (original(device) for _ in range(2))
    slow.load_state_dict(theirs.state_dict())
    for module in slow.modules():
        if isinstance(module, Attention):
            module.forward = partial(by_definition, module)
    forms: dict[str, Callable[[], Tensor]] = {}
    with torch.inference_mode():
        for dtype in (torch.float32, torch.bfloat16):
            name = str(dtype).removeprefix("torch.")
            forms[f"face-256-paper {name}"] = second_frame(ours, inputs_for(ours), dtype)
            forms[f"authors-face {name}"] = second_frame(theirs, noise(device), dtype)
        forms["authors-face, slow op"] = second_frame(slow, noise(device), torch.float32)
        rows = compare("authors", "face", forms, device, repeats=repeats)
        apart = forms["authors-face, slow op"]() - forms["authors-face float32"]()
        rows[-1].more["far"] = float(apart.abs().max())
    torch.set_num_threads(threads)
    return rows


def original(device: torch.device) -> Original:
    config = CONFIGS["authors-face"]
    assert isinstance(config, OriginalConfig)
    return channels_last(Original(config).to(device)).eval()


def noise(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, its structure and the target's, as the released face network takes them."""
    random = torch.Generator().manual_seed(0)
    parts = (torch.rand(1, channels, 256, 256, generator=random) for channels in (3, 16, 16))
    picture, own, target = (part.to(device) for part in parts)
    return picture * 2 - 1, own, target


def second_frame(model: AnyGenerator, inputs, dtype: torch.dtype) -> Callable[[], Tensor]:
    """Draws the frame after the first."""
    if isinstance(model.config, OriginalConfig):
        picture, own, target = inputs
        points = target.new_zeros(1, 68, 2)
        reference = model.encode_reference(picture, own, points)
    else:
        structure, moved, reference = inputs
        target, points = structure[:, 0], moved[:, 0]
    _, memory, _ = model(target[:, None], points[:, None], reference)

    def frame() -> Tensor:
        with torch.autocast(target.device.type, dtype, enabled=dtype != torch.float32):
            ahead = model.look_ahead(target, points, reference)
            return model.frame(ahead, reference, memory.previous)[0].image

    return frame


def by_definition(
    attention: Attention, x: Tensor, features: Tensor, half: Tensor, flow: Tensor
) -> tuple[Tensor, Tensor]:
    """As `Attention.forward`, by the slow form of the op."""
    read = attention.fully_connect_layer.get_parameter
    target, source = read("0.weight").chunk(2, dim=1)
    net = KernelNet(source, target, read("0.bias"), read("2.weight").flatten(1), read("2.bias"))
    sampled, weights = local_attention(features, x, flow, net, impl="reference")
    return sampled / weights.shape[1], weights
