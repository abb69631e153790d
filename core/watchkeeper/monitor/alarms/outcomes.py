"""Counting outcomes: those that arrived since the last check become blocks of losses, and each is counted once."""

from __future__ import annotations

from itertools import repeat
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Document, Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict, DataError
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.domain.window import CLOCKS_DIFFER_US, Window
from watchkeeper.monitor.at_hand import predictions
from watchkeeper.monitor.evaluating import Judging, evaluation_of
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS, Records
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
    """The window that was just read: its predictions are not read again."""

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

    def _kept(self, document: Document | None) -> RiskEvidence:
        bets = len(self.alarms.bets.nothing)
        found = None if document is None else RiskEvidence.from_document(document.value, bets)
        return self.alarms.fresh(0) if found is None or found.digest != self.alarms.digest else found

    def _advanced(self, evidence: RiskEvidence, now_us: int) -> RiskEvidence | None:
        span = self.storage.span(OUTCOMES, self.model)
        if span is None:
            return None
        reach_us = span[1] + 1 if now_us > span[1] + _SETTLED_US else min(span[1], now_us + CLOCKS_DIFFER_US)
        since_us = max(evidence.through_us, span[0])
        slice_us = max(int((self.alarms.typical_us or _SHORTEST_LOOK_US) * _BLOCKS_AT_ONCE), 1)
        while since_us < reach_us:
            until_us = min(since_us + slice_us, reach_us)
            time, table = sorted_rows(self.storage.scan(OUTCOMES, self.model, since_us, until_us, ["id", "outcome"]))
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
        for block in range(len(cut)):
            here = cut.block == block
            losses = np.empty(0)
            if known is not None:
                losses = _losses(known[0][here], rows["outcome"][here], counts[here], self.judging)
            evidence = self.alarms.advanced(evidence, losses, int(cut.start_us[block]), int(cut.end_us[block]))
        return attrs.evolve(evidence, delay_us=delay_us)

    def _told_before(self, time: NDArray[np.int64], rows: Table, known: _Matched) -> NDArray[np.bool_]:
        """(n,) whether the last outcome of the same prediction before was the same.

        Looks back to the first of the predictions: an outcome before it is of another row with the same id.
        """
        _, is_known, made_us = known
        ids, outcomes = _texts(rows["id"]), _texts(rows["outcome"])
        found = np.zeros(len(ids), dtype=np.bool_)
        if not is_known.any():
            return found
        last: dict[object, tuple[object, int]] = {}
        wanted, since_us = set(ids), int(made_us[is_known].min()) - CLOCKS_DIFFER_US
        for batch in self.storage.scan(OUTCOMES, self.model, since_us, int(time[0]), ["id", "outcome"]):
            told = zip(_texts(batch.table["id"]), _texts(batch.table["outcome"]), batch.time.tolist(), strict=True)
            for name, outcome, at_us in told:
                if name in wanted and (name not in last or last[name][1] <= at_us):
                    last[name] = outcome, at_us
        for row, (name, outcome, at_us) in enumerate(zip(ids, outcomes, time.tolist(), strict=True)):
            before = last.get(name)
            found[row] = before is not None and before[0] == outcome and before[1] >= made_us[row] - CLOCKS_DIFFER_US
            last[name] = outcome, at_us
        return found

    def _predictions(self, ids: Column, span: tuple[int, int], delay_us: int) -> tuple[_Matched | None, int]:
        """The prediction of each outcome and whether it is known; and how far back it was worth looking.

        Looks further and further back: until nearly all are found, or most, and further back there are no more.
        """
        first = self.storage.span(PREDICTIONS, self.model)
        if first is None:
            return None, delay_us
        back_us, before, narrower_us = max(delay_us, _SHORTEST_DELAY_US), -1.0, delay_us
        while True:
            reach = span[0] - back_us, span[1] + _EARLY_US
            names = ["id", "prediction"]
            time, table = sorted_rows(predictions(self.storage, self.model, reach, names, self.at_hand))
            matched = _matched(time, table, ids) if len(table) else None
            share = 0.0 if matched is None else float(matched[1].mean())
            if share >= _ALL_BUT_FEW:
                return matched, back_us
            if share >= _ENOUGH_MATCHED and share - before < 1.0 - _ALL_BUT_FEW:
                return matched, narrower_us
            if reach[0] <= first[0]:
                return matched, back_us if share >= _ENOUGH_MATCHED else delay_us
            before, narrower_us = share, back_us
            back_us *= _WIDER


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
