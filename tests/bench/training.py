"""A training step on made-up samples: of the network alone (forward, the pixel loss, backward, optimiser), in
float32 and bfloat16, and whole, as `gfla-train` takes it, where what that needs is installed."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch
from bench.sample import inputs_for
from bench.timing import Row, Work, compare
from gfla.animate.compute.devices import fast_precision
from gfla.models import CONFIGS, Generator
from gfla.models.layers import channels_last

STAGES = {"image, batch 4": (4, 1), "video, batch 2, chunk 3": (2, 3)}


def measure(device: torch.device, repeats: int) -> list[Row]:
    """samples/s count frames."""
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
        if find_spec("safetensors") and find_spec("tqdm"):
            forms["whole"] = _whole(device, batch, chunk, picture, places)
        found = compare("training", case, forms, device, repeats=max(repeats // 3, 2))
        for row in found:
            row.more["samples/s"] = 1e3 * batch * chunk / row.ms
        rows += found
    return rows


def _whole(device: torch.device, batch: int, chunk: int, picture: torch.Tensor, places: torch.Tensor) -> Work:
    """The step of face-256's own stage: its losses (the perceptual one where GFLA_DATA has SqueezeNet), the
    video stage's critics, both optimisers, the average of the parameters."""
    from gfla.train.config import FACE
    from gfla.train.data.clips import Batch, perceptual_weights
    from gfla.train.trainer import Trainer

    name = "image" if chunk == 1 else "video"
    stage = next(stage for stage in FACE.stages if stage.name == name)
    stage = replace(stage, steps=10**6, batch=batch, length=chunk, chunk=chunk)
    perceptual = perceptual_weights(None)
    trainer = Trainer(
        CONFIGS["face-256"],
        replace(FACE, stages=(stage,)),
        None,
        Path("unused"),
        perceptual if perceptual.is_file() else None,
        device.type,
    )
    side = picture.shape[-1] // 4
    sample = Batch(
        picture.cpu()[:, None].repeat(1, 1 + chunk, 1, 1, 1),
        places.cpu()[:, None].repeat(1, 1 + chunk, 1, 1),
        torch.zeros(batch, dtype=torch.int64),
        torch.zeros(batch, chunk, 2, side, side),
        torch.ones(batch, chunk, 1, side, side),
        torch.zeros(batch, chunk, 2, side, side),
    )

    def work() -> None:
        for _ in trainer.sample_steps(stage, sample):
            trainer.step += 1

    return work
