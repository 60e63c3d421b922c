"""How much room waiting texts take is known well enough before they are written, whatever the inputs are."""

import gzip
import io
import random
import tarfile

import pytest

from cds_service.batch.inputs.sources import find_sources
from cds_service.batch.shuffle import room
from cds_service.errors import BatchError
from tests.batch.broken import bundle, encoded, lines, patient, result

OTHER = {
    "resourceType": "Claim",
    "id": "c",
    "patient": {"reference": "Patient/p"},
    "text": {"div": "x" * 700},
}


@pytest.fixture
def needed(tmp_path):
    """Return how much room these files need (name to content)."""

    def of(files, kind="auto"):
        folder = tmp_path / "in"
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return room.room_needed(find_sources([str(folder)], tmp_path / "out" / ".work"), kind)

    return of


def results(count, patients=50):
    return lines(*(result(f"o{n}", f"Patient/p{n % patients}") for n in range(count)))


def test_bundles_need_none(needed):
    data = bundle(patient("p"), *(result(f"o{n}", "Patient/p") for n in range(400)))
    assert len(data) > 65_536
    assert needed({"a.json": data, "b.ndjson": data + b"\n" + data, "c.json.gz": gzip.compress(data)}) == 0


@pytest.mark.parametrize("count", [1, 2, 30, 20_000])
def test_resources_on_lines_need_a_little_more_than_their_size(needed, count):
    data = results(count)
    assert len(data) <= needed({"Observation.ndjson": data}) <= len(data) + count * 80


def test_single_resources_in_files_need_a_little_more_than_their_size(needed):
    files = {f"{n}.json": encoded(result(f"o{n}", "Patient/p")) for n in range(40)}
    size = sum(map(len, files.values()))
    assert size <= needed(files) <= size * 1.5


def test_types_that_are_not_read_need_none_wherever_they_stand(needed):
    """One file with a type that waits first and much more of another after it."""
    ours, others = results(3_000), lines(*[OTHER] * 15_000)
    assert len(others) > 10 * len(ours)
    found = needed({"all.ndjson": ours + others})
    assert 0.8 * len(ours) < found < 1.6 * len(ours)


def test_mixed_lines_need_their_share(needed):
    rows = [*([OTHER] * 3_000), *(result(f"o{n}", "Patient/p") for n in range(6_000))]
    random.Random(3).shuffle(rows)
    size = len(results(6_000))
    assert 0.9 * size < needed({"all.ndjson": lines(*rows)}) < 1.6 * size


def test_what_is_packed_needs_what_it_unpacks_to(needed):
    data = results(20_000)
    assert 0.9 * len(data) < needed({"Observation.ndjson.gz": gzip.compress(data)}) < 1.6 * len(data)


def test_archives_are_not_counted(needed):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("Observation.ndjson")
        member.size = len(data := results(2_000))
        archive.addfile(member, io.BytesIO(data))
    assert needed({"all.tar.gz": packed.getvalue()}) == 0


def test_what_cannot_be_read_needs_none(needed):
    assert (
        needed({"a.ndjson": b"", "b.ndjson": b"\xff\xfe{\n", "c.json": b"<x/>", "d.ndjson.gz": b"\x1f\x8b"})
        == 0
    )
    assert needed({}, kind="document") == 0


def test_what_a_run_before_has_left_needs_no_further_room(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Observation.ndjson").write_bytes(results(20_000))
    sources = find_sources([str(tmp_path / "in")], tmp_path / "out" / ".work")
    usage = room.shutil._ntuple_diskusage
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _path: usage(1 << 30, 1 << 30, 4_096))
    spool = tmp_path / "spool"
    with pytest.raises(
        BatchError, match=r"out: B009: .*\(about 7\.\d MiB for what waits .* 0\.0 MiB are free\)"
    ):
        room.check_room(sources, "auto", spool, tmp_path / "out")
    spool.mkdir()
    (spool / "r000000").write_bytes(b"x" * 6_000_000)
    room.check_room(sources, "auto", spool, tmp_path / "out")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _path: usage(0, 0, 0))
    room.check_room(sources, "auto", tmp_path, tmp_path / "out")
