"""The console notifier: what a reader sees."""

import io
import re

import pytest

from watchkeeper.domain.alert import AlertState, Severity
from watchkeeper.domain.errors import DeliveryDelayed
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers.console import ConsoleNotifier, Options, build, watchkeeper_notifiers


def printed(notification):
    stream = io.StringIO()
    ConsoleNotifier(stream).send(notification)
    return stream.getvalue()


def test_the_block_says_what_since_when_against_which_threshold_and_what_to_do():
    assert printed(sample_notification()) == (
        "⚠ WARNING accuracy-fell: accuracy of momentum is 0.61, below 0.8\n"
        "  model     momentum 1.4.0\n"
        "  where     segment venue=NYSE\n"
        "  state     firing at 2008-11-01T00:00:00Z\n"
        "  since     2008-10-01T00:00:00Z, 3 checks\n"
        "  measured  accuracy 0.61 (threshold 0.8, 500 samples)\n"
        "            ks{feature=vol10} undefined: vol10 is empty\n"
        "  trend     █▇▆▆▅▄▃▃▂▁ 0.9 to 0.63 in 10 checks\n"
        "  deployed  1.4.0 at 2008-10-01T00:00:00Z, by ada\n"
        "  drifted   vol10 (ks 0.31, 1.9 times its edge)\n"
        "  important vol10 41%, ret1 20%\n"
        "  note      2008-11-01T00:00:00Z ada: the feed was late\n"
        "  next      Look at vol10.\n"
        "  runbook   https://runbook.example/accuracy\n"
        "  alert     5f1d0c2e\n"
    )


@pytest.mark.parametrize(
    ("severity", "state", "words"),
    [
        (Severity.INFO, AlertState.FIRING, "ℹ INFO"),
        (Severity.WARNING, AlertState.PENDING, "⚠ WARNING"),
        (Severity.CRITICAL, AlertState.ACKNOWLEDGED, "✖ CRITICAL"),
        (Severity.CRITICAL, AlertState.RESOLVED, "✔ RESOLVED"),
    ],
)
def test_the_severity_is_an_icon_and_a_word(severity, state, words):
    assert printed(sample_notification(severity=severity, state=state)).startswith(words)


def test_control_characters_cannot_move_the_cursor_or_add_lines():
    text = printed(sample_notification(summary="up\x1b[2J\nand\r\naway\x07", measurements=()))

    assert text.startswith("⚠ WARNING accuracy-fell: up�[2J and away�\n")


def test_a_stream_without_the_icons_gets_question_marks():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    ConsoleNotifier(stream).send(sample_notification(summary="Ökosystem"))

    assert stream.buffer.getvalue().startswith(b"? WARNING accuracy-fell: ?kosystem\n")


def test_a_closed_stream_is_worth_another_attempt():
    stream = io.StringIO()
    stream.close()

    with pytest.raises(DeliveryDelayed, match=re.escape("could not be written: I/O operation on closed file")):
        ConsoleNotifier(stream).send(sample_notification())


@pytest.mark.parametrize("name", ["stderr", "stdout"])
def test_it_writes_to_the_stream_that_is_named_in_the_options(name, capsys):
    delivery = build(Options(name)).send(sample_notification())

    assert delivery.receiver == name
    captured = capsys.readouterr()
    assert "accuracy of momentum" in getattr(captured, name[3:])
    assert len(captured.err + captured.out) == len(getattr(captured, name[3:]))


def test_it_announces_itself():
    assert [plugin.title for plugin in watchkeeper_notifiers()] == ["notifier.console"]
