"""Texts of patients: whatever the number of parts and files, each comes back once, to its patient."""

from collections import Counter
from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.outputs import merge as merging
from cds_service.batch.outputs.merge import merge
from cds_service.batch.rows import Place, Rows
from cds_service.batch.shuffle import spool as spools
from cds_service.batch.shuffle.spool import Spool, by_patient, part_of, parts_used, read_part

PLACES = st.builds(
    Place, st.sampled_from(["a.ndjson", "b/\u00fc.ndjson", "x.tar!y"]), st.none() | st.integers(1, 2**40)
)
TEXTS = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8"), max_size=12), PLACES, st.binary(max_size=40), st.booleans()
    ),
    max_size=40,
)


@settings(deadline=None)
@given(tasks=st.lists(TEXTS, max_size=4), parts=st.integers(1, 50), gathered=st.sampled_from([1, 100, 10**6]))
def test_every_text_comes_back_once_to_its_patient(tasks, parts, gathered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spool")
    paths = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spools, "_GATHERED", gathered)
        for number, texts in enumerate(tasks):
            spool = Spool(folder / str(number), parts)
            for line in texts:
                spool.add(line)
            spool.close()
            if texts:
                paths.append(folder / str(number))
    used = parts_used(paths)
    found = {part: list(read_part(part, paths)) for part in used}
    assert Counter(chain(*found.values())) == Counter(chain(*tasks))
    assert all(part_of(line[0], parts) == part for part, lines in found.items() for line in lines)
    for lines in found.values():
        grouped = dict(by_patient(lines))
        assert list(grouped) == sorted(grouped)
        assert sum(map(len, grouped.values())) == len(lines)


ROWS = st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6), st.integers(1, 30)), max_size=30)


@settings(deadline=None)
@given(rows=ROWS, cut=st.lists(st.integers(0, 30), max_size=5), at_once=st.sampled_from([2, 3, 200]))
def test_merged_parts_are_in_the_order_of_one_part(rows, cut, at_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merge")

    def merged(parts, name):
        paths = []
        for number, part in enumerate(parts):
            made = Rows()
            for patient, file, line in part:
                place = Place(file, line)
                made.reviewed(patient, place, {"patient": patient, **place.members})
            made.sort()
            paths.append(folder / f"{name}{number}")
            paths[-1].write_bytes(b"".join(made.patients))
        assert merge(paths, folder / name, folder / f"{name}-spare") == len(rows)
        return (folder / name).read_bytes()

    places = [0, *sorted(place for place in cut if place <= len(rows)), len(rows)]
    parts = [rows[start:end] for start, end in pairwise(places)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_AT_ONCE", at_once)
        assert merged(parts, "parts") == merged([rows], "one")
