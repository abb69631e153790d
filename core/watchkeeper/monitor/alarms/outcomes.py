"""Counting outcomes: those that arrived since the last check become blocks of losses, and each is counted once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch, Document, Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict, DataError
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.domain.window import CLOCKS_DIFFER_US, Window
from watchkeeper.monitor.at_hand import outcomes, outcomes_span, predictions, whole_from
from watchkeeper.monitor.evaluating import Judging, evaluation_of
from watchkeeper.monitor.records import PREDICTIONS, Records
from watchkeeper.monitor.time_order import sorted_rows

from .blocks import Cut, cut_by_rows
from .losses import losses_of
from .risk import RiskAlarms, RiskEvidence

RISK: Final = Namespace("risk_evidence")
_BLOCKS_AT_ONCE: Final = 64
_SHORTEST_LOOK_US: Final = 3_600_000_000
_SETTLED_US: Final = 60_000_000
"""A minute: outcomes of one time that came this long ago have all come."""
_ENOUGH_MATCHED: Final = 0.9
_ALL_BUT_FEW: Final = 0.999
_SHORTEST_DELAY_US: Final = 60_000_000
_WIDER: Final = 8
_LEAST_SKEW_US: Final = 10_000_000
_EARLY_US: Final = 86_400_000_000
"""How much earlier than its prediction an outcome may be stamped (clocks of two hosts differ)."""

_Matched: TypeAlias = "tuple[Column, NDArray[np.bool_], NDArray[np.int64]]"
"""(n,) the prediction of each outcome, to be read only where (n,) bool says that it is known, and (n,) its time."""


@attrs.frozen(eq=False)
class OutcomeCounting:
    """One model's outcomes in a store, on their way to evidence."""

    storage: Storage
    model: str
    judging: Judging
    alarms: RiskAlarms
    at_hand: Records | None = None
    """The window that was just read: its predictions and outcomes are not read again."""

    def counted(self, now_us: int) -> RiskEvidence:
        """Count the outcomes that were not counted yet, in blocks in the order of their times; keep the evidence.

        The last block waits until an outcome with a later time has come, or a minute has passed. An outcome that is
        stamped before one that was counted is measured with its window, but is no evidence any more. One that
        tells once more what was known of its prediction already is no evidence; a corrected one counts again. Kept
        with compare-and-swap, like the evidence of drift.
        """
        while True:
            document = self.storage.get(RISK, self.model)
            known = self._kept(document)
            advanced = self._advanced(known, now_us)
            if advanced is None:
                return known
            expect = 0 if document is None else document.revision
            put = Put(RISK, self.model, advanced.to_document(), expect=expect)
            try:
                self.storage.commit([put], Durability.FLUSHED)
            except Conflict:
                continue  # another process counted meanwhile: go on from what it found

    def kept(self) -> RiskEvidence:
        """What has been counted; nothing more is."""
        return self._kept(self.storage.get(RISK, self.model))

    def counted_by(self, evidence: RiskEvidence, time_us: int) -> RiskEvidence:
        """The evidence after the further outcomes that had come by a time in `at_hand`; nothing is kept."""
        arrived = None if self.at_hand is None else self.at_hand.arrived
        times = np.empty(0, dtype=np.int64) if arrived is None else arrived.time
        before = int(np.searchsorted(times, time_us))
        first = None if self.at_hand is None or self.at_hand.time is None else int(self.at_hand.time[0])
        last_us = int(times[before - 1]) if before else (time_us if first is None else first) - 1
        while (further := self._advanced(evidence, time_us, last_us)) is not None:
            evidence = further
        return evidence

    def keep(self, evidence: RiskEvidence) -> None:
        """Keep it, if it is further than what is kept."""
        document = self.storage.get(RISK, self.model)
        if self._kept(document).through_us >= evidence.through_us:
            return
        expect = 0 if document is None else document.revision
        with suppress(Conflict):  # another process has counted meanwhile
            self.storage.commit([Put(RISK, self.model, evidence.to_document(), expect=expect)], Durability.FLUSHED)

    def _kept(self, document: Document | None) -> RiskEvidence:
        bets = len(self.alarms.bets.nothing)
        found = None if document is None else RiskEvidence.from_document(document.value, bets)
        return self.alarms.fresh(0) if found is None or found.digest != self.alarms.digest else found

    def _advanced(self, evidence: RiskEvidence, now_us: int, last_us: int | None = None) -> RiskEvidence | None:
        """The evidence after the next blocks, of outcomes up to `last_us`; None when no further block is complete."""
        span = outcomes_span(self.storage, self.model, self.at_hand)
        if span is None:
            return None
        span = span[0], span[1] if last_us is None else min(span[1], last_us)
        reach_us = span[1] + 1 if now_us > span[1] + _SETTLED_US else min(span[1], now_us + CLOCKS_DIFFER_US)
        since_us = max(evidence.through_us, span[0])
        slice_us = max(int((self.alarms.typical_us or _SHORTEST_LOOK_US) * _BLOCKS_AT_ONCE), 1)
        while since_us < reach_us:
            until_us = min(since_us + slice_us, reach_us)
            time, table = sorted_rows(outcomes(self.storage, self.model, (since_us, until_us), self.at_hand))
            cut = cut_by_rows(time, self.alarms.rows, evidence.through_us or None)
            if len(cut):
                rows = slice(0, len(cut.block))
                return self._judged(evidence, time[rows], table.rows(rows), cut)
            if until_us == reach_us:
                return None
            slice_us *= 4
        return None

    def _judged(self, evidence: RiskEvidence, time: NDArray[np.int64], rows: Table, cut: Cut) -> RiskEvidence:
        span = int(cut.start_us[0]), int(cut.end_us[-1])
        known, delay_us = self._predictions(rows["id"], span, evidence.delay_us)
        counts = np.empty(0, dtype=np.bool_) if known is None else known[1] & ~self._told_before(time, rows, known)
        borders = np.searchsorted(cut.block, np.arange(len(cut) + 1)).tolist()
        for block in range(len(cut)):
            here = slice(borders[block], borders[block + 1])
            losses = np.empty(0)
            if known is not None:
                losses = _losses(known[0][here], rows["outcome"][here], counts[here], self.judging)
            evidence = self.alarms.advanced(evidence, losses, int(cut.start_us[block]), int(cut.end_us[block]))
        return attrs.evolve(evidence, delay_us=delay_us)

    def _told_before(self, time: NDArray[np.int64], rows: Table, known: _Matched) -> NDArray[np.bool_]:
        """(n,) whether the last outcome of the same prediction before was the same.

        Looks back to the first of the predictions, and as much further as clocks seem to differ: twice as much as one
        of these outcomes is stamped before its prediction. What is earlier is of another row with the same id.
        """
        _, is_known, made_us = known
        ids = _texts(rows["id"])
        found = np.zeros(len(ids), dtype=np.bool_)
        if not is_known.any():
            return found
        made, wanted = made_us[is_known], set(ids)
        skew_us = min(max(-2 * int((time[is_known] - made).min()), _LEAST_SKEW_US), CLOCKS_DIFFER_US)
        last = self._told_since(int(made.min()) - skew_us, int(time[0]), wanted)
        if not last and len(wanted) == len(ids):
            return found
        told = _texts(rows["outcome"])
        again = set(last) if len(wanted) == len(ids) else wanted
        for row in [row for row, name in enumerate(ids) if name in again]:
            name, outcome = ids[row], told[row]
            before = last.get(name)
            found[row] = before is not None and before[0] == outcome and before[1] >= made_us[row] - CLOCKS_DIFFER_US
            last[name] = outcome, int(time[row])
        return found

    def _told_since(self, since_us: int, until_us: int, wanted: set[object]) -> dict[object, tuple[object, int]]:
        """The last outcome of each of these ids in a stretch of time, and when it came."""
        last: dict[object, tuple[object, int]] = {}
        for batch in outcomes(self.storage, self.model, (since_us, until_us), self.at_hand):
            ids = _texts(batch.table["id"])
            if wanted.isdisjoint(ids):
                continue  # the rule: most outcomes come once
            for name, outcome, at_us in zip(ids, _texts(batch.table["outcome"]), batch.time.tolist(), strict=True):
                if name in wanted and (name not in last or last[name][1] <= at_us):
                    last[name] = outcome, at_us
        return last

    def _predictions(self, ids: Column, span: tuple[int, int], delay_us: int) -> tuple[_Matched | None, int]:
        """The prediction of each outcome and whether it is known; and how far back it was worth looking.

        Looks further and further back: until nearly all are found, or most, and further back there are no more.
        """
        first = self.storage.span(PREDICTIONS, self.model)
        if first is None:
            return None, delay_us
        back_us, before, narrower_us = max(delay_us, _SHORTEST_DELAY_US), -1.0, delay_us
        lacking = self._not_at_hand(ids)
        near = self._among((span[0] - back_us // _WIDER, span[1] + _EARLY_US), lacking, ids)
        if near is not None and near[1].all():
            return near, back_us
        while True:
            reach = span[0] - back_us, span[1] + _EARLY_US
            matched = self._among(reach, lacking, ids)
            share = 0.0 if matched is None else float(matched[1].mean())
            if share >= _ALL_BUT_FEW:
                return matched, back_us
            if share >= _ENOUGH_MATCHED and share - before < 1.0 - _ALL_BUT_FEW:
                return matched, narrower_us
            if reach[0] <= first[0]:
                return matched, back_us if share >= _ENOUGH_MATCHED else delay_us
            before, narrower_us = share, back_us
            back_us *= _WIDER

    def _among(self, reach: tuple[int, int], lacking: set[object], ids: Column) -> _Matched | None:
        """What the predictions of a stretch of time tell; None when there are none that could."""
        time, table = sorted_rows(self._that_matter(reach, lacking))
        return _matched(time, table, ids) if len(table) else None

    def _not_at_hand(self, ids: Column) -> set[object]:
        """Those of which the window has no prediction."""
        wanted = set(_texts(ids))
        if self.at_hand is None or self.at_hand.time is None:
            return wanted
        first = int(np.searchsorted(self.at_hand.time, whole_from(self.at_hand)))
        return wanted.difference(self.at_hand.ids[first:])

    def _that_matter(self, reach: tuple[int, int], lacking: set[object]) -> Iterator[Batch]:
        """Predictions of a stretch of time; before the window only of ids that the window lacks."""
        names = ["id", "prediction"]
        if self.at_hand is None or self.at_hand.time is None:
            yield from predictions(self.storage, self.model, reach, names, self.at_hand)
            return
        whole_us = whole_from(self.at_hand)
        if lacking:
            for batch in predictions(
                self.storage, self.model, (reach[0], min(whole_us, reach[1])), names, self.at_hand
            ):
                which = np.fromiter(map(lacking.__contains__, _texts(batch.table["id"])), np.bool_, len(batch.time))
                yield Batch(batch.time[which], batch.table.rows(which))
        yield from predictions(self.storage, self.model, (max(whole_us, reach[0]), reach[1]), names, self.at_hand)


def _losses(prediction: Column, outcome: Column, has: NDArray[np.bool_], judging: Judging) -> NDArray[np.float64]:
    """(m,) of the rows whose prediction is known; none when the outcomes are not what the reference had."""
    records = Records(Window(0, 0, len(has)), prediction, outcome, has, Table({}))
    try:
        return losses_of(evaluation_of(records, judging.of_answers))
    except DataError:
        return np.empty(0)  # the check of the window tells why performance is UNKNOWN


def _matched(time: NDArray[np.int64], table: Table, ids: Column) -> _Matched:
    position = {name: at for at, name in enumerate(_texts(table["id"]))}
    at = np.fromiter(map(position.get, _texts(ids), repeat(-1)), dtype=np.int64, count=len(ids))
    return table["prediction"][np.maximum(at, 0)], at >= 0, time[np.maximum(at, 0)]


def _texts(column: Column) -> list[object]:
    return list(column.texts() if isinstance(column, Categories) else column)
