"""Which parts of jinja2's language a rule's text may use: an allow-list over its syntax tree."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean

from .facts import LISTS, TOLD_FIELDS
from .template_filters import FILTERS

if TYPE_CHECKING:
    from jinja2 import nodes

MAX_DEPTH: Final = 32
_OF_LOOP: Final = ("first", "last", "index")
_LOOP: Final = "loop"
_ALLOWED: Final = frozenset(
    {
        "Template", "Output", "TemplateData", "Name", "Getattr", "Filter", "Const", "If", "CondExpr", "Compare",
        "Operand", "And", "Or", "Not", "Neg", "Pos", "Add", "Sub", "Mul", "Div", "For", "Test",
    }
)  # fmt: skip
_CALLED: Final = {
    "Call": "calls",
    "Getitem": "subscripts",
    "Pow": "powers",
    "Mod": "the operator %",
    "FloorDiv": "the operator //",
    "Concat": "the operator ~",
    "List": "lists",
    "Tuple": "tuples",
    "Dict": "dictionaries",
    "Assign": "set",
    "AssignBlock": "set",
    "CallBlock": "call",
    "FilterBlock": "filter blocks",
    "Macro": "macros",
    "Include": "include",
    "Import": "import",
    "FromImport": "import",
    "Extends": "extends",
    "Block": "blocks",
    "With": "with",
}
_TESTS: Final = ("defined", "undefined")


@attrs.frozen
class _Scope:
    """What stands around a node."""

    depth: int
    item: str | None = None
    """The name of the loop's item, inside a loop."""


def check_tree(tree: nodes.Template, names: Collection[str], text: str) -> None:
    """Refuse everything that is not allowed, and every name that nothing gives. O(nodes).

    Parameters
    ----------
    names
        What the text may speak of, beside `LISTS`.

    Raises
    ------
    ConfigError
        With the line, and what to write instead where that is known.
    """
    waiting: list[tuple[nodes.Node, _Scope]] = [(tree, _Scope(0))]
    while waiting:
        node, scope = waiting.pop()
        problem = _problem(node, scope, names)
        if problem is not None:
            raise template_error(text, node.lineno, problem)
        waiting += [(child, inner) for child, inner in _children(node, scope)]


def template_error(text: str, line: int, problem: str) -> ConfigError:
    """The error, with the text and the line in it."""
    one_line = " ".join(text.split())
    shown = one_line if len(one_line) <= 80 else one_line[:77] + "..."
    return ConfigError(f"text {shown!r}, line {line}: {problem}")


def _children(node: nodes.Node, scope: _Scope) -> Iterator[tuple[nodes.Node, _Scope]]:
    deeper = attrs.evolve(scope, depth=scope.depth + 1)
    if type(node).__name__ != "For":
        yield from ((child, deeper) for child in node.iter_child_nodes())
        return
    inside = attrs.evolve(deeper, item=getattr(node.target, "name", None))  # type: ignore[attr-defined]  # it is a For
    for child in node.iter_child_nodes(exclude=("target",)):
        yield child, deeper if child is node.iter or child in node.else_ else inside  # type: ignore[attr-defined]  # as above


def _problem(node: nodes.Node, scope: _Scope, names: Collection[str]) -> str | None:
    kind = type(node).__name__
    if kind not in _ALLOWED:
        return f"not allowed in a text: {_CALLED.get(kind, kind)}"
    if scope.depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH}"
    check = _CHECKS.get(kind)
    return check(node, scope, names) if check else None


def _name_problem(node: nodes.Node, scope: _Scope, names: Collection[str]) -> str | None:
    name = str(getattr(node, "name", ""))
    if name in names or name in LISTS or name == scope.item or (name == _LOOP and scope.item is not None):
        return None
    known = (*names, *LISTS)
    near = did_you_mean(name, known) or f"; expected one of {', '.join(sorted(known))}"
    return f"nothing is called {name!r} here{near}"


def _attribute_problem(node: nodes.Node, scope: _Scope, _names: Collection[str]) -> str | None:
    owner, attribute = getattr(getattr(node, "node", None), "name", None), str(getattr(node, "attr", ""))
    if scope.item is None or owner not in {scope.item, _LOOP}:
        return f"'.{attribute}' is only for the item of a loop, such as {{{{ one.feature }}}}"
    known = _OF_LOOP if owner == _LOOP else TOLD_FIELDS
    if attribute in known:
        return None
    return f"{owner} has no {attribute!r}{did_you_mean(attribute, known) or '; expected one of ' + ', '.join(known)}"


def _filter_problem(node: nodes.Node, _scope: _Scope, _names: Collection[str]) -> str | None:
    name = str(getattr(node, "name", ""))
    if name not in FILTERS:
        near = did_you_mean(name, FILTERS) or f"; expected one of {', '.join(sorted(FILTERS))}"
        return f"there is no filter {name!r}{near}"
    given = getattr(node, "args", [])
    if getattr(node, "kwargs", None) or getattr(node, "dyn_args", None) or getattr(node, "dyn_kwargs", None):
        return f"the filter {name!r} takes plain values only"
    if len(given) > 1 or any(type(one).__name__ != "Const" for one in given):
        return f"the filter {name!r} takes one plain value at most, such as a number or a text in quotes"
    return None


def _loop_problem(node: nodes.Node, scope: _Scope, names: Collection[str]) -> str | None:
    if scope.item is not None:
        return "a loop in a loop is not allowed"
    if getattr(node, "recursive", False):
        return "recursive loops are not allowed"
    target = getattr(getattr(node, "target", None), "name", None)
    if target is None:
        return "a loop has one item: write {% for one in features %}"
    if target in names or target in LISTS or target == _LOOP:
        return f"the item {target!r} has the name of something else: call it one"
    over = node.iter  # type: ignore[attr-defined]  # it is a For
    while type(over).__name__ == "Filter" and over.name == "top":
        over = over.node
    if getattr(over, "name", None) not in LISTS or type(over).__name__ != "Name":
        return f"a loop goes over {' or '.join(LISTS)}"
    return None


def _test_problem(node: nodes.Node, _scope: _Scope, _names: Collection[str]) -> str | None:
    name = str(getattr(node, "name", ""))
    return None if name in _TESTS else f"there is no test {name!r}; expected one of {', '.join(_TESTS)}"


def _data_problem(node: nodes.Node, _scope: _Scope, names: Collection[str]) -> str | None:
    data = str(getattr(node, "data", ""))
    for name in names:
        if f"{{{name}}}" in data or f"{{{name}:" in data:
            return f"{{{name}}} is not filled in a text with {{{{ }}}}: write {{{{ {name} }}}}"
    return None


_CHECKS: Final = {
    "Name": _name_problem,
    "Getattr": _attribute_problem,
    "Filter": _filter_problem,
    "For": _loop_problem,
    "Test": _test_problem,
    "TemplateData": _data_problem,
}
