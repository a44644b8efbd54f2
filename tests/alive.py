"""Generators for tests with every branch alive: the zero convolutions they begin with would hide faults."""

import torch
from gfla.models import Generator, GeneratorConfig


def randomised(config: GeneratorConfig) -> Generator:
    """The same for the same configuration, in eval mode."""
    torch.manual_seed(0)
    generator = Generator(config).eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)
    return generator
