"""The loader: each entry point alone, each failure a row with its reason, and the others go on."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import attrs
import pytest

from watchkeeper.contracts.plugin import API, Kind, Plugin
from watchkeeper.domain.errors import (
    ConfigError,
    ExtraMissing,
    PluginBroken,
    PluginMissing,
    StoreBusy,
    UsageError,
)
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import HOOK_OF_KIND, hookimpl
from watchkeeper.plugins import Plugins, split_title
from watchkeeper.testing.entry_points import entry_point_that, entry_points_of


class Half:
    """The smallest metric."""

    tasks = frozenset(Task)
    higher_is_better = True

    def compute(self, evaluation):
        return Value.of(0.5, samples=len(evaluation))


@attrs.frozen
class TopOptions:
    count: int
    label: str = "best"


def metric(name="half", build=lambda _: Half(), **fields):
    return Plugin(Kind.METRIC, name, build, **fields)


def offering(*plugins, kind=Kind.METRIC):
    """A module whose hook yields these."""

    @hookimpl
    def hook():
        yield from plugins

    return SimpleNamespace(**{HOOK_OF_KIND[kind]: hook})


def implementing(**hooks):
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


WELL = entry_points_of("watchkeeper", {"metric.half": offering(metric(summary="Always a half"))}, version="0.1.0")


def reason_for(module, title="metric.faulty"):
    """The reason in the faulty plugin's row; the built-in beside it must work."""
    plugins = Plugins([*entry_points_of("faulty-metrics", {title: module}), *WELL])
    rows = {row.title: row for row in plugins.rows()}
    assert rows["metric.half"].is_ok
    assert plugins.build("metric", "half") is not None
    assert not rows[title].is_ok
    return rows[title].reason


def test_names_are_known_without_an_import():
    def explode():
        raise AssertionError("imported")

    plugins = Plugins([entry_point_that("metric.b", explode), entry_point_that("metric.a", explode)])

    assert plugins.names(Kind.METRIC) == ("a", "b")
    assert plugins.names("drift") == ()


def test_getting_a_plugin_imports_it_alone():
    imported = []

    def loads(name):
        imported.append(name)
        return offering(metric(name))

    plugins = Plugins([entry_point_that(f"metric.{name}", lambda name=name: loads(name)) for name in "abc"])

    assert plugins.get("metric", "b").title == "metric.b"
    assert imported == ["b"]


def test_a_plugin_is_imported_once_however_often_it_is_asked_for():
    imported = []
    plugins = Plugins([entry_point_that("metric.half", lambda: imported.append(1) or offering(metric()))])

    assert plugins.get("metric", "half") is plugins.get("metric", "half")
    assert imported == [1]


