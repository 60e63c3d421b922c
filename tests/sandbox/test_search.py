"""A search finds what FHIR says it finds, in its order, cut into pages that together are the whole."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import RequestError
from cds_service.sandbox.records import Records, Stored, load_library
from cds_service.sandbox.search import MOST_COUNT, USUAL_COUNT, read_search, searchset

BASE = "https://ehr.example/fhir"
LIBRARY = load_library()


def ids(resource_type, text, records=LIBRARY.records):
    return [row.id for row in read_search(resource_type, parse_qsl(text)).find(records)]


def observation(number, date, **more):
    resource = {"resourceType": "Observation", "id": f"o{number}", "subject": {"reference": "Patient/p"}}
    return Stored(resource | ({"effectiveDateTime": date} if date else {}) | more, "2026-11-20T12:00:00Z")


def of(*rows):
    return Records.of(rows)


def test_the_newest_first_and_what_has_no_date_last():
    records = of(
        observation(1, "2026-01-01"), observation(2, None), observation(3, "2026-02"), observation(4, "2025")
    )
    assert ids("Observation", "_sort=-date", records) == ["o3", "o1", "o4", "o2"]
    assert ids("Observation", "_sort=date", records) == ["o4", "o1", "o3", "o2"]
    assert ids("Observation", "", records) == ["o1", "o2", "o3", "o4"]


def test_codes_and_names_have_an_order_too():
    def coded(number, *codes):
        return observation(number, None, code={"coding": [{"system": s, "code": c} for s, c in codes]})

    records = of(
        coded(1, ("b", "2")),
        coded(2, ("b", "1"), ("a", "9")),
        coded(3),
        observation(4, None, code={"text": "x"}),
    )
    assert ids("Observation", "_sort=code", records) == ["o2", "o1", "o3", "o4"]
    assert ids("Observation", "_sort=-code", records) == ["o1", "o2", "o3", "o4"]
    people = of(
        *(
            Stored(
                {"resourceType": "Patient", "id": name, "active": name != "Zed", "name": [{"family": name}]}
            )
            for name in ("zoe", "Élan", "Zed", "eder")
        )
    )
    assert ids("Patient", "_sort=family", people) == ["eder", "Élan", "Zed", "zoe"]
    assert ids("Patient", "_sort=active,-family", people) == ["Zed", "zoe", "Élan", "eder"]


def test_several_parameters_must_all_hold_several_values_need_one():
    records = of(
        observation(1, "2026-01-01", status="final"),
        observation(2, "2026-03-01", status="amended"),
        observation(3, "2026-05-01", status="final"),
    )
    assert ids("Observation", "status=final,amended", records) == ["o1", "o2", "o3"]
    assert ids("Observation", "status=final&date=ge2026-02-01", records) == ["o3"]
    assert ids("Observation", "date=ge2026-02-01&date=le2026-04-01", records) == ["o2"]
    assert ids("Observation", "_id=o3,o1", records) == ["o1", "o3"]
    assert ids("Observation", "patient=q", records) == []
    assert ids("Observation", "subject:Patient=p&_lastUpdated=ge2026-11-20", records) == ["o1", "o2", "o3"]


def test_last_updated_is_what_the_resource_says():
    records = of(observation(1, None, meta={"lastUpdated": "2020-01-01T00:00:00Z"}), observation(2, None))
    assert ids("Observation", "_lastUpdated=lt2021", records) == ["o1"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("&".join(["status=final"] * 21), "E001"),
        (f"code={'a' * 20_001}", "E001"),
        ("code:text=potassium", "E003"),
        ("date=yesterday", "E004"),
        ("_count=all", "E004"),
        ("_count=1.5", "E004"),
        ("_count=\u0661", "E004"),
        ("_sort=date,_id,status,code,category,issued", "E001"),
        ("_sort=date,_id,status&_sort=code,category,_lastUpdated", "E001"),
        ("date=" + ",".join(f"{year}" for year in range(1900, 2001)), "E001"),
        ("&".join("date=" + ",".join(f"ge{year}" for year in range(1900, 1960)) for _ in "ab"), "E001"),
        ("_offset=-1", "E004"),
    ],
)
def test_what_cannot_be_read_is_refused(text, code):
    with pytest.raises(RequestError) as refused:
        read_search("Observation", parse_qsl(text))
    assert refused.value.issues[0].code == code


def test_unknown_parameters_are_told_or_refused():
    pairs = [("patient", "p"), ("flavor", "sour"), ("_include", "Observation:patient"), ("_sort", "flavor")]
    search = read_search("Observation", pairs)
    assert search.ignored == ("flavor", "_include", "_sort")
    bundle = searchset(search, [], BASE)
    assert bundle["total"] == 0
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["outcome"]
    assert "flavor, _include, _sort" in bundle["entry"][0]["resource"]["issue"][0]["details"]["text"]
    assert "flavor" not in bundle["link"][0]["url"]
    with pytest.raises(RequestError) as refused:
        read_search("Observation", pairs, strict=True)
    assert refused.value.issues[0].code == "E002"


def test_an_empty_value_asks_for_nothing_and_that_is_told():
    pairs = [("status", ""), ("nothing", ""), ("date", " , ")]
    search = read_search("Observation", pairs)
    assert search.asked == () and search.empty == ("status", "nothing", "date")
    (entry,) = searchset(search, [], BASE)["entry"]
    assert "no value: status, nothing, date" in entry["resource"]["issue"][0]["details"]["text"]
    with pytest.raises(RequestError) as refused:
        read_search("Observation", pairs, strict=True)
    assert refused.value.issues[0].code == "E004"


def test_an_order_that_is_half_known_is_not_heeded_on_any_page():
    records = of(observation(1, "2026-01-01"), observation(2, "2026-02-01"))
    search = read_search("Observation", [("_sort", "-date,flavor"), ("_count", "1")])
    assert search.ignored == ("_sort",)
    assert [row.id for row in search.find(records)] == ["o1", "o2"]


def test_hundreds_of_patients_are_one_question():
    everybody = ",".join(f"Patient/p{number}" for number in range(500))
    records = of(observation(1, None))
    assert ids("Observation", f"patient={everybody},Patient/p", records) == ["o1"]
    assert ids("Observation", f"patient={everybody}", records) == []


@given(st.integers(1, 12), st.integers(1, 30))
@settings(deadline=None)
def test_the_pages_together_are_the_whole(count, size):
    records = of(*(observation(number, f"2026-01-{number:02}") for number in range(1, size + 1)))
    address = f"{BASE}/Observation?patient=Patient/p&_sort=-date&_count={count}"
    seen, pages = [], 0
    while address:
        assert address.startswith(f"{BASE}/Observation?")
        search = read_search("Observation", parse_qsl(urlsplit(address).query))
        bundle = searchset(search, search.find(records), BASE)
        assert bundle["total"] == size
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert ("previous" in links) == bool(pages)
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        address, pages = links.get("next"), pages + 1
    assert seen == [f"o{number}" for number in range(size, 0, -1)]
    assert pages == -(-size // count)


def test_a_link_keeps_every_value_as_it_was():
    pairs = [
        ("code", "http://loinc.org|2823-3,http://loinc.org|1&2 3"),
        ("date", "ge2026-01-01T00:00:00+01:00"),
    ]
    link = read_search("Observation", pairs).link(BASE, 7)
    assert parse_qsl(urlsplit(link).query) == [*pairs, ("_count", str(USUAL_COUNT)), ("_offset", "7")]


def test_the_number_alone():
    records = of(observation(1, None))
    for text in ("_count=0", "_summary=count", "_summary=count&_count=5", "_count=5&_summary=count"):
        search = read_search("Observation", parse_qsl(text))
        bundle = searchset(search, search.find(records), BASE)
        assert bundle["total"] == 1 and "entry" not in bundle and len(bundle["link"]) == 1


def test_a_page_is_bounded():
    for number in ("5000", "99999999", "1" + "0" * 5_000):
        assert read_search("Observation", [("_count", number)]).count == MOST_COUNT
    assert read_search("Observation", [("_count", "00000000007")]).count == 7


def test_patients_are_found_by_name_and_birth():
    (story,) = [story for story in LIBRARY.stories if story.name == "lithium-high-after-ibuprofen"]
    given_name = story.patient["name"][0]["given"][0]
    found = ids(
        "Patient", f"given={given_name[:4].upper()}&birthdate={story.patient['birthDate']}&gender=female"
    )
    assert found == [story.patient_id]


def test_a_type_nobody_listed_is_searched_by_what_all_have():
    records = of(Stored({"resourceType": "Device", "id": "d", "patient": {"reference": "Patient/p"}}))
    assert ids("Device", "patient=p&_id=d", records) == ["d"]
    assert ids("Device", "patient=q", records) == []
