"""Weights on disk: half precision, the configuration beside them, strict reading, clear sentences."""

import json
from dataclasses import asdict

import pytest
import torch
from gfla.models import CONFIGS, Generator, load_generator, read_weights, save_generator, save_weights
from gfla.models.weights import FOLDER, WeightsError
from safetensors.torch import save_file


def test_round_trip_restores_config_and_half_precision_values(tmp_path):
    model = Generator(CONFIGS["face-tiny"])
    path = tmp_path / "tiny.safetensors"
    save_generator(path, model)
    loaded = load_generator(path)
    assert loaded.config == model.config
    assert not loaded.training
    for name, value in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value.half().float(), atol=0, rtol=0)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere") as missing:
        load_generator(tmp_path / "nowhere.safetensors")
    assert missing.value.subject == str(tmp_path / "nowhere.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    with pytest.raises(WeightsError, match=r"text\.safetensors"):
        load_generator(text)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    with pytest.raises(WeightsError, match="configuration"):
        load_generator(foreign)


def test_weights_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, torch.nn.Linear(2, 2), {"size": 64})
    with pytest.raises(WeightsError, match="version"):
        load_generator(path)
    tensors, config = read_weights(path)
    assert config == {"size": 64}
    assert tensors["weight"].dtype == torch.float32


def test_weights_that_do_not_fit_and_checkpoints_of_torch_are_refused_in_a_sentence(tmp_path):
    path, model = tmp_path / "w.safetensors", Generator(CONFIGS["face-tiny"])
    config = asdict(model.config)
    model.paint = torch.nn.Conv2d(2, 2, 1)
    save_weights(path, model, config)
    with pytest.raises(WeightsError, match=r"^[^\n]*paint\.weight has the shape \(2, 2, 1, 1\), not [^\n]*$"):
        load_generator(path)
    for zipped in (True, False):
        torch.save({"a": torch.zeros(1)}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(WeightsError, match="a checkpoint of torch; gfla-import"):
            load_generator(path)


def test_a_file_may_be_read_by_whoever_the_umask_lets(tmp_path):
    save_weights(tmp_path / "w.safetensors", torch.nn.Linear(2, 2), {})
    (tmp_path / "plain").touch()
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_older_files_are_faces_and_no_other_task_takes_them(tmp_path):
    """Files written before there were tasks and widths name neither."""
    model = Generator(CONFIGS["face-tiny"])
    older = {k: v for k, v in asdict(model.config).items() if k not in ("task", "width")}
    save_weights(tmp_path / "w.safetensors", model, older)
    assert load_generator(tmp_path / "w.safetensors", task="face").config == model.config
    with pytest.raises(WeightsError, match="for a face, not for a person"):
        load_generator(tmp_path / "w.safetensors", task="person")


def test_shipped_weights_fit_their_budget():
    """At most 16 MB together (generator 12), each with its configuration."""
    files = sorted(FOLDER.glob("*.safetensors"))
    assert {"face-256.safetensors", "tracker.safetensors"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < 16e6
    assert (FOLDER / "face-256.safetensors").stat().st_size < 12e6
    generator = load_generator("face-256")
    assert generator.config == CONFIGS["face-256"]
    assert json.dumps(read_weights(FOLDER / "tracker.safetensors")[1])
