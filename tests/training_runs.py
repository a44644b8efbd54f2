"""Training runs in processes of their own, to be killed: the script, and the losses that a run has logged."""

import json

SPEED = {"samples_per_second", "loading"}
RUN = """
import sys, gfla.train.cli as cli, gfla.train.trainer as trainer, gfla.train.record.journal as journal
import gfla.train.record.tracking as tracking
trainer.CHECKPOINT_SECONDS, journal.LOG_STEPS, tracking.find_spec = 0, 1, lambda name: None
if __name__ == "__main__":  # the processes that make samples import this, too
    raise SystemExit(cli.main(sys.argv[1:]))
"""
ALWAYS_KEPT = {
    "gfla.train.trainer.CHECKPOINT_SECONDS": 0,
    "gfla.train.record.journal.LOG_STEPS": 1,
    "gfla.train.record.tracking.find_spec": lambda _: None,
}
"""What that script changes: a checkpoint and a line of the log after each step, no tracker."""


def losses(run) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in SPEED} for line in lines]
