"""Run batches on a disk that is really full: a small file system in memory, in a namespace of its own.

    unshare --map-root-user --mount python -m tests.batch.full_disk INPUTS DISK

``DISK`` is the folder that becomes it. What was seen is printed as JSON; ``test_full_disk`` judges it.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from cds_service.batch import run_batch
from cds_service.errors import BatchError
from cds_service.knowledge import Knowledge, load_knowledge

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
FORMATS = ("ndjson", "csv", "sqlite", "fhir")
#: More room at each run, in KiB, until there is enough.
STEP = 64


class Disk:
    """A file system of some KiB that can grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filler = folder / "filler"
        self._mount("size=4m")

    def grow(self, room: int) -> None:
        self._mount(f"remount,size={room}k")

    def fill(self) -> None:
        """Take all the room that is left, as another program would."""
        with self.filler.open("ab", buffering=0) as file:
            for size in (65_536, 4_096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=True)


def outputs(out: Path) -> dict[str, str]:
    """Return what stands under a final name, and what the working folder has come to."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes().hex()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "timings.json" and ".work" not in path.relative_to(out).parts
    }


def stage(out: Path) -> str:
    """Return how far a run came."""
    work = out / ".work"
    if not (work / "plan.json").exists():
        return "begin"
    if (work / "patients.ndjson").exists():
        return "outputs"
    return "patients" if list((work / "parts").glob("p*.done")) else "reading"


def attempt(given: Path, out: Path, knowledge: Knowledge, **options: object) -> dict[str, object]:
    """Run, going on with what is there; return how it ended."""
    resume = (out / ".work" / "plan.json").exists()
    try:
        run_batch(given, out, knowledge=knowledge, as_of=AS_OF, formats=FORMATS, resume=resume, **options)
    except BatchError as error:
        issue = error.issues[0]
        return {
            "code": issue.code,
            "text": str(issue),
            "stage": stage(out),
            "workers": options["workers"],
            "outputs": outputs(out),
        }
    return {"code": "", "outputs": outputs(out)}


def growing(given: Path, disk: Disk, knowledge: Knowledge) -> list[dict[str, object]]:
    """Have a run on a disk without room, and give it a little more each time until it ends."""
    seen: list[dict[str, object]] = []
    room = 8
    while not seen or seen[-1]["code"]:
        disk.grow(room)
        seen.append(attempt(given, disk.folder / "growing", knowledge, workers=1 + len(seen) % 2))
        room += STEP
    return seen


def taken(given: Path, disk: Disk, knowledge: Knowledge, workers: int) -> list[dict[str, object]]:
    """Have another program take all the room in the middle of a run; go on when it has left."""
    out = disk.folder / f"taken-{workers}"
    first = attempt(given, out, knowledge, workers=workers, progress=lambda _progress: disk.fill())
    disk.filler.unlink()
    return [first, attempt(given, out, knowledge, workers=workers)]


def by_command(given: Path, disk: Disk) -> dict[str, object]:
    """Have the command find the disk full."""
    disk.fill()
    asked = ["batch", str(given), "--out", str(disk.folder / "command"), "--as-of", "2026-11-20"]
    done = subprocess.run([sys.executable, "-m", "cds_service", *asked], capture_output=True, text=True)
    disk.filler.unlink()
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def main() -> None:
    given, disk, knowledge = Path(sys.argv[1]), Disk(Path(sys.argv[2])), load_knowledge()
    found = {"growing": growing(given, disk, knowledge)}
    disk.grow(64 * 1024)
    found["taken"] = [taken(given, disk, knowledge, workers) for workers in (1, 2)]
    print(json.dumps({**found, "command": by_command(given, disk)}))


if __name__ == "__main__":
    main()
