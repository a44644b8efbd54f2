"""The network of mattes: its shapes, its size on disk, and what is said of wrong weights."""

import pytest
import torch
from gfla.models import MATTES, MatteNet, WeightsError, load_matte_net, save_matte_net
from gfla.models.weights import weights_file


def test_logits_have_the_pictures_size():
    net = MatteNet(MATTES["matte-tiny"]).eval()
    logits = net(torch.zeros(2, 3, 64, 96))
    assert logits.shape == (2, 1, 64, 96)
    assert logits.dtype == torch.float32


def test_weights_come_back_as_they_were(tmp_path):
    net = MatteNet(MATTES["matte-tiny"]).eval()
    save_matte_net(tmp_path / "m.safetensors", net)
    loaded = load_matte_net(tmp_path / "m.safetensors")
    assert loaded.config == net.config
    for saved, mine in zip(loaded.parameters(), net.parameters(), strict=True):
        assert torch.equal(saved, mine.half().float())
        assert not saved.requires_grad


def test_other_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match="closeup-96: not the weights of a matte"):
        load_matte_net("closeup-96")
    with pytest.raises(WeightsError, match="no such weights file"):
        load_matte_net(tmp_path / "none.safetensors")


def test_the_shipped_network_is_small():
    assert weights_file("matte-256").stat().st_size <= 1_000_000
    assert load_matte_net().config == MATTES["matte-256"]
