"""The vendor's contract, as the dialect's golden data keeps it, expanded to OpenAPI 3.0 again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

import orderhub.dialects.mews as dialect

_FILE = Path(dialect.__file__).parent / "golden" / "vendor" / "connector.yaml"
CONTRACT: dict[str, Any] = yaml.safe_load(_FILE.read_text())
OPERATIONS: dict[str, Any] = CONTRACT["operations"]
ERROR = "ConnectorApiExceptionResult"
_TYPES: dict[str, dict[str, Any]] = {
    "any": {},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "int": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "text": {"type": "string"},
    "text+": {"type": "string", "minLength": 1},
    "time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
}


def _schema(shape: Any) -> dict[str, Any]:
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0])}
    if isinstance(shape, dict):
        return _object(shape)
    choices = [each for each in shape.split(" | ") if each != "null"]
    if len(choices) > 1:
        return _nullable({"oneOf": [_schema(each) for each in choices]}, shape.endswith("null"))
    name = choices[0].removesuffix("~")
    found = dict(_TYPES.get(name, {"$ref": f"#/components/schemas/{name}"}))
    return _nullable(found, shape.endswith(("~", "null")))


def _nullable(schema: dict[str, Any], is_nullable: bool) -> dict[str, Any]:
    if not is_nullable:
        return schema
    if "$ref" in schema:
        schema = {"allOf": [schema]}
    return {**schema, "nullable": True}


def _object(members: dict[str, Any]) -> dict[str, Any]:
    if "*" in members:
        return {"type": "object", "additionalProperties": _schema(members["*"])}
    required, properties = [], {}
    for spelled, shape in members.items():
        name = spelled.rstrip("~!")
        properties[name] = _nullable(_schema(shape), spelled.endswith("~"))
        if "!" in spelled:
            required.append(name)
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return {**found, "required": required} if required else found


def openapi() -> dict[str, Any]:
    """The document that the vendor publishes, of these operations and without its prose."""
    tokens = {f"{name}!": "text+" for name in CONTRACT["tokens"]}
    requests = {operation["takes"] for operation in OPERATIONS.values()}
    schemas: dict[str, Any] = {
        name: _object({**(tokens if name in requests else {}), **shape})
        for name, shape in CONTRACT["shapes"].items()
    }
    for name, values in CONTRACT["enumerations"].items():
        schemas[name] = {"type": "string", "enum": values}
    return {
        "openapi": "3.0.4",
        "info": {"title": "Mews Connector API", "version": "v1"},
        "paths": {
            f"/api/connector/v1/{path}": {"post": _operation(path, operation)}
            for path, operation in OPERATIONS.items()
        },
        "components": {"schemas": schemas},
    }


def _operation(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    def content(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    answers = {"200": operation["answers"], **dict.fromkeys(("400", "401", "403"), ERROR)}
    return {
        "operationId": path.replace("/", "_"),
        "tags": [path.partition("/")[0]],
        "requestBody": {"required": True, "content": content(operation["takes"])},
        "responses": {
            status: {"description": status, "content": content(name)}
            for status, name in answers.items()
        },
    }


def json_schema(name: str) -> dict[str, Any]:
    """One shape and all it refers to, as JSON Schema: there null is a type of its own."""
    schemas = {key: _plain(each) for key, each in openapi()["components"]["schemas"].items()}
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if key != "nullable"}
    if "oneOf" in plain:
        plain["anyOf"] = plain.pop("oneOf")  # the vendor's alternatives overlap
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain
