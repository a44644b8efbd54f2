"""Measures that need a pretrained network: identity, LPIPS and FID. Pictures are RGB uint8 (H, W, 3)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...animate.errors import InputError
from ...animate.face.pose import crop_matrix, face_pose, warp
from ..losses.perceptual import PerceptualFeatures

SEPARATES = 0.95
"""Smallest area under the curve at which an embedding's similarity is reported as identity."""
_FACE = 128  # side of the upright crop for the embedding
Picture = NDArray[np.uint8]


class IdentityEmbedding:
    """An approximate identity: SqueezeNet's last two taps averaged over the upright face, minus the mean
    person.

    It replaces a face recogniser. Whether it separates people is measured (`separation`) on the same people,
    and it is reported only if it does.
    """

    def __init__(self, features: PerceptualFeatures):
        self.features = features
        self.mean = np.zeros(1, np.float32)

    def raw(self, picture: Picture, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """(C,) of the face with landmarks `points` (68, 2)."""
        face = warp(picture, crop_matrix(face_pose(points.astype(np.float32)), _FACE), (_FACE, _FACE))
        image = torch.from_numpy(face).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            taps = self.features(image)[-2:]
        middle = [tap[0, :, 1:-1, 1:-1].mean((1, 2)) for tap in taps]
        return torch.cat([part / part.norm().clamp_min(1e-8) for part in middle]).numpy()

    def similarity(self, a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
        """Cosine of two raw embeddings about the mean person, -1 to 1."""
        a, b = a - self.mean, b - self.mean
        return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))

    def separation(self, halves: dict[str, tuple[NDArray, NDArray]]) -> float | None:
        """Area under the curve for telling two halves of one person's clip from halves of two people's clips;
        sets the mean person. None for fewer than three people."""
        if len(halves) < 3:
            return None
        self.mean = np.mean([half for pair in halves.values() for half in pair], axis=0)
        same = [self.similarity(*pair) for pair in halves.values()]
        names = list(halves)
        other = [self.similarity(halves[a][0], halves[b][1]) for a in names for b in names if a != b]
        return float(np.mean([(s > o) + 0.5 * (s == o) for s in same for o in other]))


class Lpips(nn.Module):
    """Zhang 2018, LPIPS with AlexNet: sum over its five ReLUs of the head-weighted squared difference of
    unit features, averaged over places. `backbone`: torchvision's alexnet state dict; the heads are those of
    the torchmetrics package, or `heads`."""

    def __init__(self, backbone: Path, heads: Path | None = None):
        super().__init__()
        sizes = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1))
        sizes = (*sizes, (256, 256, 3, 1, 1))
        self.layers = nn.ModuleList(nn.Conv2d(i, o, k, s, p) for i, o, k, s, p in sizes)
        self.heads = nn.ParameterList(torch.zeros(size[1]) for size in sizes)
        tensors = _read(backbone)
        weights = _read(heads or _torchmetrics_heads())
        try:
            for layer, index in zip(self.layers, (0, 3, 6, 8, 10), strict=True):
                own = {key: tensors[f"features.{index}.{key}"] for key in ("weight", "bias")}
                layer.load_state_dict(own)
            for index, head in enumerate(self.heads):
                head.data.copy_(weights[f"lin{index}.model.1.weight"].flatten())
        except (KeyError, RuntimeError) as error:
            raise InputError(backbone, f"no AlexNet in torchvision's names ({error})") from None
        self.eval().requires_grad_(False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (B,) of pictures (B, 3, H, W) in [-1, 1]."""
        shift = a.new_tensor((-0.030, -0.088, -0.188))[:, None, None]
        scale = a.new_tensor((0.458, 0.448, 0.450))[:, None, None]
        x = (torch.cat((a, b)) - shift) / scale
        total = a.new_zeros(len(a))
        for index, layer in enumerate(self.layers):
            if index in (1, 2):
                x = nn.functional.max_pool2d(x, 3, 2)
            x = torch.relu(layer(x))
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
            left, right = unit.chunk(2)
            total = total + ((left - right).square() * self.heads[index][:, None, None]).sum(1).mean((1, 2))
        return total

    def of(self, a: Picture, b: Picture) -> float:
        pair = torch.from_numpy(np.stack((a, b))).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            return float(self(pair[:1], pair[1:]))


class Inception:
    """FID's Inception as TorchScript (`inception-2015-12-05.pt`, which takes uint8 pictures)."""

    def __init__(self, path: Path):
        try:
            self.net = torch.jit.load(str(path), map_location="cpu").eval()
        except (RuntimeError, ValueError, OSError) as error:
            raise InputError(path, f"not a TorchScript Inception ({error})") from None

    def features(self, picture: Picture) -> NDArray[np.float64]:
        image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            return self.net(image, return_features=True)[0].double().numpy()


class PooledFeatures:
    """SqueezeNet's last tap, averaged over the picture: replaces FID's Inception without a download. Its
    distances have another scale and compare only with each other."""

    def __init__(self, net: PerceptualFeatures):
        self.net = net

    def features(self, picture: Picture) -> NDArray[np.float64]:
        """(512,) of a picture (H, W, 3)."""
        image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            return self.net(image)[-1][0].double().mean((1, 2)).numpy()


def frechet_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """|mean a - mean b|^2 + tr(A + B - 2 (A B)^1/2) of features (N, C) (Heusel 2017, Eq. 6)."""
    shift = a.mean(0) - b.mean(0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values = np.linalg.eigvals(cov_a @ cov_b).real.clip(0)
    return float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(values).sum())


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(path, "no such weights file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises almost anything on foreign bytes
        raise InputError(path, f"not a state dict ({type(error).__name__})") from None


def _torchmetrics_heads() -> Path:
    spec = find_spec("torchmetrics")
    if spec is None or spec.origin is None:
        raise InputError("--lpips", "LPIPS needs its heads", "pip install torchmetrics")
    return Path(spec.origin).parent / "functional" / "image" / "lpips_models" / "alex.pth"
