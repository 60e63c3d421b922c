"""However rows were parted among tasks, merged they stand in one order."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.journal import Journal
from cds_service.batch.outputs import merge as merging
from cds_service.batch.outputs.merge import merge
from cds_service.batch.rows import STREAMS, Place, Rows

ROWS = st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6), st.integers(1, 30)), max_size=30)


@settings(deadline=None)
@given(rows=ROWS, cut=st.lists(st.integers(0, 30), max_size=5), at_once=st.sampled_from([2, 3, 200]))
def test_merged_parts_are_in_the_order_of_one_part(rows, cut, at_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merge")

    def merged(parts, name):
        journal = Journal(folder / name)
        journal.begin({}, resume=False)
        for number, part in enumerate(parts):
            made = Rows()
            for patient, file, line in part:
                place = Place(file, line)
                made.reviewed(patient, place, {"patient": patient, **place.members})
                made.found(patient, place, [{"rule": "a"}, {"rule": "b"}])
            made.sort()
            journal.finish(f"r{number}", made)
        outputs = {}
        for stream, each in zip(STREAMS, (1, 2, 0), strict=True):
            kept = [journal.part(f"r{number}", stream) for number in range(len(parts))]
            assert merge(kept, folder / f"{name}-{stream}", folder / f"{name}-spare") == each * len(rows)
            outputs[stream] = (folder / f"{name}-{stream}").read_bytes()
        return outputs

    places = [0, *sorted(place for place in cut if place <= len(rows)), len(rows)]
    parts = [rows[start:end] for start, end in pairwise(places)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_AT_ONCE", at_once)
        assert merged(parts, "parts") == merged([rows], "one")
