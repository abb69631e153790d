"""The page of a model: worst first, self-contained, with its past and with what drifted drawn."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.monitor.html import page
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
EVIL = '<script>alert("x")</script>'


EVIL_STEP = "<b>Look</b>"


class Reader(HTMLParser):
    """The tags of a page, and whether each that was opened is closed."""

    ALONE = frozenset({"meta", "br"})

    def __init__(self):
        super().__init__()
        self.tags, self.open, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.ALONE:
            self.open.append(tag)
        if tag == "svg":
            self.images.append(dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read(text):
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.fixture
def clock():
    return FakeClock(START_US + 2100 * MINUTE_US)


@pytest.fixture
def watch(project, clock):
    with open_project("watchkeeper.toml", clock=clock) as opened:
        yield opened


@pytest.fixture
def drifted(project):
    """Two features and the predictions have moved, the outcomes are wrong."""
    rows = project.rows()
    rows["ret1"] = [number + 4.0 for number in rows["ret1"]]
    rows["venue"] = ["XETRA"] * 60 + ["LSE"] * 40
    return {**rows, "y": [int(number < 0.5) for number in rows["p"]]}


def test_what_is_worst_stands_first_with_what_to_do(watch, drifted):
    watch.log_table("momentum", drifted)
    text = watch.illustrated(watch.check("momentum")).to_html()
    body = text[text.index("<body") :]
    assert body.index("ALERT") < body.index("critical alert: ") < body.index("Look at the latest deployment.")
    assert body.index("Look at the latest deployment.") < body.index("1 per 30d") < body.index("measurements</summary>")
    assert body.index("ALERT</td>") < body.index("WARN</td>") < body.index("measured</td>")
    assert "accuracy-fell: &lt; 0.4" in body
    assert "ALERT since (UTC)" in body


def test_what_drifted_is_drawn_beside_the_reference(watch, drifted):
    watch.log_table("momentum", drifted)
    seen = read(watch.illustrated(watch.check("momentum")).to_html())
    told = [image["aria-label"] for image in seen.images]
    assert any(label.startswith("ret1: window over reference") for label in told)
    assert any("not in the reference 60.0%, was 0.0%" in label for label in told)
    assert all(image["role"] == "img" for image in seen.images)


def test_earlier_windows_are_drawn_up_to_the_one_that_is_looked_at(watch, project, clock):
    for hour in range(3):
        rows = project.rows(seed=hour)
        rows["ts"] = [str(np.datetime64(time) + np.timedelta64(2 * hour, "h")) for time in rows["ts"]]
        watch.log_table("momentum", {**rows, "id": [f"{hour}-{name}" for name in rows["id"]]})
        clock.advance(7200.0)
        if hour < 2:
            watch.check("momentum")
    result = watch.check("momentum")
    drawn = watch.illustrated(result).illustration
    ends = [point.window.end_us for point in drawn.points["accuracy"]]
    assert ends == sorted(set(ends))
    assert len(ends) == 3
    earlier = watch.check("momentum", until_us=ends[0])
    assert len(watch.illustrated(earlier).illustration.points["accuracy"]) == 1
    assert drawn.points["accuracy"][-1].realised.value == result.measurement("accuracy").value
    assert [limit.told for limit in drawn.limits["accuracy"]] == ["rule accuracy-fell: < 0.4"]


def test_a_look_draws_and_keeps_nothing(watch, drifted, project):
    watch.log_table("momentum", project.rows())
    before = watch.measurements("momentum")
    result = watch.check("momentum", drifted)
    text = watch.illustrated(result, drifted).to_html()
    assert "ret1: window over reference" in text
    assert watch.measurements("momentum") == before


def test_a_number_without_a_limit_is_measured_and_not_ticked(watch, project):
    watch.log_table("momentum", project.rows())
    result = watch.check("momentum")
    text = result.to_html()
    assert "no limit: measured, not judged" in watch.illustrated(result).to_html()
    row = next(row for row in re.findall("<tr>.*?</tr>", text) if 'what">brier<' in row)
    assert "measured" in row
    assert "✓" not in row
    assert {one["subject"]: one["judged"] for one in result.to_dict()["findings"]}["brier"] is False


def test_the_page_needs_nothing_from_elsewhere_and_is_small(watch, drifted):
    watch.log_table("momentum", drifted)
    text = watch.illustrated(watch.check("momentum")).to_html()
    assert not re.search(r"https?://|<script|<link|<img|url\(|@import", text)
    assert len(text) < 150_000
    assert "prefers-color-scheme: dark" in text
    assert set(read(text).tags) <= {
        "html", "head", "meta", "title", "style", "body", "main", "div", "h1", "h2", "h3", "p", "span", "strong", "dl",
        "dt", "dd", "section", "table", "thead", "tbody", "tr", "th", "td", "br", "i", "figure", "figcaption", "svg",
        "line", "text", "polygon", "polyline", "circle", "rect", "g", "article", "details", "summary",
    }  # fmt: skip


def test_no_name_or_value_becomes_markup(project, command):
    columns = project.rows(400)
    columns[EVIL] = columns.pop("ret1")
    columns["venue"] = [EVIL if at % 2 else "LSE" for at in range(400)]
    project.configure(project.config.replace('"ret1"', f"'{EVIL}'").replace("Look at the latest", f"{EVIL_STEP} the"))
    with (project / "reference.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    answer = command("report", "momentum", "--data", "reference.csv")
    assert answer.code == 0, answer.err
    text = (project / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    read(text)


def test_check_writes_the_page_too(project, command):
    project.today(y=[1] * 100)
    answer = command("check", "momentum", "--data", "today.csv", "--html", "page.html")
    assert "wrote page.html" in answer.err
    assert "accuracy" in (project / "page.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_told(project, command):
    project.today()
    answer = command("check", "momentum", "--data", "today.csv", "--html", "nowhere/page.html")
    assert answer.code == 4
    assert "nowhere/page.html cannot be used (No such file or directory); name another place" in answer.err


def test_several_models_share_a_page_with_the_worst_first(project, watch, drifted):
    watch.log_table("momentum", project.rows())
    well = watch.check("momentum")
    text = page([well, watch.check("momentum", drifted)])
    headings = re.findall(r"</span> (\w+)</span> momentum", text)
    assert headings == ["ALERT", well.status.value]
    assert read(text).tags.count("main") == 2


def test_a_model_that_cannot_be_checked_is_on_the_page_with_the_reason(project, command):
    project.configure(
        project.config.replace(
            "[rules",
            project.config[project.config.index("[models") :]
            .split("[rules")[0]
            .replace("models.momentum", "models.broken")
            .replace("reference.csv", "gone.csv")
            + "[rules",
            1,
        )
    )
    project.today()
    assert command("log", "momentum", "today.csv").code == 0
    answer = command("check", "--html", "page.html", "--fail-on", "never")
    assert answer.code == 0, answer.err
    text = (project / "page.html").read_text(encoding="utf-8")
    assert re.findall(r"</span> (\w+)</span> (\w+)", text)[0] == ("UNKNOWN", "momentum")
    assert "broken could not be checked: there is no file" in text


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_keeps_its_status_on_one_line(watch, drifted, width):
    from rich.console import Console

    watch.log_table("momentum", drifted)
    console = Console(width=width, record=True, file=None, color_system=None)
    with console.capture() as captured:
        console.print(watch.check("momentum").table())
    lines = captured.get().splitlines()
    assert all(len(line) <= width for line in lines)
    assert sum("! ALERT" in line for line in lines) == 1
    assert any("· measured" in line for line in lines)
    assert "Next: Look at the latest deployment." in " ".join(lines)


def test_a_notebook_shows_a_small_card(watch, drifted):
    watch.log_table("momentum", drifted)
    card = watch.check("momentum")._repr_html_()
    assert len(card) < 15_000
    assert "Look at the latest deployment." in card
    assert "<html" not in card
