"""OpenAPI 3.1 documents out of what the hub serves: routes, wire models, golden pairs, wordings of errors.

One document for each dialect and one for the hub's own API. Nothing is written down twice: where a
route names no model, its golden pairs say what its answers look like, and less is promised.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

import orderhub
from orderhub.dialects.contract import Dialect, Media, Route
from orderhub.web.docs.errors import Wording, wordings
from orderhub.web.docs.goldens import Golden, by_route, goldens_of, is_shown_whole, placed
from orderhub.web.docs.schemas import REF, Schema, Schemas, either, inferred, members

Json = dict[str, Any]
BEARER = "hub"
JSON = "application/json"
_PARAMETER = re.compile(r"\{(\w+)\}")
_NOT_WORD = re.compile(r"\W+")

_ABOUT = """{about}

Served by OrderHub. Every answer carries a `Request-Id`. A call that changes something takes an
`Idempotency-Key`: repeated with the same content it is answered byte for byte as the first time, with
`Idempotent-Replayed: true`. With `Hub-Dry-Run: true` it is answered as it would be and leaves nothing
behind. U+0000, JSON nested deeper than 64 levels and numbers beyond use are refused everywhere.
"""

_HEADERS: Json = {
    "RequestId": {
        "description": "Finds the log line of the call, and the event of the order.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "Replayed": {
        "description": "`true`: this is the answer that the key had the first time.",
        "schema": {"type": "string"},
    },
    "DryRun": {
        "description": "`true`: nothing of this has happened.",
        "schema": {"type": "string"},
    },
}
_PARAMETERS: Json = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Printable ASCII; the same call with the same key is done once.",
        "schema": {
            "type": "string",
            "maxLength": 255,
            # Blanks around it are no part of a header; what is left must be something.
            "pattern": "^[!-~](?:[ -~]*[!-~])?$",
        },
    },
    "DryRun": {
        "name": "Hub-Dry-Run",
        "in": "header",
        "description": "`true` (else `false`): answer as the real call would be, and leave nothing behind.",
        "schema": {"type": "string", "pattern": "^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"},
        "example": "true",
    },
}

# The headers of Standard Webhooks.
_SIGNED: list[Json] = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": about,
        "schema": {"type": "string"},
    }
    for name, about in (
        ("webhook-id", "The event's id, the same whenever it is sent again."),
        ("webhook-timestamp", "When it was sent, in seconds since 1970 UTC."),
        ("webhook-signature", "One or more `v1,…`, with spaces between; any that fits will do."),
    )
]


def document(dialect: Dialect) -> Json:
    """The dialect's OpenAPI document, as JSON values."""
    return _Writer(dialect).document()


