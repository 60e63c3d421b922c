"""Check the terminology files against their JSON Schemas; used by ``validate`` and tests, not at start."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from cds_service.content import Document, iter_documents, read_document
from cds_service.errors import ContentError, Issue
from cds_service.terminology.load import FOLDER

#: Folder or file of terminology -> (schema file, definition in it).
SCHEMAS = {
    "labs": ("value-set.schema.json", "analyte"),
    "vitals": ("value-set.schema.json", "analyte"),
    "surveys": ("value-set.schema.json", "analyte"),
    "drugs": ("value-set.schema.json", "drug"),
    "conditions": ("value-set.schema.json", "concept"),
    "symptoms": ("value-set.schema.json", "concept"),
    "procedures": ("value-set.schema.json", "concept"),
    "reports": ("value-set.schema.json", "concept"),
    "encounters": ("value-set.schema.json", "concept"),
    "orders": ("order.schema.json", "order"),
    "results.yaml": ("results.schema.json", "results"),
}


def schema_issues(root: Path) -> list[Issue]:
    """Return every breach of the schemas in ``root/terminology``, sorted; unreadable files included."""
    issues: list[Issue] = []
    for folder, (file, definition) in sorted(SCHEMAS.items()):
        schema = json.loads((root / "cards" / "schema" / file).read_text(encoding="utf-8"))
        validator = Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]})
        try:
            documents = _documents(root / FOLDER / folder, root)
        except ContentError as error:
            issues.extend(error.issues)
            continue
        for document in documents:
            for fault in validator.iter_errors(_plain(document.data)):
                where = document.where(tuple(fault.absolute_path))
                issues.append(Issue(where, "T100", f"{fault.message}.", "See the schema in cards/schema."))
    return sorted(issues)


def _documents(path: Path, root: Path) -> list[Document]:
    return [read_document(path, root)] if path.suffix else list(iter_documents(path, root))


def _plain(value: Any) -> Any:
    """Return data as JSON Schema expects it: Decimal as float (only the type is checked)."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value
