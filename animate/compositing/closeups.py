"""Close-ups of the mouth and both eyes: squares of the picture that move, turn and scale with the head.

A square is centred on its part and turned with the line between the eyes. Its size comes from eyes and nose,
so an opening mouth does not change it. The eye of points 42-47 is mirrored: the network sees every eye as the
eye 36-41. A point p of the picture is at matrix @ (p, 1) in the square; pixel centres lie at integers, x then
y, in both.

A generator of its own draws the three squares in one batch; they are pasted with a soft oval. P = 3 squares,
S the side of a square for the network.
"""

from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...models import Generator, Reference, load_generator
from ...models.flow import STRIDE
from ...models.frames import map_tensors
from ...models.priors.spline import beside_spline
from ..compute.devices import fast_arithmetic, to_device, to_host
from ..ibug68 import MIRROR
from ..structure import closeup_maps
from .detail import Canvas, Closeup, Drawing, finish, weighted

Image = NDArray[np.uint8]
Part = Literal["mouth", "right", "left"]

PARTS: tuple[Part, ...] = ("mouth", "right", "left")
"""The squares, in the order of a batch: the mouth, the eye of points 36-41, the eye of points 42-47."""
NAME = "closeup-96"
SIZE = 96
LARGEST = 4 * SIZE  # side of a square in which a photograph's own detail is kept
_SIDES = {"mouth": 1.25, "right": 0.8, "left": 0.8}  # of a square, in the face's own measure
_POINTS = {"mouth": range(48, 68), "right": [*range(36, 42), 68], "left": [*range(36, 42), 68]}  # in squares
_CORNERS = {"mouth": [48, 54], "right": [36, 39], "left": [42, 45]}
_LOWER = {"mouth": 0.04, "right": 0.0, "left": 0.0}  # of the measure: the centre below the corners' middle
_OVAL = (0.72, 0.97)  # of half a side: the weight is 1 up to the first radius and 0 from the second on
_NARROW = (
    0.1,
    0.18,
)  # an eye's width over the measure: weight 0 up to the first, 1 from the second
_CHANGE = (
    0.003,
    0.01,
)  # of a side, mean shift of a part's points: weight 0 and 1 likewise
_FINER = 1.5  # pixels of a portrait's square per pixel of the photograph
_SHADES = 16.0  # levels of 255: the largest difference at the seam that counts as shading
_SHADE = 0.12  # of the side, standard deviation: how far the shading at the seam is continued inwards


class CloseupReferences(NamedTuple):
    """A portrait's squares: encoded, a batch of P, and each at the photograph's own resolution.

    points: (P, 70, 2), pixels of the squares.
    """

    reference: Reference
    points: NDArray[np.float32]
    canvases: tuple[Canvas, ...]


class DenseFlow(NamedTuple):
    """A backward flow (2, n, n) float32 over a face's crop, pixels of the crop, at the centres of cells of
    STRIDE pixels; and the points (70, 2) of the face in the crop that it leads to."""

    flow: NDArray[np.float32]
    places: NDArray[np.float32]


def load_closeups(device: str | torch.device) -> Generator:
    """The network that we ship."""
    net = load_generator(NAME, device, "closeup")
    assert isinstance(net, Generator)
    return net


def closeup_matrix(points: NDArray, part: Part, size: int = SIZE) -> NDArray[np.float64]:
    """(2, 3), from pixels of the picture to pixels of the square of side `size`. points: (70, 2) of the face
    in the picture; those of `part`, the eyes' corners and the nose's base count."""
    points = np.asarray(points, np.float64)
    across, _, measure = _face(points)
    length = float(np.hypot(*across))
    u = across / length if length > 1e-6 else np.array([1.0, 0.0])
    v = np.array([-u[1], u[0]])
    centre = points[_CORNERS[part]].mean(0) + _LOWER[part] * measure * v
    scale = size / (_SIDES[part] * measure)
    turn = scale * np.stack((-u if part == "left" else u, v))
    return np.concatenate((turn, ((size - 1) / 2 - turn @ centre)[:, None]), axis=1)


