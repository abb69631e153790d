"""The apprise notifier: through apprise itself to a real server."""

import json
import subprocess
import sys

import pytest

from watchkeeper.domain.alert import Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.notifier import NotifierContract, sample_notification

pytest.importorskip("apprise", reason="the extra notify is not installed")
from watchkeeper_plugins.notifiers.apprise import Options, build, watchkeeper_notifiers

# apprise imports imghdr, which the standard library has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def url_of(receiver):
    return receiver.url.replace("http://", "json://")


class TestContract(NotifierContract):
    @pytest.fixture
    def subject(self):
        with HttpReceiver() as receiver:
            yield build(Options(url_of(receiver)))

    def unreachable(self):
        with HttpReceiver() as gone:
            url = url_of(gone)
        return build(Options(url))


def test_the_service_gets_title_text_and_kind():
    with HttpReceiver() as receiver:
        delivery = build(Options(url_of(receiver))).send(sample_notification(severity=Severity.CRITICAL))
        sent = json.loads(receiver.requests[0].body)

    assert delivery.receiver == "apprise json"
    assert sent["title"] == "✖ CRITICAL accuracy-fell: accuracy of momentum is 0.61, below 0.8"
    assert "measured  accuracy 0.61 (threshold 0.8, 500 samples)" in sent["message"]
    assert sent["type"] == "failure"


def test_a_no_is_worth_another_attempt():
    with HttpReceiver(lambda _request: Answer(500)) as receiver:
        notifier = build(Options(url_of(receiver)))
        with pytest.raises(DeliveryDelayed, match="apprise could not deliver by json; its own log says why"):
            notifier.send(sample_notification())


@pytest.mark.parametrize("url", ["nonsense://x", "", "json"])
def test_a_url_that_apprise_does_not_know_is_an_error_at_once(url):
    with pytest.raises(ConfigError, match="url: apprise does not know how to use it"):
        build(Options(url))


@pytest.mark.parametrize(
    ("url", "name"), [("mailto://a:b@c.d", "email"), ("slack://a/b/c", "slack"), ("pagerduty://a@b", "pagerduty")]
)
def test_a_service_with_a_notifier_of_its_own_is_not_taken(url, name):
    with pytest.raises(ConfigError, match=f"is better served by the notifier '{name}': it can tell why it fails"):
        build(Options(url))


def test_the_options_do_not_show_the_url():
    assert "t0ken" not in repr(Options("tgram://t0ken/chat"))


def test_it_names_the_extra_and_imports_nothing_early():
    (plugin,) = watchkeeper_notifiers()
    assert (plugin.title, plugin.extra) == ("notifier.apprise", "notify")
    code = "import sys, watchkeeper_plugins.notifiers.apprise; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
