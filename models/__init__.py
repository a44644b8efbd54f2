"""Networks: tensors in, tensors out. They know no video, keep no state and read no files but weights."""

from .attention_flow import AttentionFlow
from .config import CONFIGS, AttentionFlowConfig, DiscriminatorConfig, GeneratorConfig, OriginalConfig
from .discriminator import Discriminator, frame_residuals
from .flow import Motion
from .frames import Ahead, FrameOutput, GeneratorMemory, LayerPyramid, Layers, Reference
from .generator import Generator
from .matte import MATTES, MatteConfig, MatteNet, load_matte_net
from .original import Original, OriginalAhead, OriginalReference
from .weights import (
    AnyGenerator,
    WeightsError,
    load_generator,
    new_generator,
    read_weights,
    save_generator,
    save_weights,
)

__all__ = [
    "CONFIGS",
    "MATTES",
    "Ahead",
    "AnyGenerator",
    "AttentionFlow",
    "AttentionFlowConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FrameOutput",
    "Generator",
    "GeneratorConfig",
    "GeneratorMemory",
    "LayerPyramid",
    "Layers",
    "MatteConfig",
    "MatteNet",
    "Motion",
    "Original",
    "OriginalAhead",
    "OriginalConfig",
    "OriginalReference",
    "Reference",
    "WeightsError",
    "frame_residuals",
    "load_generator",
    "load_matte_net",
    "new_generator",
    "read_weights",
    "save_generator",
    "save_weights",
]
