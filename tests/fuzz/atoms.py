"""Hostile JSON values as JSON text: what no library of ours would write, and what some sender will."""

from __future__ import annotations

from random import Random

_DEEP = 1200

NUMBERS = (
    *(
        "0",
        "-0",
        "-0.0",
        "0.0",
        "1",
        "-1",
        "2.9",
        "2.90",
        "1.2E+2",
        "1e2",
        "1E-2",
        "1e400",
        "-1e400",
        "1E+9999999",
    ),
    *(
        "1E-9999999",
        "1e1000000000",
        "5e-324",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "1e20",
        "1e21",
    ),
    *(
        "4.9e-324",
        "9007199254740993",
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
    ),
    *(
        "9" * 40,
        "9" * 41,
        "9" * 400,
        "9" * 5000,
        "0." + "0" * 60 + "1",
        "3." + "3" * 500,
        "1e00000000000000000002",
    ),
)
NO_NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "+1",
    ".5",
    "1.",
    "01",
    "1e",
    "0x10",
    "1_000",
    "--1",
    "1,5",
    "１",
)
DATES = (
    *(
        "2026-11-18",
        "2026-11",
        "2026",
        "2026-02-30",
        "2026-13-01",
        "0000-00-00",
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
    ),
    *(
        "2026-11-18T08:00:00Z",
        "2026-11-18T08:00:00+14:00",
        "2026-11-18T08:00:00-99:99",
        "2026-11-18T24:00:00Z",
    ),
    *(
        "2026-11-18T08:00:60Z",
        "2026-W47-3",
        "2026-322",
        "20261118",
        "18.11.2026",
        "2026-11-18 08:00",
        "١٩٧٦-01-01",
        "",
    ),
    *(
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-18T08:00:00.123456789Z",
        "now",
        " 2026-11-18 ",
    ),
    *(
        "-2026-11-18",
        "2026-11-18T",
        "1969-12-31T23:59:59Z",
        "2026-11-18T08:00:00+00:00+00:00",
        "2100-01-01T00:00:00Z",
    ),
)
REFERENCES = (
    *(
        "Patient/p",
        "#",
        "#x",
        "##",
        "urn:uuid:",
        "urn:uuid:2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40",
        "/",
        "//",
        "?",
        "Patient/",
    ),
    *(
        "https://ehr.example/fhir/Patient/p/_history/2",
        "Observation?patient=p",
        "../Patient/p",
        "Patient/p/Patient/q",
    ),
    *(
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "Medication/" + "x" * 3000,
        "Patient/" + "/" * 500,
    ),
)
TEXTS = (
    *(
        "",
        " ",
        "\t\n",
        "\0",
        "\u202e txen",
        "\u200b",
        "\ufeff",
        "e\u0301" * 50,
        "\U0001f9e0",
        "İı",
        "ß" * 40,
        "\x7f\x9f",
        "\u2028",
    ),
    *(
        "<script>alert(1)</script>",
        "[a](javascript:alert(1))",
        "# head",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "' OR 1=1 --",
        "%s%n",
        "../" * 9,
    ),
    *(
        "null",
        "true",
        "NaN",
        "5.1 mg/dL",
        "<0.2",
        "1" * 200,
        "a" * 30_000,
        "lip twitching " * 3_000,
        "no " * 5_000,
        "(" * 2_000,
    ),
    *(
        "twitching of the " * 800 + "eyelid",
        "for two weeks and " * 900,
        "mmol/L" * 20,
        "-" * 4_000,
        "1-" * 2_000,
        "\\" * 99,
        '"' * 99,
    ),
)
SURROGATES = ('"\\ud800"', '"\\udfff\\ud800"', '"a\\udead"', '"\\uD83D\\uDE00"', '"\\ud83d"')
SHAPES = (
    *(
        "null",
        "true",
        "false",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[{}]",
        '{"":null}',
        '{"resourceType":null}',
        '{"coding":[null]}',
    ),
    *(
        '{"resourceType":"Bundle","entry":[]}',
        '{"resourceType":"Bundle","entry":{}}',
        '{"resourceType":"Nonsense"}',
        '{"entry":[]}',
    ),
    *(
        '{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"x"}]}',
        '{"resourceType":["Patient"]}',
        '"<html>"',
    ),
    *(
        '{"resourceType":"Bundle","type":"searchset","total":99,"entry":[]}',
        '{"resourceType":"Patient"}',
        "[[[[[[]]]]]]",
    ),
    '{"resourceType":"Bundle","link":[{"relation":"next","url":"http://169.254.169.254/"}],"entry":[]}',
    '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle"}}]}}]}',
    *('{"value":2.9,"value":5}', '[1,2,{"a":1,"a":2}]'),
)
DEEP = (
    "[" * _DEEP + "]" * _DEEP,
    '{"a":' * _DEEP + "1" + "}" * _DEEP,
    '{"extension":[' * 200 + "]}" * 200,
    '{"value":[' * 320 + "]}" * 320,
    "[" * 64 + "]" * 64,
)
BROKEN = (
    "",
    "[",
    "{",
    "}",
    '"',
    "{]",
    "nul",
    "tru",
    "{,}",
    "[1,]",
    '{"a":1,}',
    "{'a':1}",
    "//",
    "/**/1",
    '"\t"',
    '"\\x41"',
    '"\\u12"',
    "\x00",
)
SYSTEMS = (
    *(
        "http://loinc.org",
        "http://snomed.info/sct",
        "urn:oid:2.16.840.1.113883.6.1",
        "LOINC",
        "http://loinc.org/",
        "HTTP://LOINC.ORG",
    ),
    *(
        "https://hospital.example/codes",
        "urn:uuid:x",
        "",
        "http://unitsofmeasure.org",
        "http://unitsofmeasure.org ",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
    ),
)


def hostile(random: Random) -> str:
    """Return one hostile value as JSON text; most are JSON, some are not."""
    from json import dumps

    kind = random.randrange(16)
    if kind < 3:
        return random.choice(NUMBERS)
    if kind < 5:
        return dumps(random.choice(DATES))
    if kind < 6:
        return dumps(random.choice(REFERENCES))
    if kind < 9:
        return dumps(random.choice(TEXTS), ensure_ascii=random.random() < 0.5)
    if kind < 13:
        return random.choice(SHAPES)
    if kind == 13:
        return random.choice(SURROGATES) if random.random() < 0.3 else dumps(random.choice(SYSTEMS))
    if kind == 14:
        return random.choice(DEEP) if random.random() < 0.2 else dumps(random.choice(DATES))
    return random.choice(NO_NUMBERS + BROKEN) if random.random() < 0.3 else random.choice(NUMBERS)