def test_a_plugin_is_imported_once_when_many_threads_ask_for_it_together():
    imported, gate = [], threading.Barrier(8)
    plugins = Plugins([entry_point_that("metric.half", lambda: imported.append(1) or offering(metric()))])
    found = []

    def ask():
        gate.wait(timeout=30)
        found.append(plugins.get("metric", "half"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert imported == [1]
    assert len({id(plugin) for plugin in found}) == 1


def test_two_catalogues_in_one_process_do_not_see_each_other():
    first, second = Plugins(WELL), Plugins([])

    assert first.names("metric") == ("half",)
    assert second.names("metric") == ()


def test_a_missing_plugin_is_named_with_the_nearest_and_all_there_are():
    with pytest.raises(PluginMissing) as caught:
        Plugins(WELL).get("metric", "hlaf")

    assert str(caught.value) == "there is no plugin 'metric.hlaf'; installed: half; did you mean 'half'?"


def test_a_missing_plugin_of_a_kind_that_has_none_says_so():
    with pytest.raises(PluginMissing, match=r"^there is no plugin 'drift.ks'; no drift plugin is installed$"):
        Plugins(WELL).get("drift", "ks")


def test_an_unknown_kind_is_a_usage_error_with_the_nearest_kind():
    with pytest.raises(UsageError) as caught:
        Plugins(WELL).names("metrics")

    assert str(caught.value) == (
        "'metrics' is not a kind of plugin, expected one of metric, drift, weighting, explainer, notifier, storage, "
        "format, executor, observer; did you mean 'metric'?"
    )


@pytest.mark.parametrize("text", ["accuracy", "metric.", "."])
def test_a_title_without_a_kind_or_a_name_is_a_usage_error(text):
    with pytest.raises(UsageError, match=r"is not a plugin's name, expected <kind>\.<name> such as metric\.accuracy"):
        split_title(text)


def test_a_title_is_split_at_its_first_dot():
    assert split_title("metric.desk.sharpe") == ("metric", "desk.sharpe")


def test_a_source_checkout_that_is_not_installed_is_told_apart_from_a_missing_plugin(monkeypatch):
    monkeypatch.setattr("watchkeeper.plugins.candidates.distributions", lambda: iter(()))

    with pytest.raises(PluginMissing, match=r"watchkeeper is not installed.*source checkout.*pip install -e \."):
        Plugins().rows()


def test_a_distribution_with_a_damaged_entry_points_file_does_not_stop_the_others(monkeypatch, caplog):
    from importlib.metadata import distributions

    class Damaged:
        @property
        def entry_points(self):
            raise ValueError("entry_points.txt, line 3: no '='")

    monkeypatch.setattr("watchkeeper.plugins.candidates.distributions", lambda: iter([Damaged(), *distributions()]))

    assert "accuracy" in Plugins().names("metric")
    assert "line 3: no '='" in caplog.text


def test_a_working_row_tells_whose_it_is_and_what_it_does():
    (row,) = Plugins(WELL).rows()

    assert (row.kind, row.name, row.is_ok, row.reason, row.api) == ("metric", "half", True, "", 1)
    assert (row.distribution, row.distribution_version, row.summary) == ("watchkeeper", "0.1.0", "Always a half")
    assert row.target == "watchkeeper.metric_half"


def test_rows_are_in_the_order_of_kinds_then_names():
    points = entry_points_of(
        "mine", {"observer.x": SimpleNamespace(), "drift.b": SimpleNamespace(), "drift.a": SimpleNamespace()}
    )

    titles = [row.title for row in Plugins([*points, *WELL]).rows()]

    assert titles == ["metric.half", "drift.a", "drift.b", "observer.x"]


@pytest.mark.parametrize("error", [RuntimeError("no licence"), SystemExit(3), GeneratorExit("over")], ids=repr)
def test_a_plugin_that_raises_at_import_is_a_row(error):
    def loads():
        raise error

    plugins = Plugins([entry_point_that("metric.faulty", loads), *WELL])
    rows = {row.title: row for row in plugins.rows()}

    assert rows["metric.half"].is_ok
    assert rows["metric.faulty"].reason.startswith("importing mine.metric_faulty raised " + type(error).__name__)
    with pytest.raises(PluginBroken, match=r"^plugin metric\.faulty of mine is broken: importing "):
        plugins.get("metric", "faulty")


def test_a_keyboard_interrupt_during_an_import_comes_from_the_user_and_passes():
    def loads():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Plugins([entry_point_that("metric.slow", loads)]).rows()


def test_an_exception_whose_message_cannot_be_read_is_still_a_row():
    class Unspeakable(Exception):
        def __str__(self):
            raise ValueError("again")

    def loads():
        raise Unspeakable

    (row,) = Plugins([entry_point_that("metric.faulty", loads)]).rows()

    assert row.reason.endswith("raised Unspeakable: (its message cannot be read: ValueError)")


def test_a_real_module_that_fails_at_import_is_a_row(tmp_path, monkeypatch):
    from importlib.metadata import EntryPoint

    (tmp_path / "faulty_real_module.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)

    (row,) = Plugins([EntryPoint("metric.real", "faulty_real_module", "watchkeeper")]).rows()

    assert row.reason == (
        "importing faulty_real_module raised ModuleNotFoundError: No module named 'a_package_that_nobody_has'"
    )
    assert "faulty_real_module" not in sys.modules


@pytest.mark.parametrize(
    ("number", "advice"), [(9, "upgrade watchkeeper"), (0, "upgrade faulty-metrics"), ("1", "upgrade watchkeeper")]
)
def test_a_wrong_api_number_says_which_are_accepted_and_who_must_move(number, advice):
    reason = reason_for(offering(metric("faulty", api=number)))

    assert reason == (
        f"it was written for version {number} of the metric contract, this watchkeeper accepts 1: {advice}"
    )


def test_the_contract_before_the_current_one_is_accepted(monkeypatch):
    monkeypatch.setitem(API, Kind.METRIC, 3)
    modules = {f"metric.v{number}": offering(metric(f"v{number}", api=number)) for number in (1, 2, 3, 4)}

    rows = Plugins(entry_points_of("mine", modules)).rows()

    assert [row.is_ok for row in rows] == [False, True, True, False]
    assert rows[0].reason.endswith("this watchkeeper accepts 2 and 3: upgrade mine")


def test_a_misspelt_hook_is_named_with_the_nearest():
    reason = reason_for(implementing(watchkeeper_metric=lambda: [metric("faulty")]))

    assert reason == (
        "it implements a hook that does not exist: 'watchkeeper_metric'; did you mean 'watchkeeper_metrics'?"
    )


def test_a_misspelt_hook_beside_a_right_one_is_not_overlooked():
    module = offering(metric("faulty"))
    module.watchkeeper_alert_chnaged = hookimpl(lambda alert: None)

    assert "'watchkeeper_alert_chnaged'; did you mean 'watchkeeper_alert_changed'?" in reason_for(module)


def test_a_hook_with_an_unknown_argument_is_a_row():
    reason = reason_for(implementing(watchkeeper_metrics=lambda config: []))

    assert "Argument(s) {'config'} are declared in the hookimpl but can not be found in the hookspec" in reason


def test_a_hook_without_its_mark_says_what_to_add():
    reason = reason_for(SimpleNamespace(watchkeeper_metrics=lambda: [metric("faulty")]))

    assert reason.endswith(
        "does not implement watchkeeper_metrics: there is a function of that name, mark it with @hookimpl"
    )


def test_a_module_with_the_hook_of_another_kind_says_which_it_has():
    reason = reason_for(implementing(watchkeeper_notifiers=lambda: ()))

    assert reason.endswith("does not implement watchkeeper_metrics, it implements watchkeeper_notifiers")


def test_a_module_without_any_hook_says_so():
    assert reason_for(SimpleNamespace()).endswith("it implements no hook at all")


def test_an_entry_point_at_a_class_asks_for_an_instance():
    class Module:
        pass

    assert reason_for(Module).endswith("is a class, expected a module or an object: make an instance")


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (lambda: None, "watchkeeper_metrics returned None, expected it to yield a Plugin"),
        (lambda: metric("faulty"), "watchkeeper_metrics returned a Plugin, expected it to yield a Plugin"),
        (lambda: ["faulty"], "watchkeeper_metrics yielded a str, expected a Plugin"),
        (lambda: 1 / 0, "watchkeeper_metrics raised ZeroDivisionError: division by zero"),
        (lambda: (1 / 0 for _ in "a"), "watchkeeper_metrics raised ZeroDivisionError: division by zero"),
        (lambda: [Plugin("metrc", "faulty", Half)], "raised ValueError: 'metrc' is not a valid Kind"),
    ],
    ids=["None", "the plugin itself", "a name", "raises", "raises while yielding", "an unknown kind"],
)
def test_a_hook_that_yields_no_plugin_is_a_row(hook, reason):
    assert reason in reason_for(implementing(watchkeeper_metrics=hook))


def test_an_entry_point_that_disagrees_with_its_plugin_names_both():
    reason = reason_for(offering(metric("fualty")))

    assert reason == (
        "its entry point is named 'metric.faulty' and watchkeeper_metrics yielded metric.fualty: the two must agree"
    )


def test_an_entry_point_whose_plugin_is_of_another_kind_names_both():
    reason = reason_for(offering(Plugin(Kind.DRIFT, "faulty", Half)))

    assert "its entry point is named 'metric.faulty' and watchkeeper_metrics yielded drift.faulty" in reason


def test_a_module_may_yield_several_plugins_with_an_entry_point_each():
    module = offering(metric("a"), metric("b"))

    rows = Plugins(entry_points_of("mine", {"metric.a": module, "metric.b": module})).rows()

    assert [(row.title, row.is_ok) for row in rows] == [("metric.a", True), ("metric.b", True)]


def test_a_plugin_that_is_yielded_twice_is_a_row():
    assert reason_for(offering(metric("faulty"), metric("faulty"))).endswith(
        "yielded metric.faulty 2 times, expected once"
    )


def test_options_that_are_no_attrs_class_are_a_row():
    assert reason_for(offering(metric("faulty", options=dict))) == "its options are 'dict', expected an attrs class"


def test_a_build_that_cannot_be_called_is_a_row():
    reason = reason_for(offering(metric("faulty", build="module:function")))

    assert reason == "its build is a str, expected a function of the options"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("metrc.f1", "expected <kind>.<name> with a kind of metric, drift"),
        ("metrc.f1", "observer; did you mean 'metric'?"),
        ("accuracy", "the entry point is named 'accuracy', expected <kind>.<name>"),
        ("metric.", "the entry point is named 'metric.', expected <kind>.<name>"),
    ],
)
def test_a_misnamed_entry_point_is_a_row(name, reason):
    (row,) = Plugins(entry_points_of("mine", {name: offering(metric())})).rows()

    assert not row.is_ok
    assert reason in row.reason