def into_square(points: NDArray, matrix: NDArray, part: Part) -> NDArray[np.float32]:
    """Points (70, 2) of the picture in pixels of the square of `matrix`; of the mirrored face for "left"."""
    moved = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return (moved[MIRROR] if part == "left" else moved).astype(np.float32)


def inverse(matrix: NDArray) -> NDArray[np.float64]:
    """(2, 3), from pixels of the square to pixels of the picture."""
    back = np.linalg.inv(matrix[:, :2])
    return np.concatenate((back, -back @ matrix[:, 2:]), axis=1)


def scaled(matrix: NDArray, ratio: float) -> NDArray[np.float64]:
    """`matrix` to squares of `ratio` times the side."""
    return np.concatenate((ratio * matrix[:, :2], ratio * (matrix[:, 2:] + 0.5) - 0.5), axis=1)


def read_square(image: Image, matrix: NDArray, size: int = SIZE) -> Image:
    """The square (size, size, 3) of `image` (H, W, 3); beyond the border the border repeats. Where the square
    is coarser than the image, its pixels are means."""
    fold = max(int(np.ceil(_coarseness(matrix) - 1e-6)), 1)
    shape = (fold * size, fold * size)  # drawn several times as large, and averaged
    square = cv2.warpAffine(
        image, scaled(matrix, fold), shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    if fold > 1:
        square = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)
    return square  # type: ignore[return-value]


