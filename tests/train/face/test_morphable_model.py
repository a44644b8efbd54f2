"""Fitting the face model: from people made by the shipped one, the same kind of model comes back."""

import os
from pathlib import Path

import numpy as np
import pytest
from gfla.animate.face.morphable_model import draw, fit, load_face_model, rotation, save_face_model
from gfla.animate.ibug68 import LIDS, MIRROR
from gfla.train.face import morphable_model as face_model
from gfla.train.face.morphable_model import MESH, align, fit_face_model, main, mirrored, read_people

MODEL = load_face_model()


def people(count: int, frames: int, seed: int = 0) -> list[np.ndarray]:
    """Shapes (T, 70, 3) in pixels of people who talk, blink, look about and turn."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        weights = rng.normal(0, 1, len(MODEL.identity))
        expression = np.clip(rng.normal(0, 1, (frames, len(MODEL.names))) * MODEL.spread, *MODEL.limits)
        shapes = MODEL.mean + np.tensordot(weights, MODEL.identity, 1)
        shapes = shapes + np.tensordot(expression, MODEL.expression, 1)
        turn = rotation(rng.uniform(-15, 15, (frames, 3)))
        out.append(55 * np.einsum("tij,tpj->tpi", turn, shapes) + (128, 140, 0))
    return out


def test_mirroring_twice_is_nothing():
    assert sorted(MIRROR) == list(range(70))
    shape = np.random.default_rng(0).normal(size=(3, 70, 3))
    np.testing.assert_allclose(mirrored(mirrored(shape)), shape)
    np.testing.assert_allclose(mirrored(MODEL.mean), MODEL.mean, atol=0.01)


def test_aligning_takes_pose_and_size_off():
    turn = rotation(np.array([20.0, -10, 30]))
    moved = 40 * MODEL.mean @ turn.T + (10, 20, 30)
    np.testing.assert_allclose(align(moved[None], MODEL.mean)[0], MODEL.mean, atol=1e-9)


@pytest.mark.slow
def test_a_model_of_these_people_comes_out(tmp_path: Path):
    model = fit_face_model(people(40, 60))
    assert model.names == MODEL.names
    eyes = np.abs(model.mean[[36, 39, 42, 45], 0])
    assert eyes.mean() == pytest.approx(np.abs(MODEL.mean[[36, 39, 42, 45], 0]).mean(), rel=0.03)
    for side, pairs in (("left", LIDS[:2]), ("right", LIDS[2:])):
        shut = model.mean + model.expression[model.names.index(f"blink_{side}")]
        assert max(abs(shut[low, 1] - shut[up, 1]) for up, low in pairs) < 1e-9
    unseen = people(1, 30, seed=9)[0][..., :2]
    shape, faces = fit(model, unseen)
    assert np.abs(draw(shape, faces, model.expression) - unseen).mean() < 1.0
    save_face_model(model, tmp_path / "face.safetensors")
    assert (tmp_path / "face.safetensors").stat().st_size < 60_000


def test_meshes_are_read_as_the_index_says(tmp_path: Path):
    (tmp_path / "clips").mkdir()
    mesh = np.random.default_rng(0).normal(128, 30, (250, 478, 3)).astype(np.float16)
    np.savez(tmp_path / "clips" / "a.npz", mesh=mesh)
    (tmp_path / "index.csv").write_text("file,split,kind\nclips/a.mp4,train,clip\nclips/b.mp4,val,clip\n")
    (shapes,) = read_people(tmp_path, "train")
    assert shapes.shape == (120, 70, 3)
    np.testing.assert_allclose(shapes[1], mesh[2, MESH])


def test_bad_data_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "index.csv").write_text("file,split,kind\n")
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "face.safetensors")]) == 2
    assert "no meshes of split" in capsys.readouterr().err
    assert not (tmp_path / "face.safetensors").exists()


@pytest.mark.long
@pytest.mark.skipif("GFLA_DATA" not in os.environ, reason="needs the clips of real people (GFLA_DATA)")
def test_the_shipped_model_is_what_the_script_makes(tmp_path: Path):
    out = tmp_path / "face.safetensors"
    assert main(["--out", str(out)]) == 0
    shipped = Path(face_model.__file__).parents[2] / "animate" / "assets" / "face.safetensors"
    from safetensors.numpy import load_file

    made, there = load_file(out), load_file(shipped)
    for name in ("mean", "spread", "limits"):
        np.testing.assert_allclose(made[name], there[name], atol=1e-3)
