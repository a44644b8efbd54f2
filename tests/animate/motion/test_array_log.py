"""Rows in one block of memory come back as they were."""

import numpy as np
from gfla.animate.motion.array_log import ArrayLog


def test_rows_come_back_as_they_were():
    log, rows = ArrayLog(), np.random.default_rng(0).normal(size=(50, 7, 2)).astype(np.float32)
    for row in rows:
        log.append(row)
    assert len(log) == 50
    assert np.array_equal(log.array(), rows)