def encode_closeups(net: Generator, image: Image, places: NDArray) -> CloseupReferences:
    """The squares of a photograph (H, W, 3) with the face `places` (70, 2) in it; once per portrait."""
    size = net.config.size
    canvases, points = [], []
    for part in PARTS:
        matrix = closeup_matrix(places, part, size)
        side = round(_FINER * size * _coarseness(matrix))  # reading, moving and pasting blur
        side = int(np.clip(side, size, LARGEST * size // SIZE))
        small = read_square(image, matrix, size)
        large = small if side == size else read_square(image, scaled(matrix, side / size), side)
        weight = np.ones((size, size), np.float32)
        canvases.append(Canvas(large, small.astype(np.float32), None, weight))
        points.append(into_square(places, matrix, part))
    device = next(net.parameters()).device
    seen = to_device(np.stack(points), device)
    pictures = to_device(np.stack([canvas.small for canvas in canvases]), device)
    with torch.inference_mode(), fast_arithmetic(device):
        pictures = pictures.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) / 127.5 - 1
        reference = net.encode_reference(pictures, _maps(seen, size), seen)
    return CloseupReferences(reference, np.stack(points), tuple(canvases))


def draw_closeups(
    net: Generator,
    references: CloseupReferences,
    places: NDArray[np.float32],
    dense: DenseFlow | None = None,
) -> tuple[Closeup, ...]:
    """The squares of a face whose points `places` (70, 2) are pixels of its crop. dense: where all of the
    crop comes from, if more is known than the points. None where nothing changes:
    there the warped photograph is sharper than any drawing. Which of them are drawn does not change how. The
    weight of what is not finite is 0."""
    size, device = net.config.size, next(net.parameters()).device
    matrices = [closeup_matrix(places, part, size) for part in PARTS]
    squares = [into_square(places, matrix, part) for matrix, part in zip(matrices, PARTS, strict=True)]
    ways = [np.hypot(*(a - b).T) / size for a, b in zip(squares, references.points, strict=True)]
    weights = [
        _view_weight(places, part) * _change_weight(way[_POINTS[part]])
        for part, way in zip(PARTS, ways, strict=True)
    ]
    if not any(weights):
        return ()
    drawn = [n for n in range(len(PARTS)) if weights[n] > 0 or not net.any_batch]
    points = to_device(np.stack([squares[n] for n in drawn]), device)
    with torch.inference_mode(), fast_arithmetic(device):
        reference = references.reference
        if len(drawn) < len(PARTS):
            reference = map_tensors(lambda tensor: tensor[drawn], reference)
        fine = None
        if dense is not None:
            there = [_closer(dense, matrices[n], PARTS[n], size) for n in drawn]
            fine = beside_spline(torch.from_numpy(np.stack(there)), points, reference.points)
        ahead = net.look_ahead(_maps(points, size), points, reference, fine)
        output, _ = net.frame(ahead, reference, ())
        finite = bool(output.image.sum().isfinite())
        flow, mask = (field[:, 0] for field in output.motions[-1])
        fields = (field.float().nan_to_num().permute(0, 2, 3, 1) for field in (output.image, flow, mask))
        face, flow, mask = fields
        faces, flows, masks = to_host(((face.clamp(-1, 1) * 127.5 + 127.5).round().byte(), flow, mask))
    return tuple(
        Closeup(
            Drawing(faces[at], flows[at], masks[at, ..., 0]),
            references.canvases[n],
            matrices[n],
            weights[n] if finite else 0.0,
        )
        for at, n in enumerate(drawn)
    )


def paste_closeups(image: Image, closeups: Sequence[Closeup], crop_side: int, strength: float = 1.0) -> Image:
    """A copy of the face's square `image` (side, side, 3), at any size, with the close-ups on it, whose
    matrices are of its crop of side `crop_side`. strength: as in `detail.finish`."""
    side = image.shape[0]
    out = image.copy()
    for closeup in closeups:
        if closeup.weight > 0:
            # From pixels of `image` to those of the square.
            matrix = closeup.matrix @ np.vstack((scaled(np.eye(2, 3), crop_side / side), (0, 0, 1)))
            _paste(out, closeup, matrix, strength)
    return out


def _closer(dense: DenseFlow, matrix: NDArray, part: Part, size: int) -> NDArray[np.float32]:
    """The flow in the square of `matrix`, (2, n, n), pixels of the square."""
    centres = STRIDE * np.arange(size // STRIDE, dtype=np.float32) + (STRIDE - 1) / 2
    here = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    back = inverse(matrix)
    crop = (here @ back[:, :2].T + back[:, 2]).astype(np.float32)
    cells = (crop + 0.5) / STRIDE - 0.5
    field = np.ascontiguousarray(dense.flow.transpose(1, 2, 0))
    read = cv2.remap(field, cells[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]  # type: ignore
    source = closeup_matrix(dense.places, part, size)
    moved = (crop + read) @ source[:, :2].T + source[:, 2] - here
    return np.ascontiguousarray(moved.T.reshape(2, len(centres), len(centres)), np.float32)


@cache
def oval(size: int) -> NDArray[np.float32]:
    """(size, size) in [0, 1]: how much of a square counts; none of its border."""
    steps = (np.arange(size) * 2 + 1) / size - 1
    away = np.hypot(steps[:, None], steps)
    share = ((_OVAL[1] - away) / (_OVAL[1] - _OVAL[0])).clip(0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


@cache
def _rim(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(size, size, 3): what counts at the oval's seam, and by how much its blurred sum is to be divided."""
    shares = oval(size)
    rim = 4 * shares * (1 - shares)
    blurred = cv2.GaussianBlur(rim, (0, 0), _SHADE * size) + np.float32(1e-3)
    return cv2.merge((rim,) * 3), cv2.merge((blurred,) * 3)  # type: ignore[return-value]


@cache
def _spreading(size: int) -> Tensor:
    """(size, size): the blur of the shading along one axis, its border mirrored, as a matrix."""
    one = np.eye(size, dtype=np.float32)
    sigma = _SHADE * size
    taps = cv2.getGaussianKernel(round(8 * sigma + 1) | 1, sigma, cv2.CV_32F)
    return torch.from_numpy(cv2.sepFilter2D(one, cv2.CV_32F, np.ones((1, 1), np.float32), taps))


def _spread(field: NDArray) -> NDArray[np.float32]:
    """`cv2.GaussianBlur` of the shading (size, size, 3), to rounding, in a third of its time: so wide a blur
    is quicker as a product of matrices."""
    blur = _spreading(len(field))
    planes = torch.from_numpy(np.stack(cv2.split(field)))
    return cv2.merge(list((blur @ planes @ blur.mT).numpy()))  # type: ignore[return-value]


def _paste(out: Image, closeup: Closeup, matrix: NDArray, strength: float) -> None:
    size = closeup.drawing.face.shape[0]
    corners = np.array([[-0.5, -0.5], [size, -0.5], [-0.5, size], [size, size]])
    back = inverse(matrix)
    reach = corners @ back[:, :2].T + back[:, 2]
    low = np.floor(reach.min(0)).astype(int).clip(0)
    high = (np.ceil(reach.max(0)).astype(int) + 1).clip(None, (out.shape[1], out.shape[0]))
    if (high - low < 2).any():
        return
    patch = finish(closeup.drawing, closeup.canvas, strength)
    side = patch.shape[0]
    rim, blurred = _rim(size)
    apart = cv2.subtract(read_square(out, matrix, size), closeup.drawing.face, dtype=cv2.CV_32F)
    apart = cv2.multiply(np.clip(apart, -_SHADES, _SHADES, out=apart), rim)
    shade = cv2.divide(_spread(apart), blurred)
    layers = cv2.add(_resized(shade, side), patch, dtype=cv2.CV_32F)
    layers = cv2.merge((*cv2.split(layers), _resized(oval(size), side)))
    fold = int(side / (size * _coarseness(matrix)))  # finer than the picture by so much
    if fold > 1:
        side = -(-side // fold)
        layers = cv2.resize(layers, (side, side), interpolation=cv2.INTER_AREA)
    there = scaled(matrix, side / size)
    there[:, 2] += there[:, :2] @ low
    layers = cv2.warpAffine(
        layers,
        there,
        tuple(int(n) for n in high - low),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    part = out[low[1] : high[1], low[0] : high[0]]
    *colours, weight = cv2.split(layers)
    weight = closeup.weight * weight.clip(0, 1)
    change = weighted(cv2.subtract(cv2.merge(colours), part, dtype=cv2.CV_32F), weight)
    part[:] = cv2.add(part, change, dtype=cv2.CV_8U)


def _face(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Vectors from eye to eye and from their middle to the nose's base, and the face's measure by both."""
    right, left = points[[36, 39]].mean(0), points[[42, 45]].mean(0)
    across, down = left - right, points[33] - (left + right) / 2
    # Turned aside the eyes come closer, nodding the nose: both together keep their size longest.
    return across, down, max(float(np.hypot(np.hypot(*across), np.hypot(*down))), 1e-3)


def _view_weight(points: NDArray, part: Part) -> float:
    """The weight of a square by its view: 0 for an eye seen from the side."""
    if part == "mouth":
        return 1.0
    points = np.asarray(points, np.float64)
    first, last = _CORNERS[part]
    width = float(np.hypot(*(points[last] - points[first]))) / _face(points)[2]
    return float(np.clip((width - _NARROW[0]) / (_NARROW[1] - _NARROW[0]), 0, 1))


def _change_weight(ways: NDArray) -> float:
    """The weight of a square by the shifts `ways` of its points, fractions of its side."""
    share = float(np.clip((ways.mean() - _CHANGE[0]) / (_CHANGE[1] - _CHANGE[0]), 0, 1))
    return share * share * (3 - 2 * share)


def _maps(points: Tensor, size: int) -> Tensor:
    with torch.autocast(points.device.type, enabled=False):
        return closeup_maps(points, size)


def _coarseness(matrix: NDArray) -> float:
    """How many pixels of the picture a pixel of the square is wide."""
    return 1 / float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _resized(field: NDArray, side: int) -> NDArray[np.float32]:
    return cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
