"""Mixed precision of a run: which type networks compute in, and how losses are scaled for float16."""

from __future__ import annotations

import torch

from ..animate.compute.devices import fast_precision

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MAX_SKIPPED = {False: 3, True: 20}
"""A run stops after so many gradients in a row that are not finite; with a scaled loss (True) a few are the
way in which the scale is found."""
_FIRST_SCALE = 2.0**12


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Autocast to a `precision`, a key of `PRECISIONS`; "auto" is the fastest that needs no scaled loss."""
    dtype = fast_precision(device) if precision == "auto" else PRECISIONS[precision]
    # No cache of cast weights: the sampler's thread would clear it, and gradients would sum differently.
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False)


def new_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Scales losses so that float16 gradients do not vanish; does nothing in other precisions."""
    return torch.amp.GradScaler(device.type, init_scale=_FIRST_SCALE, enabled=precision == "fp16")
