"""Which precision a machine gets, and how its cores are shared out."""

import numpy as np
import pytest
import torch
from gfla.animate.compute.devices import ThreadCounts, fast_precision, to_device, to_host

CPU = torch.device("cpu")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize(
    ("allowed", "can", "expected"),
    [
        (None, {"avx512_bf16": True}, torch.bfloat16),
        (None, {}, torch.float32),
        (None, {"avx512_bf16": True, "cpu_name": "AMD EPYC"}, torch.bfloat16),
        (None, {"avx512_bf16": True, "cpu_name": "Intel Xeon"}, torch.float32),
        (None, {"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, torch.bfloat16),
        ("AVX2", {"avx512_bf16": True}, torch.float32),
        ("avx512_core", {"avx512_bf16": True}, torch.float32),
        ("AVX512_CORE_BF16", {"avx512_bf16": True}, torch.bfloat16),
    ],
)
def test_bfloat16_only_where_convolutions_gain_by_it(monkeypatch, allowed, can, expected):
    """oneDNN held to an older instruction set would emulate bfloat16, many times slower than float32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if allowed:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", allowed)
    assert fast_precision(CPU) == expected


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 64])
def test_every_part_has_a_thread_and_the_network_most(monkeypatch, cores):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    counts = ThreadCounts.of(CPU)
    assert counts.one == 1
    assert min(counts) == 1
    assert counts.most == max(counts) <= cores
    assert counts.few + counts.most <= max(cores, 2)  # they work at once
    assert ThreadCounts.of(CPU, alone=True) == (cores, cores, cores)
    assert ThreadCounts.of(torch.device("cuda"), alone=True).most == counts.few


@pytest.mark.parametrize("device", DEVICES)
def test_arrays_come_back_as_they_went_whatever_their_strides(device: str):
    grid = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    sent = [to_device(array, torch.device(device)) for array in (grid[:, ::-1], grid.astype(np.uint8))]
    assert {tensor.device.type for tensor in sent} == {device}
    turned, levels = to_host((sent[0].permute(2, 0, 1), sent[1]))
    assert np.array_equal(turned, grid[:, ::-1].transpose(2, 0, 1))
    assert turned.flags.c_contiguous
    assert np.array_equal(levels, grid.astype(np.uint8))
