"""The eight limits of ``dict_loop`` in cql-execution, run by Node where Node and its packages are there.

The packages: ``npm install --prefix .cache/cql cql-execution cql-exec-fhir``. The ELM is made here from the
same limits, as the CQL ``exists([Observation: codes] O where O.value.value < limit)`` would be translated.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from dict_loop import Limit, Wanted
from patients import ROOT

PACKAGES: Final = ROOT / ".cache" / "cql" / "node_modules"
_WORDS: Final = {"below": "Less", "at_most": "LessOrEqual", "above": "Greater", "at_least": "GreaterOrEqual"}
_FHIR: Final = "{http://hl7.org/fhir}"
_DECIMAL: Final = "{urn:hl7-org:elm-types:r1}Decimal"


def is_there() -> bool:
    """Whether Node and the packages are there."""
    return shutil.which("node") is not None and (PACKAGES / "cql-execution").is_dir()


def measured(what: Wanted, files: Sequence[Path], rounds: int, folder: Path) -> tuple[float, dict[str, int]]:
    """Return the processor seconds of the best round, and how many patients each limit found."""
    elm = folder / "limits.json"
    elm.write_text(json.dumps(library(what)), encoding="utf-8")
    script = Path(__file__).with_suffix(".js")
    command = ["node", str(script), str(elm), str(rounds), *map(str, files)]
    environment = {**os.environ, "NODE_PATH": str(PACKAGES)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    return float(told["seconds"]), told["found"]


def library(what: Wanted) -> dict[str, Any]:
    """Return the ELM."""
    statements = [_statement("Patient", {"type": "SingletonFrom", "operand": _retrieve("Patient")})]
    statements += [_statement(f"{limit.analyte} {limit.word}", _beyond(limit)) for limit in what.limits]
    for name, kind, prop, codes, system in (
        ("drug", "MedicationRequest", "medication", what.drugs, "rxnorm"),
        ("problem", "Condition", "code", what.problems, "snomed"),
    ):
        statements.append(_statement(name, _exists(_retrieve(kind, prop, codes, system))))
    systems = [{"name": name, "id": uri, "accessLevel": "Public"} for name, uri in what.systems.items()]
    return {
        "library": {
            "identifier": {"id": "Limits", "version": "1"},
            "schemaIdentifier": {"id": "urn:hl7-org:elm", "version": "r1"},
            "usings": {
                "def": [
                    {"localIdentifier": "System", "uri": "urn:hl7-org:elm-types:r1"},
                    {"localIdentifier": "FHIR", "uri": "http://hl7.org/fhir", "version": "4.0.1"},
                ]
            },
            "codeSystems": {"def": systems},
            "statements": {"def": statements},
        }
    }


def _statement(name: str, expression: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "context": "Patient", "accessLevel": "Public", "expression": expression}


def _exists(operand: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Exists", "operand": operand}


def _retrieve(kind: str, prop: str = "", codes: Iterable[str] = (), system: str = "") -> dict[str, Any]:
    retrieve = {"type": "Retrieve", "dataType": f"{_FHIR}{kind}"}
    if not prop:
        return retrieve
    rows = [{"type": "Code", "code": code, "system": {"name": system}} for code in sorted(codes)]
    listed = {"type": "List", "element": rows}
    return {**retrieve, "codeProperty": prop, "codeComparator": "in", "codes": listed}


def _beyond(limit: Limit) -> dict[str, Any]:
    value = {"type": "Property", "path": "value.value.value", "scope": "O"}
    literal = {"type": "Literal", "valueType": _DECIMAL, "value": str(limit.number)}
    return _exists(
        {
            "type": "Query",
            "source": [{"alias": "O", "expression": _retrieve("Observation", "code", limit.codes, "loinc")}],
            "relationship": [],
            "where": {"type": _WORDS[limit.word], "operand": [value, literal]},
        }
    )
