"""Options of ``check`` and ``report`` that exclude one another."""

from __future__ import annotations


def require_alone(data: object, over: object) -> None:
    """Refuse files and long stretches beside ``--since``."""
    from watchkeeper.domain.errors import UsageError

    if data is not None or over is not None:
        other = "--data checks files" if data is not None else "--over judges one long stretch"
        raise UsageError(f"{other} and --since every window of the stored rows; give one of the two")


def require_no_word(act: bool | None, why: str) -> None:
    """Refuse ``--act`` and ``--look`` where what is done is settled."""
    from watchkeeper.domain.errors import UsageError

    if act is not None:
        raise UsageError(f"{why}; leave out {'--act' if act else '--look'}")


def require_no_version(version: object, why: str) -> None:
    """Refuse ``--version`` where one version cannot be told from others."""
    from watchkeeper.domain.errors import UsageError

    if version is not None:
        raise UsageError(f"{why}; leave out --version")


def require_no_each_file(each_file: bool) -> None:
    """Refuse ``--each-file`` without a folder."""
    from watchkeeper.domain.errors import UsageError

    if each_file:
        raise UsageError("--each-file is for the files of a folder; name it by --data")


def require_no_workers(executor: object, workers: object) -> None:
    """Refuse ``--executor`` and ``--workers`` where nothing is counted by workers."""
    from watchkeeper.domain.errors import UsageError

    if executor is not None or workers is not None:
        option = "--executor" if executor is not None else "--workers"
        raise UsageError(f"{option} is for a folder of Parquet files that is counted whole; leave it out")


def require_no_until(until: object) -> None:
    """Refuse ``--until`` beside a file."""
    from watchkeeper.domain.errors import UsageError

    if until is not None:
        raise UsageError("--data checks a whole file and --until a window of stored rows; give one of the two")


def require_order(since: str, until: str | None, since_us: int, until_us: int | None) -> None:
    """Refuse an end that is not after the begin."""
    from watchkeeper.domain.errors import UsageError

    if until_us is not None and since_us >= until_us:
        raise UsageError(f"--since {since} is not before --until {until}: give a later end, or leave out --until")