def test_nobody_can_take_a_built_in_name_wherever_it_stands():
    mine = offering(metric("half", lambda _: 1 / 0, summary="Taken over"))
    plugins = Plugins([*entry_points_of("a-first-name", {"metric.half": mine}), *WELL])

    rows = plugins.rows()

    assert [(row.distribution, row.is_ok) for row in rows] == [("watchkeeper", True), ("a-first-name", False)]
    assert rows[1].reason == (
        "the name metric.half is taken by watchkeeper (watchkeeper.metric_half), which comes first: give this plugin "
        "another name"
    )
    assert plugins.get("metric", "half").summary == "Always a half"


def test_of_two_third_parties_the_first_by_distribution_name_wins_in_any_order():
    points = [entry_points_of(name, {"metric.half": offering(metric(summary=name))})[0] for name in ("bbb", "aaa")]

    for order in (points, points[::-1]):
        assert Plugins(order).get("metric", "half").summary == "aaa"


def test_a_taken_name_is_not_imported():
    def explode():
        raise AssertionError("imported")

    plugins = Plugins([entry_point_that("metric.half", explode), *WELL])

    assert [row.is_ok for row in plugins.rows()] == [True, False]


class NotAMetric:
    tasks = frozenset(Task)


class WrongSignature(Half):
    def compute(self, evaluation, threshold):
        return Value.of(0.0)


