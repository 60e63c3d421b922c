"""Kill a batch at random moments, as often as wanted, and have it go on: the outputs must not show it.

    python -m tests.batch.trials --count 1000

Every run is a child of its own group that SIGKILL ends, workers and all; none is told before.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from cds_service.batch import run, run_batch
from cds_service.knowledge import Knowledge, load_knowledge

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTPUTS = ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json")
_SMALL = 16 * 1024


class Trials:
    """The inputs, the outputs of an undisturbed run, and how long that takes."""

    def __init__(self, folder: Path, knowledge: Knowledge, most: int | None = None) -> None:
        """Make inputs of both kinds: Bundles, and the same patients as an export with a broken line.

        ``most`` bounds the patients; None takes all that are bundled.
        """
        self._folder = folder
        self._knowledge = knowledge
        self._inputs = folder / "inputs"
        _make_inputs(self._inputs, most)
        begun = time.monotonic()
        undisturbed = folder / "undisturbed"
        assert self._finished(undisturbed, resume=False, workers=1)
        self.seconds = time.monotonic() - begun
        self.expected = {name: (undisturbed / name).read_bytes() for name in OUTPUTS}

    def one(self, chance: random.Random) -> tuple[int, list[str]]:
        """Kill a run until it gets through; return how often it was killed, and the outputs that differ."""
        out = self._folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        kills, resume = 0, False
        while not self._finished(out, resume=resume, workers=chance.choice((1, 2)), chance=chance):
            kills += 1
            resume = (out / ".work" / "plan.json").exists()
            if not resume:
                shutil.rmtree(out, ignore_errors=True)
            if kills > 3:
                chance = random.Random(0)
                self._finished(out, resume=resume, workers=1)
                break
        differing = [name for name, data in self.expected.items() if (out / name).read_bytes() != data]
        return kills, differing

    def _finished(
        self, out: Path, *, resume: bool, workers: int, chance: random.Random | None = None
    ) -> bool:
        """Run in a child; kill it at a random moment where ``chance`` is given. Whether it got through."""
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            run._TASK_BYTES, run._LEAST_BYTES, run._PART_BYTES = _SMALL, _SMALL, _SMALL
            code = 1
            try:
                run_batch(
                    self._inputs, out, knowledge=self._knowledge, as_of=AS_OF, workers=workers, resume=resume
                )
                code = 0
            finally:
                os._exit(code)
        if chance is not None:
            time.sleep(chance.uniform(0, self.seconds * 1.2))
            if os.waitpid(child, os.WNOHANG) == (0, 0):
                os.killpg(child, signal.SIGKILL) if os.getpgid(child) == child else os.kill(child, 9)
                os.waitpid(child, 0)
                return False
            return True
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "an undisturbed run failed"
        return True


def _make_inputs(folder: Path, most: int | None) -> None:
    bundles = sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))[:most]
    (folder / "export").mkdir(parents=True)
    lines: dict[str, list[str]] = {}
    for number, path in enumerate(bundles):
        shutil.copy(path, folder / f"{number:02d}.json")
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            lines.setdefault(resource["resourceType"], []).append(json.dumps(resource))
    for name, found in lines.items():
        random.Random(7).shuffle(found)
        (folder / "export" / f"{name}.ndjson").write_text("\n".join([*found, found[0][:-9]]))


def main() -> None:
    """Run the trials that are asked for; exit with 1 at the first output that differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kills, begun = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), load_knowledge())
        for number in range(options.count):
            killed, differing = trials.one(random.Random(f"{options.seed}/{number}"))
            kills += killed
            if differing:
                raise SystemExit(f"trial {number}: {', '.join(differing)} differ")
    seconds = time.monotonic() - begun
    print(f"{options.count} trials, killed {kills} times, outputs as undisturbed, {seconds:.0f} s")


if __name__ == "__main__":
    main()
