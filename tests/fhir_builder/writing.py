"""Write JSON so that a person can read it and a diff stays small: one resource a line."""

import json
from typing import Any


def text_of(value: Any, inset: str = "") -> str:
    """JSON text, indented; a resource that is no Bundle, and whatever holds nothing nested, takes one line."""
    if not _opens(value):
        return json.dumps(value, ensure_ascii=False)
    deeper = inset + "  "
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {text_of(item, deeper)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(deeper + part for part in parts) + f"\n{inset}}}"
    return "[\n" + ",\n".join(deeper + text_of(item, deeper) for item in value) + f"\n{inset}]"


def _opens(value: Any) -> bool:
    if isinstance(value, dict):
        kind = value.get("resourceType", "Bundle")
        return bool(value) and kind == "Bundle"
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
