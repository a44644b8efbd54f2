"""Small ICC profiles for the tests: matrices with a gamma, greys with a gamma, and a table for CMYK."""

import struct

import numpy as np
from gfla.animate.io.primaries import Primaries

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def rgb_profile(primaries: Primaries, gamma: float) -> bytes:
    """A profile of these primaries whose numbers are light to the power of 1/gamma."""
    white = xyz(primaries.white)
    columns = np.array([xyz(point) for point in primaries[:3]]).T
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
    matrix = adapt @ columns * np.linalg.solve(columns, white)
    tags = {b"wtpt": _xyz_tag(_D50)}
    for index, name in enumerate(b"rgb"):
        tags[bytes([name]) + b"XYZ"] = _xyz_tag(matrix[:, index])
        tags[bytes([name]) + b"TRC"] = _gamma_tag(gamma)
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz_tag(_D50), b"kTRC": _gamma_tag(gamma)})


def cmyk_profile(lab: dict[tuple[int, ...], tuple[float, float, float]]) -> bytes:
    """A printer's profile. lab: the colour, L* a* b*, of each of the 16 full mixtures of the four inks."""
    table = b""
    for mixture in np.ndindex(2, 2, 2, 2):
        lightness, a, b = lab[mixture]
        table += bytes([round(lightness * 2.55), round(a + 128), round(b + 128)])
    identity = b"".join(struct.pack(">i", 65536 * (i in (0, 4, 8))) for i in range(9))
    ramp = bytes(range(256))
    body = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz_tag(_D50), b"A2B0": body})


def xyz(point: tuple[float, float]) -> np.ndarray:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz_tag(values) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _gamma_tag(gamma: float) -> bytes:
    return b"para\0\0\0\0\0\0\0\0" + _fixed(gamma)


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", 8, 28)
    tags = {b"desc": text + "test".encode("utf-16be"), b"cprt": text + "none".encode("utf-16be")} | tags
    start, table, data = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    head = b"\0\0\0\0\x04\x20\0\0" + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    head += b"".join(map(_fixed, _D50)) + bytes(48)
    body = head + struct.pack(">I", len(tags)) + table + data
    return struct.pack(">I", len(body) + 4) + body
