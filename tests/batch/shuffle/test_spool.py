"""Texts of patients: whatever the number of parts and files, each comes back once, to its patient."""

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.rows import Place
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
