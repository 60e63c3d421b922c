"""Broken inputs as data: each makes one file, and says by which codes it is told and who is reviewed all the same."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

DAY = "2026-11-18T08:00:00Z"


def patient(ident: str, **more: Any) -> dict[str, Any]:
    """Return a Patient."""
    return {"resourceType": "Patient", "id": ident, "birthDate": "1960-01-01", **more}


def result(ident: str, whose: Any, **more: Any) -> dict[str, Any]:
    """Return a potassium of a patient, named by a reference or by a whole subject."""
    return {
        "resourceType": "Observation",
        "id": ident,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "subject": whose if isinstance(whose, dict) else {"reference": whose},
        "effectiveDateTime": DAY,
        "valueQuantity": {
            "value": 4.1,
            "unit": "mmol/L",
            "system": "http://unitsofmeasure.org",
            "code": "mmol/L",
        },
        **more,
    }


def bundle(*resources: dict[str, Any], **more: Any) -> bytes:
    """Return a Bundle as JSON."""
    entries = [{"resource": resource} for resource in resources]
    return encoded({"resourceType": "Bundle", "type": "collection", "entry": entries, **more})


def encoded(value: Any) -> bytes:
    """Return a value as JSON on one line."""
    return json.dumps(value).encode()


def lines(*values: Any) -> bytes:
    """Return values as NDJSON; bytes as they are."""
    return b"".join((row if isinstance(row, bytes) else encoded(row)) + b"\n" for row in values)


WHOLE = bundle(patient("b"), result("o", "Patient/b"))
_CHANCE = random.Random(5)
MANY = [
    bundle(patient(f"m{n}", name=[{"text": f"{_CHANCE.getrandbits(320):x}"}]), result("o", f"Patient/m{n}"))
    for n in range(40)
]
MANY_LINES = lines(*MANY)


def archive(*members: tuple[str, bytes], ends: bool = True) -> bytes:
    """Return a tar archive, with or without the mark of its end."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
        length = made.offset
    return out.getvalue() if ends else out.getvalue()[:length]


