"""The storage for tests keeps the storage contract, so that what passes on it means something."""

from __future__ import annotations

import pytest

from watchkeeper.testing import MemoryStorage, StorageContract


class TestMemoryStorage(StorageContract):
    @pytest.fixture
    def subject(self):
        return MemoryStorage()
