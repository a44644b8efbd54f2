"""A run that is killed and resumed is the run that was not; two processes are one with the whole batch."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, replace

import pytest
import torch
from gfla.animate.errors import InputError, Stopped
from gfla.animate.io.atomic import file_lock
from gfla.models import CONFIGS as NETWORKS
from gfla.models import Original, OriginalConfig, save_generator
from gfla.train.cli import main
from gfla.train.config import CONFIGS, TINY
from gfla.train.data.clips import Batch
from gfla.train.data.faces import FaceSamples, Sampler
from gfla.train.data.index import load_clips
from gfla.train.data.reading.workers import Loading
from gfla.train.processes import defer_sigint
from gfla.train.record.checkpoint import load_checkpoint, save_checkpoint
from gfla.train.trainer import Trainer
from training_runs import ALWAYS_KEPT, RUN, losses


@pytest.fixture
def one_thread():
    """The same rounding here as in a process of one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_killed_and_resumed_is_uninterrupted(drawn, squeezenet, tmp_path, monkeypatch):
    """kill -9 in the video stage, where samples are several steps long: the next losses are the same.

    What is killed is a process; the whole run and the resumed one are this one's.
    """
    common = ["--config", "face-tiny", "--data", str(drawn), "--perceptual", str(squeezenet), "--steps", "14"]
    for name, value in ALWAYS_KEPT.items():
        monkeypatch.setattr(name, value)
    command = [sys.executable, "-c", RUN, *common, "--out", str(tmp_path / "killed")]
    killed = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    log = tmp_path / "killed" / "metrics.jsonl"
    end = time.monotonic() + 200
    while not (log.is_file() and log.read_text().count("\n") >= 12) and killed.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "it was killed before its end"
    with log.open("a") as file:
        file.write('{"step": 9')  # a line cut off by the kill
    assert main([*common, "--out", str(tmp_path / "killed"), "--resume"]) == 0
    assert main([*common, "--out", str(tmp_path / "whole")]) == 0
    wanted = losses(tmp_path / "whole")
    assert [line["step"] for line in wanted] == list(range(1, 15))
    assert losses(tmp_path / "killed") == wanted
    a, b = ((tmp_path / run / "generator.safetensors").read_bytes() for run in ("whole", "killed"))
    assert a == b


@pytest.fixture
def interruptible():
    """Ctrl-C is Python's, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_keeps_the_run_where_it_goes_on_exactly(drawn, tmp_path, monkeypatch):
    """In the first of a sample's two steps: the second is taken too, then the run is kept and left."""
    stage = replace(TINY.stages[2], steps=4, landmarks=0.0, adversarial=0.0, temporal=0.0)
    whole, stopped, resumed = (
        trainer_of(drawn, tmp_path / name, None, stages=(stage,)) for name in ("whole", "stopped", "stopped")
    )
    whole.train()
    step = stopped._step

    def interrupted(stage, terms):
        if stopped.step == 0:
            signal.raise_signal(signal.SIGINT)
        return step(stage, terms)

    monkeypatch.setattr(stopped, "_step", interrupted)
    with pytest.raises(Stopped, match="step 2 of 4, saved"):
        stopped.train()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert resumed.resume().endswith("continues at step 2 of 4.")
    resumed.train()
    for name, value in whole.generator.state_dict().items():
        assert torch.equal(resumed.generator.state_dict()[name], value), name


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_twice_stops_at_once():
    with defer_sigint(alone=True) as stopping:
        assert not stopping()
        signal.raise_signal(signal.SIGINT)
        assert stopping()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with defer_sigint(alone=False), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def trainer_of(drawn, out, squeezenet, **changes):
    config = replace(TINY, augmentation=CONFIGS["face-256"].augmentation, **changes)
    loading = Loading(workers=0)
    return Trainer(NETWORKS["face-tiny"], config, drawn, out, squeezenet, "cpu", loading=loading)


def sample_of(drawn, length=2, rank=0, batch=4) -> Batch:
    clips, _ = load_clips(drawn, "train")
    return Sampler(clips, batch, FaceSamples(length, 64, edges=False), 3, rank=rank)(0)


