"""What a value must keep beyond its type, written beside the type as ``Annotated[int, AtLeast(1)]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import checked_name
from watchkeeper.domain.reserved_names import RESERVED_NAMES

from .problems import Problem, Wrong, did_you_mean, dotted, listed, mistaken, quoted, refused, said
from .secrets import check_form, is_secret, without_password
from .storage_url import storage_address


class InstalledPlugins(Protocol):
    """What the configuration asks of the plugin loader (`watchkeeper.plugins.Plugins`)."""

    def names(self, kind: Kind) -> tuple[str, ...]:
        """The names that are installed, found without importing any plugin."""
        ...

    def get(self, kind: Kind, name: str) -> Plugin:
        """The plugin, imported alone; a PluginError when it is missing or cannot be used."""
        ...


@attrs.define
class Context:
    """What a file's values are checked against."""

    plugins: InstalledPlugins
    folder: Path
    """Where relative paths begin: the folder of the file, absolute."""
    names: Mapping[str, tuple[str, ...]]
    """The names that the file gives in each section: ``models``, ``notifiers``…"""


@runtime_checkable
class Constraint(Protocol):
    """One thing that a value must keep."""

    def check(self, value: Any, context: Context) -> None:
        """Raise `Wrong` when the value does not keep it."""
        ...

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The same in JSON Schema, as far as that can say it."""
        ...


@attrs.frozen
class NotEmpty:
    """A text with at least one character, or an array with at least one item."""

    unit: str
    """``character`` or ``item``."""

    def check(self, value: Any, context: Context) -> None:
        """Refuse what is empty."""
        del context
        if len(value) == 0:
            raise said(f"is empty; expected at least one {self.unit}")

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The same."""
        del plugins
        return {"minLength": 1} if self.unit == "character" else {"minItems": 1}


@attrs.frozen
class FeatureName:
    """A column that can be watched: stored rows and measurements have no other thing of this name."""

    def check(self, value: Any, context: Context) -> None:
        """Refuse what would be hidden by that thing, and never watched."""
        del context
        if value in RESERVED_NAMES:
            raise said(
                f"is {quoted(value)}, a name that watchkeeper has for something else, so that the feature could not be "
                "watched; rename the column in your data"
            )

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The same."""
        del plugins
        return {"not": {"enum": list(RESERVED_NAMES)}}


@attrs.frozen
class Distinct:
    """No item twice; plugins and actions are told apart by their names, as their measurements are."""

    def check(self, value: Any, context: Context) -> None:
        """Refuse the second of two items with the same name."""
        del context
        names = [str(item) for item in value]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise said(f"holds {quoted(name)} twice; expected each item once")

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """JSON Schema has a word for items that are wholly equal."""
        del plugins
        return {"uniqueItems": True}


@attrs.frozen
class AtLeast:
    """A whole number with a smallest value."""

    smallest: int

    def check(self, value: Any, context: Context) -> None:
        """Refuse what is smaller."""
        del context
        if value < self.smallest:
            raise mistaken(value, f"a whole number, at least {self.smallest}")

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The same."""
        del plugins
        return {"minimum": self.smallest}


@attrs.frozen
class Inside:
    """A number between two others, neither of them included."""

    low: float
    high: float

    def check(self, value: Any, context: Context) -> None:
        """Refuse the borders and what lies beyond."""
        del context
        if not self.low < value < self.high:
            raise mistaken(value, f"a number above {self.low:g} and below {self.high:g}")

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The same."""
        del plugins
        return {"exclusiveMinimum": self.low, "exclusiveMaximum": self.high}


@attrs.frozen
class Named:
    """A name as the domain allows it."""

    what: str
    """What it names, for the message: ``name for a model``."""

    def check(self, value: Any, context: Context) -> None:
        """Refuse what `checked_name` refuses."""
        del context
        try:
            checked_name(value, self.what)
        except UsageError as refusal:
            raise Wrong(refused(refusal)) from None

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The pattern of `checked_name`."""
        del plugins
        return {"pattern": r"^(?!.*\.\.)[A-Za-z0-9]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?$"}


@attrs.frozen
class OneOf:
    """One of a few names that are known beforehand."""

    names: tuple[str, ...]

    def check(self, value: Any, context: Context) -> None:
        """Refuse any other, with the nearest."""
        del context
        if value not in self.names:
            told = f"names {quoted(value)}; expected one of {listed(self.names)}{did_you_mean(value, self.names)}"
            raise said(told)

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The same."""
        del plugins
        return {"enum": list(self.names)}


@attrs.frozen
class NameIn:
    """A name that another section of the file gives."""

    section: str

    def check(self, value: Any, context: Context) -> None:
        """Refuse a name that the section does not give."""
        check_reference(value, self.section, context)

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """JSON Schema cannot look elsewhere in the file."""
        del plugins
        return {}


def check_reference(name: str, section: str, context: Context) -> None:
    """Refuse a name that the section does not give."""
    known = context.names.get(section, ())
    if name in known:
        return
    there = f"the file has {listed(known)}" if known else f"the file has no [{section}.…] at all"
    raise said(f"names {quoted(name)}, and there is no [{section}.{name}]; {there}{did_you_mean(name, known)}")


@attrs.frozen
class InstalledStorage:
    """A storage URL whose scheme is the name of an installed storage plugin; a secret is looked at when it is used."""

    def check(self, value: Any, context: Context) -> None:
        """Refuse what is no URL, and a back end that is not installed."""
        if is_secret(value):
            check_form(value)
            return
        try:
            address = storage_address(value, context.folder)
        except UsageError as refusal:
            raise said(f"is {quoted(without_password(value))}; {refusal}") from None
        check_installed(Kind.STORAGE, address.name, context.plugins)

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """One of the installed schemes, or a secret."""
        schemes = "|".join(plugins.names(Kind.STORAGE))
        return {"pattern": rf"^(({schemes})://.*[^/].*|env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"}


def check_installed(kind: Kind, name: str, plugins: InstalledPlugins) -> None:
    """Refuse a name that no installed distribution provides."""
    names = plugins.names(kind)
    if name in names:
        return
    here = f"installed: {listed(names)}" if names else f"no {kind} plugin is installed"
    do = did_you_mean(name, names) or "; `pip install` the package that provides it, see `watchkeeper plugins list`"
    raise Wrong(Problem((), lambda path: f"{dotted(path)} asks for the {kind} plugin {quoted(name)}; {here}{do}"))
