"""The networks behind NumPy: pictures and points in, portraits, targets and drawings out.

In half precision a frame that is not finite is computed again in float32, and none ever gets into the memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..models import Ahead, AnyGenerator, Generator, GeneratorMemory, Layers, OriginalConfig, Reference
from ..models.flow import STRIDE
from ..models.frames import map_tensors
from ..models.priors.spline import Spline
from .authors.face_guidance import guidance_of, guidance_towards
from .compositing.closeups import DenseFlow, draw_closeups, encode_closeups
from .compositing.detail import Canvas, Closeup, Drawing, Field, resize
from .compositing.matte import background_plate
from .compositing.sharpen import fine_detail, sharpen_moved
from .compute.devices import fast_precision, to_device, to_host
from .face.crop import FaceSquare, crop, to_crop
from .face.fine_flow import onto, slack_onto
from .face.landmarks import Landmarker, Landmarks
from .face.shoulders import shoulders
from .matting import portrait_matte
from .motion.person import Moved
from .options import Guidance
from .state import Image, Portrait, Target
from .structure import edges_only, image_edges, structure_map


class Generated(NamedTuple):
    """What the generator made of a target, still on the device.

    image: (1, 3, S, S) in [-1, 1]. flow: (1, 2, S, S), mask and cover: (1, 1, S, S), see `Drawing`. target,
    detail: what it was made for, and the portrait's.
    """

    image: Tensor
    flow: Tensor
    mask: Tensor
    target: Target
    detail: Tensor
    cover: Tensor | None = None


class Networks:
    """A generator and a landmarker on a device; they hold weights, never the state of a stream.

    precision: of the generator's arithmetic. size: S, the side of its picture. closeups: the generator of
    mouth and eyes, None without close-ups.
    """

    def __init__(
        self,
        generator: AnyGenerator,
        landmarker: Landmarker,
        device: str | torch.device,
        closeups: Generator | None = None,
    ):
        self.device = torch.device(device)
        self.generator, self.landmarker = generator.to(self.device).eval(), landmarker
        self.closeups = closeups.to(self.device).eval() if closeups else None
        self.precision = fast_precision(self.device)
        self.size = generator.config.size

    def encode(
        self,
        image: Image,
        found: Landmarks,
        square: FaceSquare,
        guidance: Guidance,
        alpha: Image | None = None,
    ) -> Portrait:
        """The portrait of the face `found` in `image` (H, W, 3) uint8, cropped to `square`."""
        face, places = crop(image, square, self.size), to_crop(found.places, square, self.size)
        canvas, layers = Canvas.of(image, square, self.size), None
        if self.generator.config.layered:
            matte = portrait_matte(canvas.large)
            canvas = canvas._replace(plate=background_plate(canvas.large, matte))
            layers = self._layers(matte, canvas)
        with self.arithmetic():
            points = self._tensor(np.concatenate((places[:68], shoulders(places))))
            if isinstance(self.generator.config, OriginalConfig):
                structure = self._tensor(guidance_of(places[:68], face))
            else:
                structure = self._structure(points, face, guidance)
            picture = self._picture(face)
            reference = self.generator.encode_reference(picture, structure, points, layers)
            detail = fine_detail(picture)
        closeups = encode_closeups(self.closeups, image, found.places) if self.closeups else None
        return Portrait(image, square, canvas, face, places, reference, detail, alpha, closeups)

    def target(
        self,
        moved: Moved,
        portrait: Portrait,
        driving: Image | None = None,
        guidance: Guidance = "landmarks",
    ) -> Target:
        """The target of the retargeted `portrait`. driving: the driver's crop, for edges."""
        places, body, field = moved.points, moved.shoulders, moved.fine
        with self.arithmetic():
            points = self._tensor(np.concatenate((places[:68], body)))
            if not isinstance(self.generator.config, OriginalConfig):
                structure, fine = self._structure(points, driving, guidance), None
                if field.any():
                    fine = onto(field, places, np.eye(2, 3), self.size, STRIDE)
                    fine = self._tensor(fine + slack_onto(moved.slack, places, self.size, STRIDE))
                return Target(points, structure, places, body, field, moved.slack, fine)
            if guidance == "edges" and driving is not None:
                drawn = guidance_of(places[:68], driving)
            else:
                drawn = guidance_towards(places[:68], portrait.points, portrait.face)
            return Target(points, self._tensor(drawn), places, body, field, moved.slack, None)

    def towards_rest(self, target: Target, portrait: Portrait, motion: Fraction) -> Target:
        """A target between the portrait's own points (`motion` 0) and `target` (1)."""
        share, rest = np.float32(motion), Moved.none(portrait.places)
        places = rest.points + share * (target.places - rest.points)
        body = rest.shoulders + share * (target.shoulders - rest.shoulders)
        skin, apart = share * target.field, share * target.slack
        moved = rest._replace(points=places, shoulders=body, fine=skin, slack=apart)
        return self.target(moved, portrait)

    def look_ahead(self, target: Target, portrait: Portrait) -> Target:
        """The target with what the generator makes without any frame before this one, a third of its work."""
        with self.arithmetic():
            reference = portrait.reference
            ahead = self.generator.look_ahead(target.structure, target.points, reference, target.fine)
        return target._replace(ahead=ahead)

    def generate(
        self, target: Target, portrait: Portrait, memory: GeneratorMemory
    ) -> tuple[Generated, GeneratorMemory]:
        """The rest of the generator: what it made of `target`, and the memory for the next frame."""
        reference, previous, ahead = portrait.reference, memory.previous, target.ahead
        for fast in (True, False):
            with self.arithmetic(fast):
                if not fast:
                    reference, previous = (map_tensors(Tensor.float, x) for x in (reference, previous))
                if ahead is None or not fast:
                    ahead = self.generator.look_ahead(target.structure, target.points, reference, target.fine)
                output, newest = self.generator.frame(ahead, reference, previous)
                finite = bool(output.image.sum().isfinite())
            if finite or self.precision == torch.float32:
                break
        flow, mask = (field[:, 0] for field in output.motions[-1])
        generated = Generated(output.image, flow, mask, target, portrait.detail, output.cover)
        return generated, GeneratorMemory(newest if finite else ())

    def close_up(self, target: Target, portrait: Portrait) -> tuple[Closeup, ...]:
        """The close-ups of a target's mouth and eyes; none without a network for them."""
        if self.closeups is None or portrait.closeups is None:
            return ()
        dense, source = None, portrait.reference
        prior = target.ahead.target if isinstance(target.ahead, Ahead) else None
        if target.fine is not None and isinstance(prior, Spline) and isinstance(source, Reference):
            with self.arithmetic():
                flow = prior.finest(source.points[:, None])[0, 0]
            dense = DenseFlow(to_host((flow,))[0], portrait.places)
        return draw_closeups(self.closeups, portrait.closeups, target.places, dense)

    def draw(self, generated: Generated, closeups: tuple[Closeup, ...] = ()) -> Drawing:
        """What was generated, as arrays."""
        with self.arithmetic():
            made = (*generated[:3], *(() if generated.cover is None else (generated.cover,)))
            image, flow, *others = (field.float().nan_to_num() for field in made)
            if self.generator.config.layered:
                image = sharpen_moved(image, flow, generated.detail)
            face = (image.clamp(-1, 1) * 127.5 + 127.5).round().byte()
            face, flow, *rest = (x[0] for x in to_host((face, flow, *others)))
        # OpenCV interleaves channels in a tenth of torch's time.
        face, flow = (cv2.merge(list(planes)) for planes in (face, flow))
        mask, *cover = (planes[0] for planes in rest)
        return Drawing(face, flow, mask, closeups, cover[0] if cover else None)  # type: ignore[arg-type]

    @contextmanager
    def arithmetic(self, fast: bool = True) -> Iterator[None]:
        """Inference in the networks' precision, or in float32 if not `fast`."""
        half = fast and self.precision != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.precision, enabled=half):
            yield

    def _structure(self, points: Tensor, face: Image | None, guidance: Guidance) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):
            if guidance == "landmarks" or face is None:
                return structure_map(points, size=self.size)
            edges = image_edges(self._picture(face) / 2 + 0.5)
            return edges_only(structure_map(points, size=self.size, edges=edges))

    def _layers(self, matte: Field, canvas: Canvas) -> Layers:
        """The person and the plate of a canvas, at the network's size."""
        assert canvas.plate is not None
        share, plate = resize(matte, self.size), resize(canvas.plate, self.size)
        return Layers(to_device(share, self.device)[None, None], self._picture(plate))

    def _picture(self, image: Image) -> Tensor:
        """(S, S, 3) uint8 to (1, 3, S, S) float in [-1, 1] on the device, channels last."""
        return to_device(image, self.device).permute(2, 0, 1)[None].float() / 127.5 - 1

    def _tensor(self, points: NDArray[np.float32]) -> Tensor:
        return to_device(points, self.device)[None]
