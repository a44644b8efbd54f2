"""Which precision a machine gets, and how its cores are shared out."""

import pytest
import torch
from gfla.animate.devices import core_shares, fast_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("allowed", "capable", "expected"),
    [
        (None, True, torch.bfloat16),
        (None, False, torch.float32),
        ("AVX2", True, torch.float32),
        ("avx512_core", True, torch.float32),
        ("AVX512_CORE_BF16", True, torch.bfloat16),
    ],
)
def test_bfloat16_only_where_convolutions_have_it(monkeypatch, allowed, capable, expected):
    """oneDNN held to an older instruction set would emulate bfloat16, many times slower than float32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": capable})
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if allowed:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", allowed)
    assert fast_precision(CPU) == expected


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 64])
def test_every_part_has_a_thread_and_the_network_most(monkeypatch, cores):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    shares = core_shares(CPU)
    assert min(shares.values()) == 1 or cores >= 8
    assert shares["generate"] == max(shares.values())
    assert shares["generate"] <= cores
