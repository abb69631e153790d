"""Contract suites without pytest, over classes and over installed plugins."""

from __future__ import annotations

import pickle
import unittest
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery
from watchkeeper.domain.errors import ConfigError, PluginMissing, UsageError
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import HOOK_OF_KIND, hookimpl
from watchkeeper.plugins import Plugins
from watchkeeper.testing import CheckResult, MemoryStorage, Outcome, check
from watchkeeper.testing.checking import checked_all, checked_one, option_values
from watchkeeper.testing.entry_points import entry_points_of
from watchkeeper.testing.running import check_names


class Grandparent:
    def test_first(self, subject):
        assert subject == "subject"

    def test_second(self):
        pass


class Contract(Grandparent):
    def test_third(self, subject, tmp_path):
        assert list(tmp_path.iterdir()) == [], "the folder is new"
        (tmp_path / "left behind").touch()

    def test_second(self):
        raise AssertionError("overridden")

    def helper(self):
        raise NotImplementedError


def test_checks_run_in_the_order_in_which_they_are_written_a_parents_first():
    assert check_names(Contract) == ("test_first", "test_second", "test_third")


def test_each_check_has_a_subject_and_a_folder_of_its_own():
    folders = []

    results = list(check(Contract, lambda folder: folders.append(folder) or "subject"))

    assert [result.outcome for result in results] == [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]
    assert len(set(folders)) == 2
    assert not any(folder.exists() for folder in folders)


def one_result(test, subject_factory=lambda _: "subject"):
    (result,) = check(type("Contract", (), {"test_it_works": test}), subject_factory)
    return result


def raising(error):
    def test(self, subject):
        raise error

    return test


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (AssertionError("found 3,\n expected 4"), Outcome.FAILED, "found 3, expected 4"),
        (AssertionError(), Outcome.FAILED, "AssertionError"),
        (ZeroDivisionError("division by zero"), Outcome.FAILED, "ZeroDivisionError: division by zero"),
        (SystemExit(1), Outcome.FAILED, "SystemExit: 1"),
        (unittest.SkipTest("no way to damage it"), Outcome.SKIPPED, "no way to damage it"),
    ],
    ids=lambda value: value.name if isinstance(value, Outcome) else "",
)
def test_what_a_check_raises_is_its_result(error, outcome, reason):
    assert one_result(raising(error)) == CheckResult("test_it_works", outcome, reason)


def test_a_check_that_asks_for_something_else_says_what_it_may_ask_for():
    result = one_result(lambda self, monkeypatch: None)

    assert result.reason.endswith("asks for 'monkeypatch', expected only subject and tmp_path")


def test_a_subject_that_cannot_be_made_fails_the_check():
    assert one_result(lambda self, subject: None, lambda _: 1 / 0).reason == "ZeroDivisionError: division by zero"


def test_a_subject_is_closed_after_its_check_even_when_that_raises():
    closed = []

    class Subject:
        def close(self):
            closed.append(True)
            raise OSError("gone")

    assert one_result(raising(ValueError()), lambda _: Subject()).outcome is Outcome.FAILED
    assert closed == [True]


def test_a_keyboard_interrupt_ends_the_checks():
    with pytest.raises(KeyboardInterrupt):
        one_result(raising(KeyboardInterrupt()))


def test_a_check_reads_as_a_sentence():
    assert CheckResult("test_it_can_be_closed_twice", Outcome.PASSED).sentence == "it can be closed twice"


def test_the_suites_are_exported_lazily_and_an_unknown_name_is_an_attribute_error():
    from watchkeeper import testing

    for kind in Kind:
        assert testing.contract_of(kind) is getattr(testing, f"{kind.value.capitalize()}Contract")
    with pytest.raises(AttributeError, match="has no attribute 'MetrikContract'"):
        testing.MetrikContract  # noqa: B018 - reading it is the test
    assert set(testing.__all__) == {*testing._MODULES, "contract_of"}


@attrs.frozen
class FileOptions:
    path: Path


class FileNotifier:
    def __init__(self, options):
        self.path = options.path

    def send(self, notification):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(notification.key + "\n")
        return Delivery(str(self.path))

    def close(self):
        pass


class FileStorage(MemoryStorage):
    def __init__(self, options):
        super().__init__()
        self.path = options.path


class Lying:
    """Gives 0 for what is undefined."""

    tasks = frozenset(Task)
    higher_is_better = True

    def compute(self, evaluation):
        return Value.of(0.0, samples=len(evaluation))


def offering(plugin):
    @hookimpl
    def hook():
        yield plugin

    return SimpleNamespace(**{HOOK_OF_KIND[plugin.kind]: hook})


def installed(*plugins):
    return Plugins(entry_points_of("mine", {plugin.title: offering(plugin) for plugin in plugins}))


FILE = Plugin(Kind.NOTIFIER, "file", FileNotifier, FileOptions)
LYING = Plugin(Kind.METRIC, "lying", lambda _: Lying())


