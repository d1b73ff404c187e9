"""An answer of Kibana, and what a refusal means for the person who asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dms_events.errors import DmsEventsError

__all__ = ["Answer", "KibanaError", "NotReadyError", "refusal"]

Json = dict[str, Any]

_LONGEST: Final = 500


class KibanaError(DmsEventsError):
    """Kibana cannot be reached, refuses what was asked, or is no Kibana."""


class NotReadyError(KibanaError):
    """Kibana starts, or nobody listens yet: it may answer later."""


class Answer(msgspec.Struct, frozen=True):
    """Status, headers (in any case of letters) and body of an answer from ``url``."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """Return the JSON object of the body.

        Raises:
            KibanaError: it is none, so this is no Kibana.
        """
        try:
            read = json.loads(self.body)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, dict):
            return read
        raise self.stranger()

    def stranger(self) -> KibanaError:
        """Return the error that no Kibana answers so."""
        return KibanaError(f"what answers at {self.url} is no Kibana (its port is 5601 by default)")

    def lines(self) -> list[Json]:
        """Return the JSON objects of an NDJSON body.

        Raises:
            KibanaError: it is none.
        """
        try:
            read = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            read = [None]
        if all(map(_is_object, read)):
            return read
        raise KibanaError(f"the Kibana at {self.url} exports something else than saved objects")

    def missing_objects(self) -> list[tuple[str, str]]:
        """Return type and id of the objects that an export does not find."""
        if self.status != 400:
            return []
        try:
            objects = self.json()["attributes"]["objects"]
            return [
                (one["type"], one["id"]) for one in objects if one["error"]["statusCode"] == 404
            ]
        except (KibanaError, LookupError, TypeError):
            return []

    def check_import(self) -> None:
        """Raise KibanaError if an object was not imported; Kibana answers 200 even then."""
        read = self.json()
        if read.get("success") is True:
            return
        errors = read.get("errors")
        said = [_object_error(one) for one in errors] if isinstance(errors, list) else []
        raise KibanaError(
            f"Kibana does not import the dashboards: {'; '.join(said) or _text(read)}"
        )


def refusal(answer: Answer, space: str) -> KibanaError | None:
    """Return the error that an answer means; None for a success."""
    url, status = answer.url, answer.status
    if "X-elastic-product" in answer.headers:
        return KibanaError(f"{url} is an Elasticsearch: name its Kibana (port 5601 by default)")
    match status:
        case 200:
            return None
        case 401:
            return KibanaError(
                f"the Kibana at {url} refuses the login: check the API key, or user and password"
            )
        case 403:
            return KibanaError(
                f"the Kibana at {url} does not allow it: the account needs the privilege All for "
                f"Dashboard, Data View Management and Saved Objects Management{_in(space)}"
            )
        case 404 if space:
            return KibanaError(f"the Kibana at {url} has no space {space!r}: make it first")
        case 301 | 302 | 303 | 307 | 308:
            place = answer.headers.get("Location", "elsewhere")
            return KibanaError(f"{url} redirects to {place}: name the place of Kibana itself")
        case 502 | 503 | 504:
            return NotReadyError(f"the Kibana at {url} is not ready yet (status {status})")
    try:
        said = _text(answer.json())
    except KibanaError as error:
        return error
    return KibanaError(f"the Kibana at {url} refuses it (status {status}): {said}")


def _is_object(read: object) -> bool:
    return (
        isinstance(read, dict)
        and {"id", "type"} <= read.keys()
        and isinstance(read.get("attributes"), dict)
    )


def _in(space: str) -> str:
    return f" in the space {space!r}" if space else ""


def _text(answer: Json) -> str:
    return str(answer.get("message") or answer.get("error") or answer)[:_LONGEST]


def _object_error(one: object) -> str:
    """Return an error of an import in words, with the object that it is about."""
    if not isinstance(one, dict) or not isinstance(one.get("error"), dict):
        return str(one)[:_LONGEST]
    error = one["error"]
    match error.get("type"):
        case "missing_references":
            ids = [str(reference.get("id")) for reference in error.get("references", [])]
            why = f"it refers to {', '.join(ids)}, which is not there"
        case "conflict" | "ambiguous_conflict":
            why = "another object has its id"
        case "unsupported_type":
            why = f"this Kibana has no objects of the type {one.get('type')}"
        case _:
            why = str(error.get("message") or error)[:_LONGEST]
    return f"{one.get('type')} {one.get('id')}: {why}"
