"""Texts out of files: the same however a file is packed, cut into spans or named."""

import gzip
import os
import random
import tarfile
from io import BytesIO
from itertools import pairwise

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.inputs import packed, streams
from cds_service.batch.inputs.sources import Source
from cds_service.batch.inputs.streams import Damage, documents, documents_of, spans

LINES = b"".join(b'{"n":%d,"x":"%s"}\n' % (n, b"x" * (n * 7 % 90)) for n in range(400))
WRITTEN = st.lists(
    st.sampled_from([b'{"a":1}', b"{}", b"", b"  ", b'{"b":"\xc3\xbc"}', b"rubbish"]), max_size=60
)


def source(path):
    found = os.stat(path)
    return Source(path.name, str(path), found.st_size, found.st_mtime_ns)


def read(items):
    return [(item.place.line, item.code if isinstance(item, Damage) else item.data) for item in items]


@settings(deadline=None)
@given(
    written=WRITTEN, ending=st.sampled_from([b"\n", b"\r\n"]), has_end=st.booleans(), most=st.integers(1, 90)
)
def test_spans_give_the_lines_and_numbers_of_the_whole(written, ending, has_end, most, tmp_path_factory):
    path = tmp_path_factory.mktemp("spans") / "a.ndjson"
    path.write_bytes(ending.join(written) + ending * has_end)
    whole = source(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_BLOCK", 16)
        parts = spans(whole, most)
        found = [row for span in parts or [None] for row in read(documents(whole, "auto", span))]
    if parts:
        assert [parts[0].start, parts[-1].end] == [0, whole.size]
        assert all(one.end == two.start for one, two in pairwise(parts))
    lines = enumerate((ending.join(written)).split(b"\n"), 1)
    assert found == [(number, line.strip()) for number, line in lines if line.strip()]


def packings(data):
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        info = tarfile.TarInfo("inner.ndjson")
        info.size = len(data)
        made.addfile(info, BytesIO(data))
    return {
        "plain": data,
        "gz": gzip.compress(data),
        "two-gz": gzip.compress(data[:900]) + gzip.compress(data[900:]),
        "zst": zstandard.compress(data),
        "two-zst": zstandard.compress(data[:900]) + zstandard.compress(data[900:]),
        "tar": archive.getvalue(),
        "tar-zst": zstandard.compress(archive.getvalue()),
    }


@pytest.mark.parametrize("form", packings(LINES))
def test_a_text_is_the_same_however_it_is_packed(form):
    found = read(documents_of(packings(LINES)[form], "export.ndjson"))
    assert found == [(n, line) for n, line in enumerate(LINES.split(b"\n")[:-1], 1)]


@settings(deadline=None)
@given(cut=st.integers(0, 10**9), form=st.sampled_from(["gz", "two-gz", "zst", "two-zst", "tar", "tar-zst"]))
def test_what_is_cut_off_never_passes_for_the_end(cut, form):
    data = packings(LINES)[form]
    end = cut % len(data)
    second = len(gzip.compress(LINES[:900])), len(zstandard.compress(LINES[:900]))
    found = read(documents_of(data[:end], "export.ndjson." + form.rpartition("-")[2]))
    is_whole_stream = (form == "two-gz" and end == second[0]) or (form == "two-zst" and end == second[1])
    ends = 512 + -(-len(LINES) // 512) * 512
    is_padding = form == "tar" and end >= ends + 512  # all members and one block of the two that end it
    if not (is_whole_stream or is_padding):
        assert any(isinstance(told, str) or not told.startswith(b"{") for _, told in found), (
            form,
            end,
            len(data),
        )


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        (b'{"a":[\n{"b":1},\n{"b":2}\n]}', "a.json", 1),
        (b'{"resourceType":"Bundle","entry":[{"resource":{}},\n{"resource":{}}]}', "a.json", 1),
        (b'{\n "a": 1\n}', "a.json", 1),
        (b'{\n "a": 1\n}', "a.ndjson", 1),
        (b'{"a":1}\n{"b":2}', "a.json", 2),
        (b'{"a":1}\r\n\r\n{"b":2}\r\n', "a", 2),
        (b'{"a":\n{"b":1}\n{"c":2}', "a.json", 3),
        (b'{"a":\n', "a.ndjson", 1),
        (b'\xef\xbb\xbf{"a":1}\n{"b":2}', "a.json", 2),
    ],
)
def test_lines_and_documents_are_told_by_content(text, name, count):
    found = list(documents_of(text, name))
    assert len(found) == count
    assert all(item.is_line for item in found) is (count > 1 or (b":\n" in text and name == "a.ndjson"))


def test_a_kind_that_is_named_is_not_told_by_content():
    assert read(documents_of(b'{"a":1}\n{"b":2}', "a.ndjson", "document")) == [(None, b'{"a":1}\n{"b":2}')]
    assert read(documents_of(b'{\n"a":1}', "a.json", "lines")) == [(1, b"{"), (2, b'"a":1}')]


@settings(deadline=None)
@given(data=st.binary(max_size=3000), sizes=st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_a_stream_of_zstd_gives_what_was_packed_in_any_steps(data, sizes):
    reader = packed.unpacker(zstandard.compress(data))(BytesIO(zstandard.compress(data)))
    found = b"".join(reader.read(size) for size in sizes)
    assert found == data[: sum(sizes)]


@settings(deadline=None)
@given(data=st.binary(max_size=600))
def test_no_bytes_raise(data):
    for head in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\x00", b"{", b"PK\x03\x04"):
        list(documents_of(head + data, "a.json"))


def test_random_damage_in_an_archive_is_told_or_harmless():
    data = bytearray(packings(LINES)["tar-zst"])
    chance = random.Random(7)
    for _ in range(60):
        copy = bytearray(data)
        copy[chance.randrange(len(copy))] ^= 1 << chance.randrange(8)
        list(documents_of(bytes(copy), "x.tar.zst"))