class _Writer:
    """Writes one document."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._goldens = by_route(dialect.routes, goldens_of(dialect))
        self._schemas = Schemas((*_models(dialect.routes), *dialect.sends.values()))
        self._components: dict[str, Json] = {"schemas": {}, "responses": {}}
        self._failing = _failing_codes(dialect)

    def document(self) -> Json:
        paths: dict[str, Json] = {}
        for route in self._dialect.routes:
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": self._dialect.title,
                "version": orderhub.__version__,
                "description": _ABOUT.format(
                    about=inspect.cleandoc(self._dialect.about) or self._dialect.title
                ),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            **_if_any("tags", [{"name": tag} for tag in _tags(self._dialect.routes)]),
            "paths": paths,
            **_if_any("webhooks", {name: self._sent(name) for name in self._dialect.sends}),
            "components": {
                "schemas": {
                    **self._schemas.components,
                    **self._dialect.shapes,
                    **self._components["schemas"],
                },
                "responses": self._components["responses"],
                "headers": _HEADERS,
                "parameters": _PARAMETERS,
                "securitySchemes": _schemes(self._dialect),
            },
        }

    def _operation(self, route: Route) -> Json:
        operation: Json = {
            "operationId": _NOT_WORD.sub("_", f"{route.method.lower()}{route.path}").strip("_"),
            "summary": route.summary or route.path,
            **_if_any("tags", [route.tag] if route.tag else []),
        }
        about = described(route)
        if about:
            operation["description"] = about
        pairs = self._goldens[route.method, route.path]
        shown = [pair for pair in pairs if self._succeeded(pair)]
        parameters = [
            *(self._with_examples(each, shown) for each in _of_path(route)),
            *(self._with_examples(each, shown) for each in _spread(route.query, "query")),
            *_spread(route.headers, "header"),
        ]
        if route.mutates:
            applied = _PARAMETERS if route.idempotency_key else ("DryRun",)
            parameters += [{"$ref": f"#/components/parameters/{name}"} for name in applied]
        if parameters:
            operation["parameters"] = parameters
        if route.request is not None or (pairs and route.method != "GET"):
            body = self._request_body(route, pairs)
            if body:
                operation["requestBody"] = body
        operation["responses"] = self._responses(route, pairs)
        operation["security"] = _security(self._dialect, route)
        return operation

    def _sent(self, name: str) -> Json:
        """What is posted to a webhook."""
        message = {"schema": self._schemas.of(self._dialect.sends[name])}
        return {
            "post": {
                "operationId": _NOT_WORD.sub("_", f"sent {name}"),
                "summary": "What is posted to a webhook",
                "tags": ["webhooks"],
                "parameters": _SIGNED,
                "requestBody": {"content": {JSON: message}, "required": True},
                "responses": {
                    "204": {"description": "Taken, as with any 2xx; else it is sent again."}
                },
                "security": [],
            }
        }

    def _with_examples(self, parameter: Json, pairs: list[Golden]) -> Json:
        """The parameter with what the golden pairs have in its place."""
        found: Json = {}
        for pair in pairs:
            given = placed(self._dialect.routes, pair) if parameter["in"] == "path" else pair.query
            value = given.get(parameter["name"])
            if value is not None and is_shown_whole(value):
                is_number = str(value).isdecimal() and _takes_integers(parameter["schema"])
                found[pair.name] = {
                    "summary": pair.title,
                    "value": int(value) if is_number else value,
                }
        return {**parameter, **_if_any("examples", found)}

    # --- requests

    def _request_body(self, route: Route, pairs: list[Golden]) -> Json | None:
        shown = [
            pair
            for pair in pairs
            if pair.body is not msgspec.UNSET
            and self._succeeded(pair)
            and is_shown_whole(pair.body)
        ]
        media = JSON
        if isinstance(route.request, Media):
            media, schema = route.request.type, _of_media(route.request, self._schemas)
        elif route.request is not None:
            schema = self._schemas.of(route.request)
        elif shown:
            schema = {"type": "object"}
        else:
            return None
        content: Json = {"schema": schema}
        examples = dict(route.examples)
        if shown and (media == JSON or isinstance(shown[0].body, str)):
            examples |= {pair.name: {"summary": pair.title, "value": pair.body} for pair in shown}
        content |= _if_any("examples", examples)
        return {"content": {media: content}, "required": not route.optional_body}

    # --- answers

    def _responses(self, route: Route, pairs: list[Golden]) -> Json:
        errors = wordings(self._dialect, route)
        statuses = {status for status in route.answers if status < 400}
        if not statuses:
            statuses = {pair.status for pair in pairs if self._succeeded(pair)} or {200}
        found: dict[int, Json] = {}
        for status in statuses:
            shown = [p for p in pairs if p.status == status and self._succeeded(p)]
            found[status] = self._success(route, status, shown, errors.get(status, []))
        for status in (*errors, *(s for s in route.answers if s >= 400)):
            if status not in found:
                found[status] = self._failure(route, status, errors.get(status, []))
        return {str(status): found[status] for status in sorted(found)}

    def _success(
        self, route: Route, status: int, pairs: list[Golden], errors: list[Wording]
    ) -> Json:
        headers = {"Request-Id": _header("RequestId")}
        if route.mutates:
            headers |= {"Idempotent-Replayed": _header("Replayed")} if route.idempotency_key else {}
            headers["Hub-Dry-Run"] = _header("DryRun")
        answer: Json = {"description": HTTPStatus(status).phrase, "headers": headers}
        model = route.answers.get(status, ...)
        if model is None or status == 204:
            return answer
        if isinstance(model, Media):
            texts = {
                pair.name: {"summary": pair.title, "value": pair.answer}
                for pair in pairs
                if isinstance(pair.answer, str)
            }
            schema = _of_media(model, self._schemas)
            answer["content"] = {model.type: {"schema": schema, **_if_any("examples", texts)}}
            return answer
        others: tuple[Media, ...] = ()
        if isinstance(model, tuple):
            others = tuple(each for each in model if isinstance(each, Media))
            model = tuple(each for each in model if not isinstance(each, Media))
            model = model[0] if len(model) == 1 else model
        answers = [pair.answer for pair in pairs if pair.answer is not msgspec.UNSET]
        schema = inferred(answers) if model is ... else self._schemas.of(model)
        if errors and model is ... and "code" in schema.get("properties", {}):
            codes = sorted({each["code"] for each in answers})
            schema["properties"]["code"] = {"enum": codes}
        examples = {
            pair.name: {"summary": pair.title, "value": pair.answer}
            for pair in pairs
            if pair.answer is not msgspec.UNSET and is_shown_whole(pair.answer)
        }
        if errors:
            answer["description"] = "Done, or refused: the body tells"
            schema = either(schema, self._error_schema(route, status, errors))
            examples |= _shown(errors)
        answer["content"] = {JSON: {"schema": schema, **_if_any("examples", examples)}}
        for each in others:
            answer["content"][each.type] = {"schema": _of_media(each, self._schemas)}
        return answer

    def _failure(self, route: Route, status: int, errors: list[Wording]) -> Json:
        answer: Json = {
            "description": HTTPStatus(status).phrase,
            "headers": {"Request-Id": _header("RequestId")},
        }
        if any(name == "Retry-After" for each in errors for name, _ in each.answer.headers):
            answer["headers"]["Retry-After"] = _header("RetryAfter")
        schema = self._error_schema(route, status, errors)
        media = errors[0].media_type if errors else JSON
        content = {"schema": schema, **_if_any("examples", _shown(errors))}
        answer["content"] = {media: content}
        return self._shared(f"Error{status}", answer)

    def _error_schema(self, route: Route, status: int, errors: list[Wording]) -> Schema:
        model = route.answers.get(status) if status >= 400 else None
        if model is not None:
            return self._schemas.of(model)
        name = f"Error{status}"
        schemas = self._components["schemas"]
        schema = inferred([each.body for each in errors])
        if status < 400 and "code" in schema.get("properties", {}):
            schema["properties"]["code"] = {"enum": sorted(self._failing)}
        known = schemas.setdefault(name, schema)
        return {"$ref": f"{REF}{name}"} if known == schema else schema

    def _shared(self, name: str, answer: Json) -> Json:
        """Most operations fail in the same words: those are said once."""
        known = self._components["responses"].setdefault(name, answer)
        return {"$ref": f"#/components/responses/{name}"} if known == answer else answer

    def _succeeded(self, pair: Golden) -> bool:
        if pair.status >= 400:
            return False
        code = pair.answer.get("code") if isinstance(pair.answer, Mapping) else None
        return code is None or self._dialect.success in (None, code)


def _tags(routes: Iterable[Route]) -> list[str]:
    return [tag for tag in dict.fromkeys(route.tag for route in routes) if tag]


def _models(routes: Iterable[Route]) -> Iterator[Any]:
    for route in routes:
        for model in (route.request, *route.answers.values()):
            for each in model if isinstance(model, tuple) else (model,):
                found = each.model if isinstance(each, Media) else each
                if found not in (None, ..., bytes, str):
                    yield from found if isinstance(found, tuple) else (found,)


def _of_media(media: Media, schemas: Schemas) -> Schema:
    if media.model is bytes:
        return {"type": "string", "format": "binary"}
    if media.model is str:
        return {"type": "string"}
    return {
        "type": "string",
        "description": "One JSON object a line.",
        "x-line": schemas.of(media.model),
    }


def _failing_codes(dialect: Dialect) -> set[Any]:
    """The values of `code` that tell a failure where HTTP says 200."""
    return {
        each.body.get("code")
        for route in dialect.routes
        for errors in wordings(dialect, route).values()
        for each in errors
        if isinstance(each.body, Mapping)
    }


def _of_path(route: Route) -> list[Json]:
    known = {each["name"]: each for each in _spread(route.params, "path")}
    any_text = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": any_text, **known.get(name, {})}
        for name in _PARAMETER.findall(route.path)
    ]


def _takes_integers(schema: Schema) -> bool:
    return schema.get("type") == "integer" or any(map(_takes_integers, schema.get("anyOf", ())))


def _spread(model: Any, place: str) -> list[Json]:
    """The members of a model as parameters."""
    if model is None:
        return []
    properties, required = members(model)
    parameters = []
    for name, schema in properties.items():
        about = schema.get("description", "")
        kept = {k: v for k, v in schema.items() if k not in ("description", "default")}
        parameters.append(
            {
                "name": name,
                "in": place,
                **_if_any("description", about),
                **_if_any("required", name in required),
                "schema": kept,
            }
        )
    return parameters


def _security(dialect: Dialect, route: Route) -> list[Json]:
    if route.public:
        return []
    return [{BEARER: []}, *({name: [] for name in way} for way in dialect.security)]


def _schemes(dialect: Dialect) -> Json:
    bearer = {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the hub's own. It opens every dialect that it has the scope for.",
    }
    return {BEARER: bearer, **{n: dict(s) for way in dialect.security for n, s in way.items()}}


def described(route: Route) -> str:
    """What the handler's docstring says of the operation."""
    handler: Any = route.handler
    inner = getattr(handler, "handle", None) or inspect.unwrap(handler)
    return inspect.cleandoc(inner.__doc__) if inspect.isfunction(inner) and inner.__doc__ else ""


def _shown(errors: list[Wording]) -> Json:
    return {each.name: {"value": each.body} for each in errors if each.body is not None}


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}


def _if_any(name: str, value: Any) -> Json:
    return {name: value} if value else {}
