"""The email notifier against a real SMTP server: the mail, and what each reply means."""

import shutil
import socket
import ssl
import struct
import subprocess
import sys
import zlib
from email import message_from_bytes
from email.policy import default

import attrs
import numpy as np
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from watchkeeper.domain.alert import Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers.chart import HEIGHT, WIDTH, caption_of, chart_of, chart_png
from watchkeeper_plugins.notifiers.email import Options, build, watchkeeper_notifiers
from watchkeeper_plugins.notifiers.mail_message import mail

OPTIONS = {"host": "127.0.0.1", "sender": "watchkeeper@example.com", "to": ("ops@example.com",), "security": "none"}


class Mailbox:
    """Takes mail, and replies to recipients and texts as it is told."""

    def __init__(self):
        self.mails = []
        self.reply_to = {}
        self.reply_to_text = "250 OK"
        self.logins = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        reply = self.reply_to.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.reply_to_text == "drop":
            server.transport.abort()
            return "250 OK"
        if self.reply_to_text.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=default))
        return self.reply_to_text

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def served():
    """Starts servers; gives the mailbox and the options to reach it."""
    running = []

    def serve(**settings):
        mailbox = Mailbox()
        controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **settings)
        controller.start()
        running.append(controller)
        return mailbox, {**OPTIONS, "port": controller.port}

    yield serve
    for controller in running:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    key, file = folder / "key.pem", folder / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {file}"
    subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key)
    return file, context


def test_the_mail_says_everything_as_text_and_as_html(served):
    mailbox, options = served()

    delivery = build(Options(**options)).send(sample_notification())

    assert (delivery.receiver, delivery.detail) == ("127.0.0.1", "1 of 1 recipients")
    (message,) = mailbox.mails
    assert message["Subject"] == "[watchkeeper] ⚠ WARNING accuracy-fell: accuracy of momentum is 0.61, below 0.8"
    assert (message["From"], message["To"]) == ("watchkeeper@example.com", "ops@example.com")
    text = message.get_body(("plain",)).get_content()
    assert "measured  accuracy 0.61 (threshold 0.8, 500 samples)" in text
    page = message.get_body(("html",)).get_content()
    assert "accuracy 0.61 (threshold 0.8, 500 samples)" in page
    assert '<a href="https://runbook.example/accuracy">' in page


