"""Paper 2's model edits a portrait through the morphable landmark model, as the generator does."""

from pathlib import Path

import cv2
import gfla.animate
import numpy as np
import pytest
import torch
from gfla.models import CONFIGS, new_generator, save_generator
from gfla.train.ablation.editing_sheet import EDITS, SIDE, main

ASTRONAUT = Path(gfla.animate.__file__).parent / "assets" / "astronaut.jpg"


@pytest.mark.slow
def test_a_portrait_under_every_edit(tmp_path):
    torch.manual_seed(0)
    model = new_generator(CONFIGS["face-tiny-attention-flow"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    save_generator(tmp_path / "w.safetensors", model)
    command = [str(ASTRONAUT), "--weights", str(tmp_path / "w.safetensors")]
    assert main([*command, "-o", str(tmp_path / "sheet.png")]) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    columns = 1 + len(EDITS["yaw"])
    assert sheet.shape == (len(EDITS) * SIDE, columns * SIDE, 3)
    lines = np.split(sheet, len(EDITS))
    made = [picture for line in lines for picture in np.split(line, columns, axis=1)[1:]]
    assert all(not np.array_equal(a, b) for i, a in enumerate(made) for b in made[:i]), "every edit is seen"


@pytest.mark.slow
def test_a_file_that_is_none_is_a_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "no.jpg"), "-o", str(tmp_path / "sheet.png")]) == 2
    assert "no.jpg" in capsys.readouterr().err
