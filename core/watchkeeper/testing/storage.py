"""The checks that every storage back end must pass."""

from __future__ import annotations

from .storage_commits import CommitChecks
from .storage_contents import ContentsChecks
from .storage_documents import DocumentChecks
from .storage_keeping import KeepingChecks
from .storage_processes import ProcessChecks
from .storage_rows import RowChecks


class StorageContract(CommitChecks, RowChecks, DocumentChecks, KeepingChecks, ContentsChecks, ProcessChecks):
    """Subclass it in your tests and give a fixture ``subject``: an empty store, as `build` returns it.

    Three methods give the checks more to hold on to; those that need one are skipped until it is overridden:
    `opener` (how to open the same store once more, in any process), `written_by_newer` (make the store look as if a
    newer watchkeeper had written it) and `damage_blob` (change a stored blob's bytes behind the store's back).
    """