def test_a_plugin_with_options_is_checked_in_a_folder_of_each_checks_own():
    found = checked_one(installed(FILE), "notifier.file", {"path": "{tmp_path}/sent.jsonl"})

    assert found.outcome is Outcome.PASSED
    assert len(found.results) > 5
    assert {result.outcome for result in found.results} == {Outcome.PASSED}


def test_a_plugin_that_breaks_its_contract_fails_with_the_checks_that_found_it():
    found = checked_one(installed(LYING), "metric.lying", {})

    failed = {result.name: result.reason for result in found.results if result.outcome is Outcome.FAILED}
    assert not found.is_ok
    assert "test_an_empty_window_is_undefined" in failed


def test_a_plugin_that_cannot_be_built_fails_with_the_reason():
    found = checked_one(installed(Plugin(Kind.METRIC, "none", lambda _: None)), "metric.none", {})

    assert not found.is_ok
    assert found.results == ()
    assert "build returned a NoneType, which is no Metric" in found.reason


def test_wrong_options_are_a_config_error_before_any_check():
    with pytest.raises(ConfigError, match=r"^notifier\.file: path: missing, expected a path$"):
        checked_one(installed(FILE), "notifier.file", {})


def test_a_plugin_that_is_not_there_is_missing():
    with pytest.raises(
        PluginMissing, match=r"there is no plugin 'notifier\.fiel'; installed: file; did you mean 'file'"
    ):
        checked_one(installed(FILE), "notifier.fiel", {})


def test_without_a_name_only_what_is_harmless_and_needs_nothing_is_checked():
    speaking = Plugin(Kind.NOTIFIER, "speaking", lambda _: FileNotifier(FileOptions(Path("/dev/null"))))
    missing = Plugin(Kind.METRIC, "heavy", lambda _: __import__("a_package_that_nobody_has"), extra="heavy")
    broken = Plugin(Kind.METRIC, "none", lambda _: None)
    observer = SimpleNamespace(watchkeeper_alert_changed=hookimpl(lambda alert: None))
    plugins = Plugins(
        entry_points_of(
            "mine",
            {
                "observer.audit": observer,
                **{each.title: offering(each) for each in (FILE, speaking, missing, broken, LYING)},
            },
        )
    )
    told = []

    found = {each.plugin: each for each in checked_all(plugins, told.append)}

    assert told == [
        "metric.heavy",
        "metric.lying",
        "metric.none",
        "notifier.file",
        "notifier.speaking",
        "observer.audit",
    ]
    assert {name: each.outcome.value for name, each in found.items()} == {
        "metric.heavy": "skipped",
        "metric.lying": "failed",
        "metric.none": "failed",
        "notifier.file": "skipped",
        "notifier.speaking": "skipped",
        "observer.audit": "passed",
    }
    assert found["metric.heavy"].reason.endswith('pip install "mine[heavy]"')
    assert found["notifier.file"].reason == (
        "it needs options: watchkeeper plugins check notifier.file --option path=…"
    )
    assert found["notifier.speaking"].reason == (
        "checking it really sends: watchkeeper plugins check notifier.speaking"
    )


def test_an_observer_is_checked_by_loading_it():
    observer = SimpleNamespace(watchkeeper_alert_changed=hookimpl(lambda alert: None))

    assert checked_one(Plugins(entry_points_of("mine", {"observer.audit": observer})), "observer.audit", {}).is_ok


def test_a_storage_is_opened_again_with_the_options_of_its_check(monkeypatch):
    class Suite:
        def opener(self, subject):
            raise NotImplementedError

        def test_first(self, subject):
            assert pickle.loads(pickle.dumps(self.opener(subject)))().path == subject.path  # noqa: S301 - our own bytes

        def test_second(self, subject, tmp_path):
            assert self.opener(subject)().path == tmp_path / "store"

    monkeypatch.setattr("watchkeeper.testing.checking.contract_of", {Kind.STORAGE: Suite}.get)
    plugins = installed(Plugin(Kind.STORAGE, "files", FileStorage, FileOptions))

    found = checked_one(plugins, "storage.files", {"path": "{tmp_path}/store"})

    assert [result.outcome for result in found.results] == [Outcome.PASSED, Outcome.PASSED], found.results


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=2", 2),
        ("n=2.5", 2.5),
        ("n=true", True),
        ("n=[1, 2]", [1, 2]),
        ('n={ A = "b" }', {"A": "b"}),
        ('n="quoted"', "quoted"),
        ("n=plain text", "plain text"),
        ("n=https://example.org/?a=b", "https://example.org/?a=b"),
        ("n=", ""),
        ("n=1\nm = 2", "1\nm = 2"),
    ],
)
def test_an_option_is_a_toml_value_or_else_text(text, value):
    assert option_values([text]) == {"n": value}


@pytest.mark.parametrize("text", ["workers", "=3", ""])
def test_an_option_without_a_key_is_a_usage_error(text):
    with pytest.raises(UsageError, match=r"is not an option, expected KEY=VALUE such as workers=2"):
        option_values([text])