class Async(Half):
    async def compute(self, evaluation):
        return Value.of(0.0)


class NotCallable(Half):
    compute = "later"


class Explosive(Half):
    @property
    def tasks(self):
        raise RuntimeError("not yet")


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (
            lambda _: None,
            "build returned a NoneType, which is no Metric: tasks is missing; higher_is_better is missing;",
        ),
        (lambda _: NotAMetric(), "which is no Metric: higher_is_better is missing; compute is missing"),
        (lambda _: Half, "build returned the class Half, expected an object: call it"),
        (lambda _: WrongSignature(), "compute(evaluation) cannot be called: missing a required argument: 'threshold'"),
        (lambda _: Async(), "compute is async, expected a plain method"),
        (lambda _: NotCallable(), "compute is str, expected a method"),
        (lambda _: Explosive(), "reading tasks raised RuntimeError: not yet"),
        (lambda _: 1 / 0, "build raised ZeroDivisionError: division by zero"),
        (lambda _: sys.exit("bye"), "build raised SystemExit: bye"),
        (Half, "build raised TypeError"),
    ],
    ids=[
        "None",
        "half of it",
        "a class",
        "signature",
        "async",
        "not callable",
        "explosive",
        "raises",
        "exits",
        "no options",
    ],
)
def test_a_wrong_typed_build_is_a_row_that_says_what_is_missing(build, reason):
    assert reason in reason_for(offering(metric("faulty", build)))


def test_a_wrong_typed_build_cannot_be_built():
    plugins = Plugins(entry_points_of("mine", {"metric.faulty": offering(metric("faulty", lambda _: None))}))

    with pytest.raises(
        PluginBroken, match=r"^plugin metric\.faulty of mine is broken: build returned a NoneType, which"
    ):
        plugins.build("metric", "faulty")


def test_optional_arguments_must_be_taken_by_name():
    class Mute:
        def commit(self, operations, level=None):
            """Renames `durability`, and knows neither `writer` nor `seq`."""

        scan = keys = span = get = find = put_blob = open_blob = read_log = maintain = describe = close = commit

    plugins = Plugins(
        entry_points_of(
            "mine", {"storage.mute": offering(Plugin(Kind.STORAGE, "mute", lambda _: Mute()), kind=Kind.STORAGE)}
        )
    )

    with pytest.raises(
        PluginBroken, match=r"commit\(operations, durability=, writer=, seq=\) cannot be called: got an"
    ):
        plugins.build("storage", "mute")


def test_what_a_plugin_raises_in_our_words_passes_as_it_is():
    def build(_):
        raise StoreBusy("another process keeps the lock")

    module = offering(Plugin(Kind.STORAGE, "busy", build), kind=Kind.STORAGE)

    with pytest.raises(StoreBusy, match="another process keeps the lock"):
        Plugins(entry_points_of("mine", {"storage.busy": module})).build("storage", "busy")


