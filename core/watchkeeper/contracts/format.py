"""What a format plugin is: how a framework's model becomes bytes and a model again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol, runtime_checkable


@runtime_checkable
class Format(Protocol):
    """Saves and loads models of one framework. The caller has checked the bytes' digest before `load`.

    A format whose files can run code when they are loaded, such as pickle, has an attribute ``runs_code = True``: it is
    used only when somebody asks for it by name, and its versions are loaded only when a signer vouches for them whom
    the project's policy trusts with that.
    """

    def handles(self, model: Any) -> bool:
        """Whether this format is for that object; cheap, and imports no framework that is not imported yet."""
        ...

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the model; return the record that `load` will need, such as trusted types.

        Raises
        ------
        DataError
            When the model cannot be saved in this format; the message says which part.
        """
        ...

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """Read what `save` wrote, and run nothing from it that `record` does not name.

        Raises
        ------
        IntegrityError
            When the bytes hold a type or code that the record does not name.
        DataError
            When the bytes are not of this format.
        """
        ...
