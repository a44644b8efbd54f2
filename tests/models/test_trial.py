"""What a GPU is trusted with, by GPUs that are made up: what is wrong is not used, and all is tried once."""

import json
from pathlib import Path

import pytest
import torch
from gfla.animate.compute import devices
from gfla.animate.compute.devices import device_faults, fast_precision, half_error
from gfla.models.ops import fused, trial
from gfla.models.ops.trial import KERNEL_ERROR, fault, kernel_error

CPU = torch.device("cpu")
GPU = torch.device("cuda", 0)


def test_the_plain_ops_pass_for_right_kernels_and_no_wrong_one_does():
    assert kernel_error(CPU, fused.warp, fused.attend) < KERNEL_ERROR / 10
    assert kernel_error(CPU, lambda s, f: fused.warp(s, f + 0.01), fused.attend) > KERNEL_ERROR
    assert kernel_error(CPU, fused.warp, lambda *a: fused.attend(*a[:-1], 0.2)) > KERNEL_ERROR  # type: ignore[call-arg]
    assert kernel_error(CPU, lambda s, f: fused.warp(s, f) * torch.nan, fused.attend) == float("inf")


def test_half_precision_is_near_on_a_processor_that_is_right():
    assert 0 < half_error(CPU) < devices._HALF_ERROR / 2


def test_a_thing_is_tried_once_for_a_gpu_and_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    memory, tries = tmp_path / "new" / "devices.json", []

    def attempt(error: float):
        return lambda device: tries.append(device) or error

    assert fault(CPU, "kernels", attempt(0.5), 0.1, memory) == "wrong by 0.5 when tried"
    assert fault(CPU, "kernels", attempt(0.0), 0.1, memory) == "wrong by 0.5 when tried"
    assert fault(CPU, "halves", attempt(0.0), 0.1, memory) is None
    assert len(tries) == 2
    monkeypatch.setattr(trial, "machine", lambda device: "another driver")
    assert fault(CPU, "kernels", attempt(0.0), 0.1, memory) is None
    assert len(json.loads(memory.read_text())) == len(tries) == 3


def test_what_cannot_be_tried_is_not_used_and_a_damaged_memory_is_done_without(tmp_path: Path):
    def fail(device: torch.device) -> float:
        raise RuntimeError("no kernel image")

    memory = tmp_path / "devices.json"
    for damaged in ("{", "[1]"):
        memory.write_text(damaged)
        assert fault(CPU, "kernels", fail, 0.1, memory) == "RuntimeError when tried"
    (tmp_path / "file").touch()
    assert fault(CPU, "kernels", lambda device: 0.0, 0.1, tmp_path / "file" / "devices.json") is None


def test_what_fails_is_not_used_and_the_reason_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "_multiplies_halves", lambda: True)
    monkeypatch.setattr(devices, "has_triton", lambda: True)
    monkeypatch.setattr(devices, "half_fault", lambda device: None)
    monkeypatch.setattr(devices, "kernel_fault", lambda device: None)
    assert fast_precision(GPU) == torch.bfloat16
    assert device_faults(GPU) == []
    monkeypatch.setattr(devices, "half_fault", lambda device: "wrong by 0.5 when tried")
    monkeypatch.setattr(devices, "kernel_fault", lambda device: "RuntimeError when tried")
    assert fast_precision(GPU) == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    said = "float32 alone: wrong by 0.5 when tried; without our kernels: RuntimeError when tried"
    assert devices.choose_device() == ("cuda", f"the fastest torch sees: a GPU; {said}")
    assert devices.choose_device("cuda") == ("cuda", f"as asked; {said}")


def test_kernels_that_are_wrong_are_left_to_plain_torch(monkeypatch: pytest.MonkeyPatch):
    class OnGpu:
        is_cuda, dtype, device = True, torch.float32, GPU

    monkeypatch.setattr(fused, "has_triton", lambda: True)
    for reason, used in ((None, True), ("wrong by 1 when tried", False)):
        monkeypatch.setattr(fused, "kernel_fault", lambda device, reason=reason: reason)
        assert fused._has_kernels(OnGpu()) == used  # type: ignore[arg-type]