def test_a_plugin_that_refuses_to_start_without_options_is_not_broken():
    def build(_):
        raise ConfigError("give a url or a file")

    (row,) = Plugins(entry_points_of("mine", {"metric.half": offering(metric(build=build))})).rows()

    assert row.is_ok
    assert row.reason == "not built without options: give a url or a file"


def test_a_plugin_says_which_module_it_lacks_before_it_is_needed():
    late = metric("late", extra="heavy", modules=("json", "no_such_module_of_ours"))
    asking = Plugin(Kind.STORAGE, "far", lambda _: Half(), extra="heavy", modules=("no_such_module_of_ours",))
    there = metric("there", extra="heavy", modules=("json",))
    plugins = Plugins(
        entry_points_of(
            "mine",
            {
                "metric.late": offering(late),
                "storage.far": offering(asking, kind=Kind.STORAGE),
                "metric.there": offering(there),
            },
        )
    )

    rows = {row.title: row for row in plugins.rows()}

    for title in ("metric.late", "storage.far"):
        told = f"{title} needs the module 'no_such_module_of_ours', which is not installed: pip install \"mine[heavy]\""
        assert (rows[title].is_ok, rows[title].reason) == (True, told)
        assert rows[title].needs == 'pip install "mine[heavy]"'
    assert (rows["metric.there"].reason, rows["metric.there"].needs) == ("", "")


def test_every_built_in_plugin_with_an_extra_is_looked_for_or_built():
    named = {"apprise", "dask", "keras", "lightgbm", "onnx", "postgresql", "torch", "xgboost"}
    plugins = Plugins()
    found = {row.name: plugins.get(row.kind, row.name).modules for row in plugins.rows() if row.name in named}
    assert found.keys() == named
    assert all(found.values())


def needing(package, extra, **fields):
    def build(_):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    return offering(metric("heavy", build, extra=extra, **fields))


def test_a_missing_extra_says_the_exact_pip_line():
    plugins = Plugins(entry_points_of("watchkeeper", {"metric.heavy": needing("shap.explainers", "explain")}))

    with pytest.raises(ExtraMissing) as caught:
        plugins.build("metric", "heavy")

    assert str(caught.value) == (
        "metric.heavy needs the module 'shap', which is not installed: pip install \"watchkeeper[explain]\""
    )


def test_a_missing_extra_of_a_third_party_names_its_own_distribution():
    plugins = Plugins(entry_points_of("Desk-Metrics", {"metric.heavy": needing("shap", "fast")}))

    with pytest.raises(ExtraMissing, match=r'pip install "Desk-Metrics\[fast\]"$'):
        plugins.build("metric", "heavy")


def test_a_missing_extra_is_no_fault_in_the_list():
    (row,) = Plugins(entry_points_of("watchkeeper", {"metric.heavy": needing("shap", "explain")})).rows()

    assert row.is_ok
    assert row.needs == 'pip install "watchkeeper[explain]"'
    assert "'shap', which is not installed" in row.reason


def test_a_missing_module_without_an_extra_is_a_fault():
    reason = reason_for(offering(metric("faulty", needing("shap", None).watchkeeper_metrics().__next__().build)))

    assert reason == "build needs the module 'shap', which is not installed, and names no extra for it"


def test_a_module_missing_from_the_plugins_own_package_is_a_fault_whatever_its_extra():
    plugins = Plugins(entry_points_of("desk_metrics", {"metric.heavy": needing("desk_metrics.fastt", "fast")}))

    with pytest.raises(PluginBroken, match=r"build raised ModuleNotFoundError: No module named 'desk_metrics\.fastt'"):
        plugins.build("metric", "heavy")


def test_what_a_list_builds_it_also_closes():
    closed = []

    class Closing(Half):
        def close(self):
            closed.append(self)
            raise RuntimeError("already gone")

    Plugins(entry_points_of("mine", {"metric.half": offering(metric(build=lambda _: Closing()))})).rows()

    assert len(closed) == 1


def test_a_list_builds_no_storage_and_nothing_that_needs_options():
    def explode(_):
        raise AssertionError("built")

    modules = {
        "storage.files": offering(Plugin(Kind.STORAGE, "files", explode), kind=Kind.STORAGE),
        "metric.top": offering(metric("top", explode, options=TopOptions)),
    }

    assert all(row.is_ok for row in Plugins(entry_points_of("mine", modules)).rows())


