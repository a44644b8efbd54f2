"""Training runs in processes of their own, to be killed: the script, and the losses that a run has logged."""

import json

SPEED = {"samples_per_second", "loading"}
RUN = """
import sys, gfla.train.cli as cli, gfla.train.trainer as trainer, gfla.train.journal as journal
trainer.CHECKPOINT_SECONDS, journal.LOG_STEPS, journal.find_spec = 0, 1, lambda name: None
raise SystemExit(cli.main(sys.argv[1:]))
"""


def losses(run) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in SPEED} for line in lines]
