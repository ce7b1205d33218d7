"""What the schemas of the OpenAPI document are made of. Floor 6."""

from collections.abc import Iterable
from typing import Any

from searches.domain.brazil import UNITS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
YES_OR_NO: Schema = {"type": "boolean"}
ID: Schema = {"type": "string", "format": "uuid"}
DAY: Schema = {"type": "string", "format": "date"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
OPTIONAL_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
#: Money leaves as decimal text.
MONEY: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
OPTIONAL_MONEY: Schema = {**MONEY, "type": ["string", "null"]}
UF: Schema = {"type": "string", "enum": [unit.code for unit in UNITS]}


def ref(name: str) -> Schema:
    """Return the schema that stands under this name among the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def one_of(values: Iterable[Any], kind: str = "string") -> Schema:
    return {"type": kind, "enum": list(values)}


def optional(schema: Schema) -> Schema:
    """Return the same schema of what may be null, too."""
    found = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        found["enum"] = [*schema["enum"], None]
    return found


def said(schema: Schema, description: str, **more: Any) -> Schema:
    return {**schema, "description": description, **more}


def whole(properties: dict[str, Schema], **more: Any) -> Schema:
    """Return the schema of an object that always has all of these properties."""
    return {"type": "object", "required": list(properties), "properties": properties, **more}