def test_options_are_read_as_the_plugins_own_class():
    built_with = []
    module = offering(metric("top", lambda options: built_with.append(options) or Half(), options=TopOptions))
    plugins = Plugins(entry_points_of("mine", {"metric.top": module}))

    plugins.build("metric", "top", {"count": 3})
    plugins.build("metric", "top", TopOptions(4, "worst"))

    assert built_with == [TopOptions(3, "best"), TopOptions(4, "worst")]


def test_wrong_options_are_one_line_for_each_mistake():
    module = offering(metric("top", lambda _: Half(), options=TopOptions))

    with pytest.raises(ConfigError) as caught:
        Plugins(entry_points_of("mine", {"metric.top": module})).build("metric", "top", {"lable": 1})

    assert caught.value.problems == (
        "metric.top: lable: not an option; did you mean 'label'?; known: count, label",
        "metric.top: count: missing, expected a whole number",
    )


def test_an_options_class_whose_annotations_cannot_be_read_breaks_only_its_plugin():
    @attrs.frozen
    class Strange:
        level: NoSuchType = 1  # noqa: F821 - the fault that is tested

    reason = reason_for(offering(metric("faulty", options=Strange)))

    assert reason == "reading its options class Strange raised NameError: name 'NoSuchType' is not defined"


def test_an_observer_is_not_built():
    module = implementing(watchkeeper_alert_changed=lambda alert: None)

    with pytest.raises(UsageError, match=r"observer\.audit is told of events, it is not built: use tell\(\)"):
        Plugins(entry_points_of("mine", {"observer.audit": module})).build("observer", "audit")


def test_observers_are_told_apart_so_that_one_failure_loses_nobody(caplog):
    heard = []
    modules = {
        "observer.a": implementing(watchkeeper_alert_changed=lambda alert: heard.append(("a", alert))),
        "observer.b": implementing(watchkeeper_alert_changed=lambda alert: 1 / 0),
        "observer.c": implementing(watchkeeper_alert_changed=lambda: heard.append(("c", None))),
        "observer.d": implementing(watchkeeper_version_promoted=lambda version: heard.append("d")),
        "observer.e": implementing(watchkeeper_alert_chagned=lambda alert: heard.append("e")),
    }

    failures = Plugins(entry_points_of("mine", modules)).tell("watchkeeper_alert_changed", alert="an alert")

    assert heard == [("a", "an alert"), ("c", None)]
    assert [failure.plugin for failure in failures] == ["observer.b", "observer.e"]
    assert failures[0].error == "ZeroDivisionError: division by zero"
    assert "it implements a hook that does not exist: 'watchkeeper_alert_chagned'" in failures[1].error
    assert [record.plugin for record in caplog.records if record.levelname == "WARNING"] == ["observer.b", "observer.e"]


def test_an_observer_without_a_hook_of_observers_is_a_row():
    (row,) = Plugins(entry_points_of("mine", {"observer.x": implementing(watchkeeper_metrics=lambda: ())})).rows()

    assert row.reason.endswith(
        "does not implement watchkeeper_alert_changed or watchkeeper_version_promoted, it implements "
        "watchkeeper_metrics"
    )


def test_a_working_observer_is_a_row_without_an_api_number():
    module = implementing(watchkeeper_alert_changed=lambda alert: None)

    (row,) = Plugins(entry_points_of("mine", {"observer.x": module})).rows()

    assert (row.title, row.is_ok, row.api) == ("observer.x", True, None)


def test_telling_a_hook_that_observers_do_not_have_is_a_usage_error():
    with pytest.raises(
        UsageError, match=r"'watchkeeper_alert_change' is no hook of observers.*did you mean 'watchkeeper_al"
    ):
        Plugins(WELL).tell("watchkeeper_alert_change", alert=None)


def test_every_hook_of_the_hookspecs_belongs_to_a_kind_or_to_observers():
    from watchkeeper import hookspecs
    from watchkeeper.plugins.loading import OBSERVER_HOOKS

    written = {name for name in vars(hookspecs) if name.startswith("watchkeeper_")}

    assert written == {*HOOK_OF_KIND.values(), *OBSERVER_HOOKS}


def test_the_built_in_plugins_are_told_in_one_style():
    from watchkeeper.contracts.plugin import Kind
    from watchkeeper.plugins import Plugins

    plugins = Plugins()
    for kind in Kind:
        for name in plugins.names(kind):
            summary = plugins.get(kind, name).summary
            assert not summary.endswith("."), (kind, name, summary)
            assert summary[0].isupper() or summary.startswith("scikit-learn"), (kind, name, summary)
