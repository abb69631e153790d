"""The checks that every notifier must pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from watchkeeper.contracts.notifier import Notifier
from watchkeeper.domain.alert import Alert, AlertState, Background, Delivery, Drifted, Note, Notification, Severity
from watchkeeper.domain.errors import DeliveryError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window

_OCTOBER_2008 = Window(1_222_819_200_000_000, 1_225_497_600_000_000, rows=23)
_DAY_US = 86_400_000_000
_SENDERS = 4
_SENDS = 12


def sample_notification(
    key: str = "sample-1",
    *,
    summary: str = "accuracy of momentum is 0.61, below 0.8",
    severity: Severity = Severity.WARNING,
    state: AlertState = AlertState.FIRING,
    measurements: tuple[Measurement, ...] | None = None,
) -> Notification:
    """A notification with every field filled, for testing notifiers."""
    alert = Alert(
        fingerprint="5f1d0c2e",
        rule="accuracy-fell",
        model="momentum",
        severity=severity,
        state=state,
        summary=summary,
        since_us=_OCTOBER_2008.start_us,
        changed_us=_OCTOBER_2008.end_us,
        checks=3,
        version="1.4.0",
        labels={"segment": "venue=NYSE"},
        notes=(Note(_OCTOBER_2008.end_us, "ada", "the feed was late"),),
    )
    if measurements is None:
        measurements = (
            Measurement(
                "accuracy", Value.of(0.61, samples=500), "momentum", "1.4.0", _OCTOBER_2008, details={"threshold": 0.8}
            ),
            Measurement(
                "ks", Value.undefined("vol10 is empty"), "momentum", "1.4.0", _OCTOBER_2008, {"feature": "vol10"}
            ),
        )
    history = (
        tuple((_OCTOBER_2008.start_us + day * _DAY_US, 0.9 - day * 0.03) for day in range(10)) if measurements else ()
    )
    return Notification(
        key,
        alert,
        measurements,
        next_step="Look at vol10.",
        link="https://runbook.example/accuracy",
        history=history,
        background=Background(
            deployed="1.4.0",
            deployed_us=_OCTOBER_2008.start_us,
            deployed_by="ada",
            drifted=(Drifted("vol10", "ks", 0.31, 1.9),),
            important=(("vol10", 0.41), ("ret1", 0.2)),
        ),
    )


class NotifierContract:
    """Subclass it in your tests and give a fixture ``subject``: a notifier whose receiver accepts.

    Override `unreachable` to have the notifier's failures checked as well.
    """

    def unreachable(self) -> Notifier | None:
        """A notifier whose receiver cannot be reached; None when there can be no such thing."""
        return None

    def test_it_satisfies_the_protocol(self, subject: Notifier) -> None:
        assert isinstance(subject, Notifier), f"a notifier has send() and close(), found {type(subject).__name__}"

    def test_an_accepted_notification_gives_a_delivery_that_names_the_receiver(self, subject: Notifier) -> None:
        _accepted(subject, sample_notification())

    def test_the_same_key_can_be_sent_again(self, subject: Notifier) -> None:
        _accepted(subject, sample_notification("again-1"))
        _accepted(subject, sample_notification("again-1"))

    def test_every_severity_and_state_can_be_sent(self, subject: Notifier) -> None:
        for severity in Severity:
            for state in AlertState:
                _accepted(subject, sample_notification(f"{severity}-{state}", severity=severity, state=state))

    def test_a_notification_without_measurements_link_or_next_step_can_be_sent(self, subject: Notifier) -> None:
        _accepted(subject, Notification("bare-1", sample_notification().alert))

    def test_text_of_any_language_and_control_characters_can_be_sent(self, subject: Notifier) -> None:
        _accepted(
            subject,
            sample_notification("unicode-1", summary='Genauigkeit 精度 دقة 📉 "quoted" <b>&amp;</b>\r\n\x00\x1b[31m'),
        )

    def test_a_very_long_text_can_be_sent(self, subject: Notifier) -> None:
        _accepted(subject, sample_notification("long-1", summary="drift in every feature; " * 4_000))

    def test_sends_from_several_threads_are_all_accepted(self, subject: Notifier) -> None:
        with ThreadPoolExecutor(_SENDERS) as senders:
            for sent in [
                senders.submit(_accepted, subject, sample_notification(f"thread-{at}")) for at in range(_SENDS)
            ]:
                sent.result(timeout=60)

    def test_it_can_be_closed_twice(self, subject: Notifier) -> None:
        subject.close()
        subject.close()

    def test_sending_after_close_works_or_is_a_delivery_error(self, subject: Notifier) -> None:
        subject.close()
        _delivered_or_delivery_error(subject, sample_notification("closed-1"))

    def test_a_receiver_that_cannot_be_reached_is_a_delivery_error(self) -> None:
        notifier = self.unreachable()
        if notifier is None:
            return
        try:
            delivery = _delivered_or_delivery_error(notifier, sample_notification("unreachable-1"))
        finally:
            notifier.close()
        assert delivery is None, f"a receiver that cannot be reached accepted nothing, found {delivery!r}"


def _accepted(notifier: Notifier, notification: Notification) -> None:
    delivery = notifier.send(notification)
    assert isinstance(delivery, Delivery), f"send() returns a Delivery, found {type(delivery).__name__}"
    assert isinstance(delivery.receiver, str), f"Delivery.receiver is text, found {delivery.receiver!r}"
    assert delivery.receiver, "Delivery.receiver names who accepted, found an empty text"
    assert isinstance(delivery.detail, str), f"Delivery.detail is text, found {delivery.detail!r}"


def _delivered_or_delivery_error(notifier: Notifier, notification: Notification) -> Delivery | None:
    """None for a DeliveryDelayed or DeliveryRefused; any other exception passes through and fails the check."""
    try:
        return notifier.send(notification)
    except DeliveryError as error:
        found = error
    assert type(found) is not DeliveryError, "raise DeliveryDelayed or DeliveryRefused, not DeliveryError itself"
    assert str(found), "the error says what the receiver answered, found an empty message"
    return None
