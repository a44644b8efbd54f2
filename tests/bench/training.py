"""A training step on made-up samples: forward, the pixel loss, backward, optimiser; float32 and bfloat16."""

import torch
from bench.sample import inputs_for
from bench.timing import Row, Work, compare
from gfla.animate.devices import fast_precision
from gfla.models import CONFIGS, Generator
from gfla.models.layers import channels_last

STAGES = {"image, batch 4": (4, 1), "video, batch 2, chunk 3": (2, 3)}


def measure(device: torch.device, repeats: int) -> list[Row]:
    """Of the network alone, without critics and perceptual loss; samples/s count frames."""
    precision = fast_precision(device)
    generator = channels_last(Generator(CONFIGS["face-256"]).to(device)).train()
    optimiser = torch.optim.AdamW(generator.parameters())
    rows: list[Row] = []
    for case, (batch, chunk) in STAGES.items():
        structure, points, given = inputs_for(generator, batch)
        structure, points = (x.expand(-1, chunk, *x.shape[2:]).clone() for x in (structure, points))
        picture, places = given.image.clone(), given.points.clone()

        def step(dtype: torch.dtype) -> Work:
            def work() -> None:
                with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                    reference = generator.encode_reference(picture, structure[:, 0], places)  # noqa: B023
                    outputs, _ = generator.animate(structure, points, reference)  # noqa: B023
                    loss = torch.stack([(output.image - picture).abs().mean() for output in outputs]).sum()  # noqa: B023
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()

            return work

        forms = {str(dtype)[6:]: step(dtype) for dtype in dict.fromkeys((torch.float32, precision))}
        found = compare("training", case, forms, device, repeats=max(repeats // 3, 2))
        for row in found:
            row.more["samples/s"] = 1e3 * batch * chunk / row.ms
        rows += found
    return rows