def test_the_chart_is_inside_the_mail(served):
    mailbox, options = served()

    build(Options(**options)).send(sample_notification())

    (picture,) = [part for part in mailbox.mails[0].walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<chart@watchkeeper>"
    assert picture.get_content() == chart_of(sample_notification())
    page = mailbox.mails[0].get_body(("html",)).get_content()
    assert 'src="cid:chart@watchkeeper" alt="accuracy: the last 10 checks, from 0.63 to 0.9, threshold 0.8"' in page


def test_without_history_there_is_no_chart():
    message = mail(attrs.evolve(sample_notification(), history=()), "a@b", ["c@d"], "")

    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert "<img" not in message.get_body(("html",)).get_content()


def test_every_attempt_is_the_same_message_and_mails_about_one_alert_form_a_thread(served):
    mailbox, options = served()
    notifier = build(Options(**options))
    notifier.send(sample_notification("key-1"))
    notifier.send(sample_notification("key-1"))
    notifier.send(sample_notification("key 2\r\nX-Evil: 1"))

    first, again, other = mailbox.mails
    assert first["Message-ID"] == again["Message-ID"] == "<key-1@watchkeeper>"
    assert other["Message-ID"] == "<key%202%0D%0AX-Evil%3A%201@watchkeeper>"
    assert first["References"] == other["References"] == "<5f1d0c2e@watchkeeper>"


def test_markup_in_names_stays_text():
    message = mail(sample_notification(summary="<script>alert(1)</script>\r\nBcc: x@y"), "a@b", ["c@d"], "[w]")

    page = message.get_body(("html",)).get_content()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert message["Bcc"] is None


def test_only_an_http_address_becomes_a_link():
    message = mail(attrs.evolve(sample_notification(), link="javascript:alert(1)"), "a@b", ["c@d"], "")
    page = message.get_body(("html",)).get_content()

    assert "javascript:alert(1)" in page
    assert "href" not in page


def test_a_long_subject_is_cut():
    message = mail(sample_notification(summary="x" * 5_000), "a@b", ["c@d"], "[w]")

    assert len(message["Subject"]) == 160
    assert message["Subject"].endswith("…")


def test_a_critical_alert_is_marked_as_important():
    assert mail(sample_notification(severity=Severity.CRITICAL), "a@b", ["c@d"], "")["Importance"] == "high"
    assert mail(sample_notification(), "a@b", ["c@d"], "")["Importance"] is None


def test_a_temporary_reply_is_worth_another_attempt(served):
    mailbox, options = served()
    mailbox.reply_to_text = "451 try again later"

    with pytest.raises(DeliveryDelayed, match=r"127\.0\.0\.1 answered 451: try again later"):
        build(Options(**options)).send(sample_notification())


def test_a_permanent_reply_is_a_refusal(served):
    mailbox, options = served()
    mailbox.reply_to_text = "554 too ugly"

    with pytest.raises(DeliveryRefused, match=r"127\.0\.0\.1 answered 554: too ugly"):
        build(Options(**options)).send(sample_notification())


@pytest.mark.parametrize(
    ("reply", "error"), [("550 nobody here", DeliveryRefused), ("450 mailbox busy", DeliveryDelayed)]
)
def test_a_recipient_that_is_not_taken_is_told_with_its_reply(served, reply, error):
    mailbox, options = served()
    mailbox.reply_to["ops@example.com"] = reply

    with pytest.raises(error, match=f"takes mail for none of the recipients: ops@example.com {reply}"):
        build(Options(**options)).send(sample_notification())


def test_one_unknown_recipient_of_two_is_noted(served):
    mailbox, options = served()
    mailbox.reply_to["gone@example.com"] = "550 nobody here"

    delivery = build(Options(**{**options, "to": ("ops@example.com", "gone@example.com")})).send(sample_notification())

    assert delivery.detail == "1 of 2 recipients, refused: gone@example.com 550 nobody here"
    assert len(mailbox.mails) == 1


def test_one_busy_recipient_of_two_means_another_attempt(served):
    mailbox, options = served()
    mailbox.reply_to["busy@example.com"] = "450 busy"

    with pytest.raises(DeliveryDelayed, match=r"some recipients were put off, .*: busy@example\.com 450 busy"):
        build(Options(**{**options, "to": ("ops@example.com", "busy@example.com")})).send(sample_notification())


def test_a_connection_that_drops_before_the_reply_is_worth_another_attempt(served):
    mailbox, options = served()
    mailbox.reply_to_text = "drop"

    with pytest.raises(DeliveryDelayed, match=r"127\.0\.0\.1 broke off: "):
        build(Options(**options)).send(sample_notification())


def test_a_server_that_is_not_there_is_worth_another_attempt():
    with pytest.raises(DeliveryDelayed, match=r"127\.0\.0\.1 cannot be reached: .*refused"):
        build(Options(**OPTIONS, port=free_port())).send(sample_notification())


def test_a_server_that_hangs_is_left_after_the_timeout():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(DeliveryDelayed, match="broke off: Connection unexpectedly closed: timed out"),
    ):
        build(Options(**OPTIONS, port=silent.getsockname()[1], timeout_seconds=0.1)).send(sample_notification())


def test_with_starttls_the_mail_is_encrypted_and_the_login_sent(served, certificate):
    file, context = certificate
    mailbox, options = served(tls_context=context, require_starttls=True)
    logged_in = Mailbox()
    _, options = served(
        tls_context=context, require_starttls=True, authenticator=logged_in.authenticate, auth_required=True
    )

    build(
        Options(**{**options, "security": "starttls"}, ca_file=file, username="ada", password="right")  # noqa: S106 - a test's
    ).send(sample_notification())

    assert logged_in.logins == [(b"ada", b"right")]
    assert mailbox.mails == []


def test_a_wrong_password_is_a_refusal(served, certificate):
    file, context = certificate
    mailbox = Mailbox()
    _, options = served(tls_context=context, authenticator=mailbox.authenticate, auth_required=True)

    with pytest.raises(DeliveryRefused, match="answered 535: "):
        build(
            Options(**{**options, "security": "starttls"}, ca_file=file, username="ada", password="wrong")  # noqa: S106
        ).send(sample_notification())


def test_a_certificate_that_is_not_trusted_is_a_refusal(served, certificate):
    _, context = certificate
    _, options = served(tls_context=context)

    with pytest.raises(
        DeliveryRefused, match=r"127\.0\.0\.1 cannot be trusted: self-signed certificate; see the option ca_file"
    ):
        build(Options(**{**options, "security": "starttls"})).send(sample_notification())


