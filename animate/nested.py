"""Equal structures of tensors, nested tuples such as `Reference`, handled as one."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def joined(values: Sequence[Any]) -> Any:
    """Equal structures of tensors (B, ...) as one whose batch is all of theirs."""
    return values[0] if len(values) == 1 else mapped(lambda *tensors: torch.cat(tensors), *values)


def mapped(change: Callable[..., Tensor], *values: Any) -> Any:
    """`change` of the tensors that stand at the same place in all `values`, nested tuples."""
    first = values[0]
    if isinstance(first, Tensor):
        return change(*values)
    if not isinstance(first, tuple):
        return first
    parts = [mapped(change, *those) for those in zip(*values, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
