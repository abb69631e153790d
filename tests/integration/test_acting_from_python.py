"""The guide's Python example of acting on alerts runs as it stands."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.app import open_project


def test_the_example_of_the_guide_acknowledges_comments_resolves_and_silences(project):
    alert = project.fire()
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "acknowledge-from-chat.md"
    section = guide.read_text(encoding="utf-8").partition("## From Python")[2]
    exec(section.partition("```python\n")[2].partition("```")[0], {})  # noqa: S102 - our own guide, as it is read
    with open_project("watchkeeper.toml") as watch:
        told = " ".join(str(entry) for entry in watch.alerting.history(alert.fingerprint))
        assert all(words in told for words in ("ada: on it", "ada: the feed was late", "ada: the feed is back"))
        assert [silence.comment for silence in watch.alerting.silences.listed()] == ["ada: backfill"]