def test_a_server_without_starttls_is_a_refusal(served):
    _, options = served()

    with pytest.raises(DeliveryRefused, match="does not offer what is set: STARTTLS extension not supported"):
        build(Options(**{**options, "security": "starttls"})).send(sample_notification())


def test_tls_from_the_first_byte(served, certificate):
    file, context = certificate
    mailbox, options = served(ssl_context=context)

    build(Options(**{**options, "security": "tls"}, ca_file=file)).send(sample_notification())

    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"to": ()}, "to: expected at least one address"),
        ({"to": ("ops",)}, "to: expected an address such as ops@example.com, found 'ops'"),
        ({"to": ("a@b\r\nBcc: c@d",)}, "to: expected an address such as ops@example.com, found 'a@b"),
        ({"sender": "@b"}, "sender: expected an address such as ops@example.com, found '@b'"),
        ({"timeout_seconds": 60.0}, "timeout_seconds: expected more than 0 and less than 60, found 60"),
        ({"timeout_seconds": 0.0}, "timeout_seconds: expected more than 0 and less than 60, found 0"),
        ({"password": "p"}, 'security: expected "starttls" or "tls" when there is a password, found "none"'),
    ],
)
def test_options_that_cannot_work_are_an_error_at_once(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(Options(**{**OPTIONS, **settings}))


def test_a_missing_file_of_certificates_is_an_error_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r"ca_file: there is no file '.*absent\.pem'"):
        build(Options(**OPTIONS, ca_file=tmp_path / "absent.pem"))


def test_the_options_do_not_show_the_password():
    assert "s3cret" not in repr(Options(**OPTIONS, password="s3cret"))  # noqa: S106 - a test's


def test_it_announces_itself():
    assert [plugin.title for plugin in watchkeeper_notifiers()] == ["notifier.email"]


def test_smtplib_is_imported_when_it_is_needed():
    code = "import sys, watchkeeper_plugins.notifiers.email; print('smtplib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def pixels_of(png):
    """(height, width) palette indices, decoded independently."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def test_the_chart_falls_where_the_numbers_fall():
    drawn = pixels_of(chart_png(np.linspace(1.0, 0.0, 50)))

    assert drawn.shape == (HEIGHT, WIDTH)
    heights = [int(np.flatnonzero(drawn[:, column] == 1)[0]) for column in range(10, WIDTH - 10)]
    assert heights == sorted(heights), "rows count from the top, so that falling numbers have growing rows"
    assert heights[0] < 15
    assert heights[-1] > HEIGHT - 15


def test_the_threshold_is_a_line_below_what_is_above_it():
    drawn = pixels_of(chart_png(np.array([0.9, 0.8]), threshold=0.5))

    (row,) = set(np.flatnonzero((drawn == 2).any(axis=1)))
    assert row > np.flatnonzero((drawn == 1).any(axis=1)).max()


def test_equal_numbers_are_a_line_in_the_middle():
    rows = np.flatnonzero((pixels_of(chart_png(np.array([0.5, 0.5]))) == 1).any(axis=1))

    assert abs(rows.mean() - HEIGHT / 2) < 3


def test_a_picture_is_small():
    assert len(chart_png(np.sin(np.arange(200.0)), 0.0)) < 4_000


def test_one_number_makes_no_chart():
    assert chart_of(attrs.evolve(sample_notification(), history=((0, 1.0),))) is None
    assert chart_of(attrs.evolve(sample_notification(), measurements=())) is None
    assert caption_of(attrs.evolve(sample_notification(), history=((0, 1.0), (1, 2.0)))).startswith(
        "accuracy: the last 2"
    )


def test_only_the_recipients_that_were_put_off_get_the_mail_again(served):
    mailbox, options = served()
    mailbox.reply_to["busy@example.com"] = "450 busy"
    notifier = build(Options(**{**options, "to": ("ops@example.com", "busy@example.com")}))
    with pytest.raises(DeliveryDelayed) as delayed:
        notifier.send(sample_notification())
    mailbox.reply_to.clear()

    delivery = notifier.send(attrs.evolve(sample_notification(), done=delayed.value.done))

    assert delayed.value.done == ("ops@example.com",)
    assert delivery.detail == "1 of 1 recipients"
    assert len(mailbox.mails) == 2


def test_a_mail_that_everybody_has_is_not_handed_in_again(served):
    mailbox, options = served()

    delivery = build(Options(**options)).send(attrs.evolve(sample_notification(), done=(options["to"][0],)))

    assert (delivery.detail, mailbox.mails) == ("everybody has it already", [])
