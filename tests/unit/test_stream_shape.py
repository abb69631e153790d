"""A drift plugin has one of two shapes, and each is held against its own contract."""

from __future__ import annotations

from watchkeeper.contracts.drift import DriftDetector, StreamDetector
from watchkeeper.contracts.plugin import Kind
from watchkeeper.plugins.conformity import protocol_breaches, protocol_of
from watchkeeper_plugins.drift.adwin import ADWIN
from watchkeeper_plugins.drift.ks import watchkeeper_drift


class HalfAStream:
    def begin(self, record=None):
        return None


def test_what_can_begin_is_a_detector_of_streams():
    (plugin,) = watchkeeper_drift()
    assert protocol_of(Kind.DRIFT, ADWIN()) is StreamDetector
    assert protocol_of(Kind.DRIFT, plugin.build(plugin.options())) is DriftDetector
    assert protocol_of(Kind.DRIFT) is DriftDetector
    assert protocol_breaches(ADWIN(), StreamDetector) == ()


def test_a_half_made_stream_detector_tells_what_is_missing():
    assert protocol_breaches(HalfAStream(), protocol_of(Kind.DRIFT, HalfAStream())) == ("values is missing",)
