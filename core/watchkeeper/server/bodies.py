"""Bodies in JSON: one object, with the fields that a schema names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from .problems import Refused
from .route import JSON, Schema
from .validating import Mistake, mistakes, shown

_MOST_BYTES: Final = 65_536
_MOST_TOLD: Final = 10


@attrs.frozen
class JsonBody:
    """An object; an empty body is an empty one."""

    schema: Schema
    most_bytes: int = _MOST_BYTES
    media_types: tuple[str, ...] = (JSON,)

    def parsed(self, content: bytes) -> Mapping[str, Any]:
        """Its fields; a `Refused` that names each that is not as expected."""
        found = _read(content) if content.strip() else {}
        wrong = list(mistakes(self.schema, found))
        if wrong:
            raise refusal(wrong)
        return dict(found)

    def described(self) -> dict[str, Any]:
        """The ``requestBody`` of OpenAPI."""
        return {"required": bool(self.schema.get("required")), "content": {JSON: {"schema": self.schema}}}


def refusal(wrong: list[Mistake]) -> Refused:
    """What says what is wrong: a sentence for each mistake, ten at most."""
    told = wrong[:_MOST_TOLD]
    sentence = "; ".join(one.sentence for one in told)
    if len(wrong) > len(told):
        sentence += f"; and {len(wrong) - len(told)} more"
    return Refused(422, sentence, errors=[attrs.asdict(one) for one in told])


def _read(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        why = "nested too deeply"
    except UnicodeDecodeError:
        why = "not UTF-8"
    except ValueError as error:
        why = f"no JSON ({str(error)[:80]})"
    raise refusal([Mistake("", f"{why}, beginning with {shown(content[:20])}", "an object in JSON")])


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
