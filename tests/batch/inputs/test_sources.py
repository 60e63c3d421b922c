"""What is read: every file once, in one order, by a name that tells no path; nothing that should be left alone."""

import io
import os
import sys

import pytest

from cds_service.batch.inputs.sources import find_sources
from cds_service.errors import BatchError


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out" / ".work").mkdir(parents=True)
    return tmp_path / "out"


@pytest.fixture
def found(out):
    """Return the names and faults of what inputs hold."""
    return lambda *inputs: {
        row.name: row.fault for row in find_sources([str(name) for name in inputs], out / ".work")
    }


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "export"
    (place / "sub").mkdir(parents=True)
    for name in ("b.json", "a.ndjson.gz", "sub/c.json.zst", "README.md", ".hidden.json", "notes.txt"):
        (place / name).write_bytes(b"{}")
    return place


def test_a_folder_gives_its_data_by_names_below_it(found, folder):
    assert found(folder) == dict.fromkeys(
        ("export/a.ndjson.gz", "export/b.json", "export/sub/c.json.zst"), ""
    )


def test_every_file_is_read_once_however_often_it_is_named(found, folder):
    (folder / "again.json").symlink_to("b.json")
    names = found(folder, folder / "b.json", f"{folder}/*.json", folder / "sub")
    assert len(names) == 3


def test_the_order_of_inputs_does_not_matter(out, folder):
    inputs = [str(folder / "b.json"), str(folder / "sub"), f"{folder}/*.gz"]
    assert find_sources(inputs, out / ".work") == find_sources(inputs[::-1], out / ".work")


def test_two_files_of_one_name_are_told_apart(found, tmp_path):
    for above in ("x", "y"):
        (tmp_path / above).mkdir()
        (tmp_path / above / "a.json").write_bytes(b"{}")
    assert sorted(name.split("/")[-2] for name in found(tmp_path / "x/a.json", tmp_path / "y/a.json")) == [
        "x",
        "y",
    ]


def test_what_is_named_is_read_whatever_it_is_called(found, folder):
    assert found(folder / "notes.txt", folder / ".hidden.json") == {"notes.txt": "", ".hidden.json": ""}


@pytest.mark.parametrize("given", ["nothing", "no*thing", "x" * 300, "loop", "nul\0"])
def test_an_input_that_is_not_there_is_an_error(found, tmp_path, given):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BatchError, match="B001"):
        found(tmp_path / given)


def test_a_folder_without_data_is_an_error(found, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_bytes(b"{}")
    with pytest.raises(BatchError, match="B013"):
        found(tmp_path / "empty")


def test_own_outputs_and_those_of_other_runs_are_not_read(found, out, tmp_path):
    for place in (out, tmp_path / "before"):
        place.mkdir(exist_ok=True)
        for name in ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json"):
            (place / name).write_bytes(b"{}")
    (tmp_path / "a.json").write_bytes(b"{}")
    assert list(found(tmp_path)) == [f"{tmp_path.name}/a.json"]
    assert list(found(f"{tmp_path}/*")) == ["a.json"]


def test_a_link_that_leads_out_is_told_unless_its_target_is_an_input(found, folder, tmp_path):
    (tmp_path / "outside.json").write_bytes(b"{}")
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    assert found(folder)["export/link.json"] == "B035"
    assert found(folder, tmp_path / "outside.json")["outside.json"] == ""
    assert "export/link.json" not in found(folder, tmp_path / "outside.json")


def test_the_standard_input_is_kept_once(found, out, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a":1}')))
    assert found("-") == {"stdin": ""}
    assert (out / ".work" / "stdin").read_bytes() == b'{"a":1}'
    assert found("-") == {"stdin": ""}


def test_nothing_but_files_is_opened_to_see_what_it_is(found, folder):
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.json")
    assert "export/pipe" not in found(folder)
    assert "export/pipe.json" in found(folder)