def special(*members: tarfile.TarInfo) -> bytes:
    """Return an archive of devices, links and such, and one Bundle behind them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for info in members:
            made.addfile(info)
        info = tarfile.TarInfo("b.json")
        info.size = len(WHOLE)
        made.addfile(info, io.BytesIO(WHOLE))
    return out.getvalue()


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    """Return the header of a member that is no plain file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zipped(data: bytes) -> bytes:
    """Return a zip archive of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("b.json", data)
    return out.getvalue()


def damaged(data: bytes, place: int) -> bytes:
    """Return data with 64 other bytes in the midst."""
    return data[:place] + bytes(255 - byte for byte in data[place : place + 64]) + data[place + 64 :]


class Case(NamedTuple):
    """``data`` goes into ``name``, or a function makes what is there. ``patients`` None: any number of them."""

    name: str
    data: bytes | Callable[[Path], None]
    codes: set[str]
    patients: frozenset[str] | set[str] | None = frozenset()


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nothing.json"))


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _leads_out(path: Path) -> None:
    outside = path.parent.parent / "outside.json"
    outside.write_bytes(WHOLE)
    path.symlink_to(outside)


def _folder_leads_out(path: Path) -> None:
    outside = path.parent.parent / "others"
    outside.mkdir()
    (outside / "b.json").write_bytes(WHOLE)
    path.symlink_to(outside)


def _folder_of_that_name(path: Path) -> None:
    path.mkdir()
    (path / "b.json").write_bytes(WHOLE)


def _unreadable(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


_ME = {"b"}
_LATIN = encoded(result("o2", "Patient/b", note=[{"text": "Pr\u00fcfung"}])).replace(b"\\u00fc", b"\xfc")
_HOOK = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "b"}, "prefetch": {}}
_GZ, _ZST = gzip.compress(MANY_LINES), zstandard.compress(MANY_LINES)
_TAR = archive(*((f"m{n}.json", data) for n, data in enumerate(MANY)))
_DEEP = b"[" * 5000 + b"]" * 5000

CASES = [
    # packed
    Case("cut.ndjson.gz", _GZ[:-20], {"B021"}, None),
    Case("cut-in-two.json.gz", gzip.compress(WHOLE)[:40], {"B021"}),
    Case("crc.ndjson.gz", _GZ[:-8] + b"\1\2\3\4" + _GZ[-4:], {"B021"}, None),
    Case("more-behind.json.gz", gzip.compress(WHOLE) + b"rubbish", {"B021"}, None),
    Case("empty.ndjson.gz", b"", {"B021"}),
    Case("cut.ndjson.zst", _ZST[:-20], {"B021"}, None),
    Case("cut-by-one.json.zst", zstandard.compress(WHOLE)[:-1], {"B021"}),
    Case("damaged.ndjson.zst", damaged(_ZST, len(_ZST) // 2), {"B021", "F001", "F004", "B031"}, None),
    Case("cut.ndjson.bz2", bz2.compress(MANY_LINES)[:-20], {"B021"}, None),
    Case("cut.ndjson.xz", lzma.compress(MANY_LINES)[:-20], {"B021"}, None),
    Case("bomb.json.gz", gzip.compress(b" " * (300 << 20), 1), {"B022", "B023"}),
    Case("zip.json", zipped(WHOLE), {"B024"}),
    Case("all.zip", zipped(WHOLE), {"B024"}),
    Case(
        "six.json.gz",
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(WHOLE)))))),
        {"B024"},
    ),
    # archives
    Case("cut.tar", _TAR[: len(_TAR) // 2], {"B021"}, None),
    Case(
        "cut-between-members.tar",
        archive(*((f"m{n}.json", data) for n, data in enumerate(MANY[:3])), ends=False),
        {"B021"},
        {"m0", "m1", "m2"},
    ),
    Case(
        "header.tar",
        archive(("b.json", WHOLE), ends=False) + b"x" * 512 + archive(("c.json", WHOLE)),
        {"B021"},
        _ME,
    ),
    Case("two.tar", archive(("b.json", WHOLE)) + archive(("c.json", WHOLE)), {"B021"}, _ME),
    Case("cut.tar.gz", gzip.compress(_TAR)[:-9], {"B021"}, None),
    Case("names.tar", archive(("../../b.json", WHOLE)), set(), _ME),
    Case(
        "devices.tar",
        special(
            member("null.json", tarfile.CHRTYPE),
            member("pipe.json", tarfile.FIFOTYPE),
            member("disk.json", tarfile.BLKTYPE),
        ),
        set(),
        _ME,
    ),
    Case(
        "links.tar",
        special(
            member("passwd.json", tarfile.SYMTYPE, "/etc/passwd"),
            member("hard.json", tarfile.LNKTYPE, "../x"),
        ),
        set(),
        _ME,
    ),
    Case(
        "nested.tar",
        archive(("a.tar.gz", gzip.compress(archive(("b.json.gz", gzip.compress(WHOLE)))))),
        set(),
        _ME,
    ),
    Case("long-name.tar", archive(("d/" * 3000 + "b.json", WHOLE)), set(), _ME),
    Case("text-of-bytes.tar", archive((b"b\xff.json".decode("utf-8", "surrogateescape"), WHOLE)), set(), _ME),
    # texts
    Case("empty.json", b"", {"B025"}),
    Case("blank.json", b" \r\n\t\n", {"B025"}),
    Case("bom.json", b"\xef\xbb\xbf" + WHOLE, set(), _ME),
    Case("bom.ndjson", b"\xef\xbb\xbf" + lines(patient("b"), result("o", "Patient/b")), set(), _ME),
    Case("utf16.json", WHOLE.decode().encode("utf-16"), {"B031"}),
    Case("utf16-without-mark.json", WHOLE.decode().encode("utf-16-le"), {"B031"}),
    Case("utf32.json", WHOLE.decode().encode("utf-32"), {"B031"}),
    Case("zeros.json", b"\0" * 4096, {"B031"}),
    Case("latin.ndjson", lines(patient("b"), result("o", "Patient/b"), _LATIN), {"B031"}, _ME),
    Case("patient.xml", b"<Patient xmlns='http://hl7.org/fhir'/>", {"B026"}),
    Case("page.json", b"<!DOCTYPE html><html><body>502</body></html>", {"B026"}),
    Case("table.json", b"id,name\n1,a\n", {"F001"}),
    Case("rubbish.json", bytes(range(5, 256)) * 9, {"F001"}),
    Case("rubbish.ndjson", bytes(range(14, 256)) * 9, {"F001"}),
    Case("cut.json", WHOLE[:-30], {"F001"}),
    Case("two-values.json", WHOLE + WHOLE, {"F001"}),
    Case("list.json", b"[" + WHOLE + b"]", {"F004"}),
    Case("number.json", b"17", {"F004"}),
    Case("text.json", b'"Bundle"', {"F004"}),
    Case("null.json", b"null", {"F004"}),
    Case("object.json", b"{}", {"F004"}),
    Case("deep.json", _DEEP, {"F001"}),
    Case("deep-within.json", WHOLE[:-1] + b',"x":' + _DEEP + b"}", {"F003"}),
    Case("hook.json", encoded(_HOOK), {"B033"}),
    Case("kind-number.json", b'{"resourceType": 7}', {"F004"}),
    Case("kind-unknown.json", b'{"resourceType": "Patiant", "id": "b"}', {"F011"}),
    Case("entry-object.json", b'{"resourceType":"Bundle","entry":{}}', {"F005"}),
    Case("entry-twice.json", WHOLE[:-1] + b',"entry":[]}', {"F070"}),
    Case("nobody.json", bundle({"resourceType": "Practitioner", "id": "p"}), {"B036"}),
    Case("no-entries.json", bundle(), {"F006"}),
    Case("report.json", b'{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}', {"F013"}),
    Case("huge-number.json", WHOLE.replace(b"4.1", b"1e999999"), {"F022"}, _ME),
    Case("surrogate.json", WHOLE.replace(b'"final"', b'"final","note":[{"text":"\\ud800"}]'), set(), _ME),
    Case("bundle-in-bundle.json", bundle(json.loads(WHOLE)), set(), _ME),
    Case(
        "two-patients.json", bundle(patient("b"), patient("c"), result("o", "Patient/b")), set(), {"b", "c"}
    ),
    Case("one-id-two-births.ndjson", lines(patient("b"), patient("b", birthDate="1999-01-01")), {"F007"}),
    # lines
    Case("empty.ndjson", b"", set()),
    Case("no-last-newline.ndjson", lines(patient("b"), result("o", "Patient/b"))[:-1], set(), _ME),
    Case(
        "windows.ndjson",
        lines(patient("b"), result("o", "Patient/b")).replace(b"\n", b"\r\n\r\n"),
        set(),
        _ME,
    ),
    Case("nul-line.ndjson", lines(patient("b"), result("o", "Patient/b"), b"\0" * 99), {"F001"}, _ME),
    Case(
        "cut-line.ndjson",
        lines(patient("b"), result("o", "Patient/b"), encoded(result("o2", "Patient/b"))[:150]),
        {"F001"},
        _ME,
    ),
    Case("two-on-a-line.ndjson", lines(patient("b"), encoded(result("o", "Patient/b")) * 2), {"F001"}, _ME),
    Case("only-broken.ndjson", lines(encoded(result("o", "Patient/z"))[:-9]), {"F001", "B034"}),
    Case(
        "long-line.ndjson",
        lines(patient("b"), b'{"x":"' + b"x" * (65 << 20), result("o", "Patient/b")),
        {"B023"},
        _ME,
    ),
    Case("list-line.ndjson", lines(patient("b"), b"[1,2]", result("o", "Patient/b")), {"F004"}, _ME),
    Case(
        "deep-line.ndjson",
        lines(
            patient("b"),
            b'{"resourceType":"Observation","subject":{"reference":"Patient/b"},"x":' + _DEEP + b"}",
        ),
        {"F001"},
        _ME,
    ),
    Case(
        "nan-line.ndjson",
        lines(patient("b"), encoded(result("o", "Patient/b")).replace(b"4.1", b"NaN")),
        {"F001"},
        _ME,
    ),
    Case(
        "surrogate-line.ndjson",
        lines(patient("b"), encoded(result("o", "Patient/b")).replace(b'"final"', b'"final","x":"\\ud800"')),
        set(),
        _ME,
    ),
    Case(
        "bad-shape-line.ndjson",
        lines(patient("b"), result("o", "Patient/b", valueQuantity=[])),
        {"F010"},
        _ME,
    ),
    Case(
        "id-twice.ndjson",
        lines(patient("b"), b'{"id":"x",' + encoded(result("o", "Patient/b"))[1:]),
        set(),
        _ME,
    ),
    Case("pretty.ndjson", json.dumps(json.loads(WHOLE), indent=1).encode(), set(), _ME),
    Case(
        "first-line-broken.json",
        b'{"resourceType": "Pat\n' + lines(patient("b"), result("o", "Patient/b")),
        {"F001"},
        _ME,
    ),
    # whose
    Case("no-id.ndjson", lines({"resourceType": "Patient"}), {"F015"}),
    Case("no-subject.ndjson", lines(patient("b"), result("o", {})), {"F015"}, _ME),
    Case(
        "by-identifier.ndjson",
        lines(patient("b"), result("o", {"identifier": {"value": "7"}})),
        {"F015"},
        _ME,
    ),
    Case("contained.ndjson", lines(patient("b"), result("o", "#p")), {"F015"}, _ME),
    Case(
        "conditional.ndjson",
        lines(
            patient("b"),
            result("o", "Patient?identifier=s|1"),
            result("o2", "http://s/fhir/Patient?identifier=s|2"),
        ),
        {"F015"},
        _ME,
    ),
    Case(
        "group.ndjson",
        lines(patient("b"), result("o", "Group/g"), result("o2", "Practitioner/p")),
        {"F015"},
        _ME,
    ),
    Case(
        "absolute.ndjson",
        lines(patient("b"), result("o", "https://h/fhir/Patient/b"), result("o2", "Patient/b/_history/3")),
        set(),
        _ME,
    ),
    Case(
        "urn.ndjson",
        lines(
            patient("0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
            result("o", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ),
        set(),
        {"0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"},
    ),
    Case("patient-missing.ndjson", lines(result("o", "Patient/x y\u0000\u202e<b>")), set(), None),
    Case("long-reference.ndjson", lines(patient("b"), result("o", "Patient/" + "x" * 70_000)), {"F015"}, _ME),
    # files
    Case("folder.json", _folder_of_that_name, set(), _ME),
    Case("dangling.json", _dangling, {"B020"}),
    Case("loop.json", _loop, {"B020"}),
    Case("leads-out.json", _leads_out, {"B035"}),
    Case("folder-leads-out", _folder_leads_out, {"B035"}),
    Case("pipe.json", os.mkfifo, {"B020"}),
    Case("unreadable.json", _unreadable, {"B035"}),
    Case("line\nin\tname.json", WHOLE, set(), _ME),
    Case("n" * 250 + ".json", WHOLE, set(), _ME),
    Case(os.fsdecode(b"b\xff\xfe.json"), WHOLE, set(), _ME),
    Case("no-ending", WHOLE, set(), _ME),
    Case("no-ending-packed", gzip.compress(WHOLE), set(), _ME),
]