def gradients_of(trainer: Trainer, batch: Batch) -> dict[str, torch.Tensor]:
    """What one step of a video stage with both critics leaves in the gradients (unclipped), in float32."""
    trainer._autocast = nullcontext  # pyright: ignore[reportAttributeAccessIssue]
    trainer.config = replace(trainer.config, clip_gradient=1e9)
    torch.manual_seed(1)
    # At zero biases what is still or empty lies on the kink of a ReLU, where rounding would decide.
    for net in (trainer.generator, trainer.critic, trainer.temporal):
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
    stage = replace(TINY.stages[2], length=3, chunk=3, correctness=0.1, style=1.0)
    next(trainer.sample_steps(stage, batch))
    nets = {"generator": trainer.generator, "critic": trainer.critic, "temporal": trainer.temporal}
    return {
        f"{name}.{key}": parameter.grad
        for name, net in nets.items()
        for key, parameter in net.named_parameters()
        if parameter.grad is not None
    }


MEMBER = """
import sys, torch, torch.distributed as d
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent)]
from test_resume import gradients_of, sample_of, trainer_of
d.init_process_group("gloo")
drawn, squeezenet, out = map(Path, sys.argv[2:5])
trainer = trainer_of(drawn, out, squeezenet)
torch.save(gradients_of(trainer, sample_of(drawn, 3, d.get_rank(), 1)), out / f"{d.get_rank()}.pt")
d.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_are_one_with_the_whole_batch(drawn, squeezenet, tmp_path):
    """Each of two gloo processes takes half of the pictures; their mean gradient is that of the whole."""
    whole = gradients_of(trainer_of(drawn, tmp_path, squeezenet), sample_of(drawn, 3, batch=2))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    paths = [os.path.dirname(__file__), str(drawn), str(squeezenet), str(tmp_path)]
    members = [
        subprocess.Popen([sys.executable, "-c", MEMBER, *paths], env=os.environ | address | {"RANK": str(r)})
        for r in range(2)
    ]
    assert [member.wait(timeout=200) for member in members] == [0, 0]
    halves = [torch.load(tmp_path / f"{r}.pt", weights_only=True) for r in range(2)]
    assert halves[0].keys() == whole.keys()
    assert any(key.startswith("temporal") for key in whole)
    for key, gradient in whole.items():
        assert torch.equal(halves[0][key], halves[1][key]), "both processes go on with the same gradient"
        scale = gradient.abs().max().item() + 1e-7
        assert (halves[0][key] - gradient).abs().max().item() < 2e-4 * scale, key


@pytest.mark.slow
def test_a_group_takes_the_steps_of_one_into_the_next_stage(drawn, squeezenet, tmp_path, monkeypatch):
    """The flow stage leaves the decoder as it was: its optimiser neither counts steps nor decays weights.

    The second process is played: it has the same sample, so that the sum over both is twice ours.
    """
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: flat.mul_(2))
    stages = tuple(replace(stage, steps=2, batch=1) for stage in TINY.stages[:2])
    states = []
    for world in (1, 2):
        trainer = trainer_of(drawn, tmp_path / str(world), squeezenet, stages=stages, warmup=1)
        trainer.world = world
        trainer.train()
        counts = [int(state["step"]) for state in trainer.optimisers["generator_optimiser"].state.values()]
        states.append((trainer.generator.state_dict(), counts))
    (alone, counts), (grouped, counts_of_group) = states
    assert min(counts) == 2
    assert max(counts) == 4
    assert counts_of_group == counts
    for name, value in alone.items():
        assert torch.equal(grouped[name], value), name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own tracer looks at every tensor's
@pytest.mark.parametrize(
    "change", [{"checkpointing": True}, pytest.param({"compile": "eager"}, marks=pytest.mark.long)], ids=str
)
def test_activation_checkpointing_and_compiling_change_nothing(change, drawn, squeezenet, tmp_path):
    batch = sample_of(drawn, 3, batch=2)
    plain = gradients_of(trainer_of(drawn, tmp_path, squeezenet), batch)
    other = gradients_of(trainer_of(drawn, tmp_path, squeezenet, **change), batch)
    assert plain.keys() == other.keys()
    for key, gradient in plain.items():
        torch.testing.assert_close(other[key], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("g++"), reason="Inductor needs g++ on the PATH.")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore:The .grad attribute")  # torch's own
def test_inductor_changes_nothing(drawn, squeezenet, tmp_path):
    batch = sample_of(drawn, 3, batch=2)
    plain = gradients_of(trainer_of(drawn, tmp_path, squeezenet), batch)
    compiled = gradients_of(trainer_of(drawn, tmp_path, squeezenet, compile="inductor"), batch)
    assert plain.keys() == compiled.keys()
    for key, gradient in plain.items():
        scale = gradient.abs().max().item() + 1e-7
        assert (compiled[key] - gradient).abs().max().item() < 2e-4 * scale, key


def test_the_authors_networks_are_not_trained_further(drawn, squeezenet, tmp_path):
    path = tmp_path / "w.safetensors"
    config = OriginalConfig(
        size=64, structure_channels=16, channels=(8, 8, 16), flow_channels=(8, 8, 16, 16), network="face"
    )
    save_generator(path, Original(config))
    with pytest.raises(InputError, match=r"w\.safetensors: a network of the paper's authors, which is not"):
        trainer_of(drawn, tmp_path, squeezenet).start_from(str(path))


@pytest.mark.slow
def test_a_checkpoint_of_another_configuration_is_refused(drawn, squeezenet, tmp_path, capsys):
    trainer = trainer_of(drawn, tmp_path, squeezenet)
    trainer.step = 5
    trainer.save()
    before = trainer.checkpoint.read_bytes()
    other = Trainer(replace(NETWORKS["face-tiny"], attention_hidden=16), TINY, drawn, tmp_path, None, "cpu")
    with pytest.raises(InputError, match="another configuration"):
        other.resume()
    command = ["--config", "face-tiny", "--data", str(drawn), "--perceptual", str(squeezenet)]
    assert main([*command, "--out", str(tmp_path)]) == 2
    assert "--resume" in capsys.readouterr().err
    trainer.checkpoint.write_bytes(before[:1000])
    with pytest.raises(InputError, match="not a checkpoint"):
        trainer.resume()
    trainer.checkpoint.write_bytes(before)
    assert asdict(trainer.generator.config) == asdict(NETWORKS["face-tiny"])
    trainer.resume()
    assert trainer.step == 5


def test_a_resumed_run_says_how_it_goes_on(drawn, tmp_path):
    trainer = trainer_of(drawn, tmp_path, None)
    assert "no checkpoint; the run starts from the beginning" in trainer.resume()
    trainer.step = 20
    trainer.save()
    assert trainer.resume() == f"{tmp_path}: continues at step 20 of 40."
    longer = replace(trainer.config, ema=0.5).scaled(80)
    trainer.config = replace(longer, stages=(longer.stages[0], replace(longer.stages[1], rate=1e-3)))
    said = trainer.resume()
    for change in ("52 steps instead of 40", "other stages", "another ema"):
        assert change in said
    assert "augmentation" not in said
    trainer.config = trainer.config.scaled(20)
    assert trainer.resume().endswith(
        "at step 20 of 20, under a changed schedule: 20 steps instead of 40, other stages, another ema."
    )
    trainer.config = trainer.config.scaled(19)
    with pytest.raises(InputError, match="already at step 20 of 19"):
        trainer.resume()


@pytest.mark.slow
def test_a_run_belongs_to_one_process(drawn, tmp_path, capsys):
    command = ["--config", "face-tiny", "--data", str(drawn), "--out", str(tmp_path), "--steps", "1"]
    with file_lock(tmp_path / ".lock"):
        assert main(command) == 2
    assert f"{tmp_path}: another process is training here" in capsys.readouterr().err
    assert not (tmp_path / "metrics.jsonl").exists()
    assert main(command) == 0


def test_a_checkpoint_from_before_there_were_tasks_goes_on(tmp_path):
    model = asdict(NETWORKS["face-tiny"])
    older = {name: value for name, value in model.items() if name not in ("task", "width")}
    net = torch.nn.Linear(2, 2)
    save_checkpoint(tmp_path / "c.safetensors", {"net": net}, {}, {"model": older, "step": 7})
    assert load_checkpoint(tmp_path / "c.safetensors", {"net": net}, {}, model)["step"] == 7
