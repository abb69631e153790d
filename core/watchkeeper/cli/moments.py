"""Days and times as options give them."""

from __future__ import annotations

import typer


def moment(text: str, option: str, *, is_end: bool) -> int:
    """A day or time in ISO 8601 as UTC microseconds; a day means its begin, or its end."""
    from datetime import UTC, datetime, timedelta

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time; expected such as 2010-12-31 or 2010-12-31T16:00", param_hint=option
        ) from None
    if is_end and len(text) <= len("2010-12-31"):
        found += timedelta(days=1)
    return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1e6)


def end_moment(until: str | None) -> int | None:
    """What ``--until`` says as `moment` does; None when it was left out."""
    return None if until is None else moment(until, "--until", is_end=True)
