"""Networks: tensors in, tensors out; no video, no files but weights, no state of their own."""

from .attention_flow import AttentionFlow
from .config import CONFIGS, AttentionFlowConfig, DiscriminatorConfig, GeneratorConfig
from .discriminator import Discriminator, frame_residuals
from .flow import Motion
from .generator import Ahead, FrameOutput, Generator, GeneratorMemory, Reference
from .weights import load_generator, new_generator, read_weights, save_generator, save_weights

__all__ = [
    "CONFIGS",
    "Ahead",
    "AttentionFlow",
    "AttentionFlowConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FrameOutput",
    "Generator",
    "GeneratorConfig",
    "GeneratorMemory",
    "Motion",
    "Reference",
    "frame_residuals",
    "load_generator",
    "new_generator",
    "read_weights",
    "save_generator",
    "save_weights",
]
