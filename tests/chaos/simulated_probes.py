"""What goes on beside a wait in threads of its own, in virtual time: each is done once, at once."""

from __future__ import annotations

import threading
import time

from daybreak.errors import DaybreakError
from daybreak.execute.probing import ENDED, Probe, Probes, Try
from daybreak.execute.signs import SignOfLife
from daybreak.model.arrivals import GapMeasured, ProbeBegun
from daybreak.postgres.leash import Leash


class SimulatedProbes(Probes):
    """The probe of one life of a run: it writes when it begins and when it is read, by the product's own way."""

    def begin(self, probe: Probe, leash: Leash) -> ProbeBegun:
        self._probe = probe
        self._write_once(probe)
        return ProbeBegun(why="" if probe.tally.last_old else probe.tally.trouble)

    def read(self, leash: Leash) -> GapMeasured:
        probe, self._probe = self._probe, None
        if probe is None:
            return GapMeasured(why=ENDED)
        self._write_once(probe)
        return probe.tally.measure(probe.through)

    def end(self) -> None:
        self._probe = None

    @staticmethod
    def _write_once(probe: Probe) -> None:
        sent = time.monotonic()
        try:
            with probe._enter(Leash()) as (session, _):
                probe._write(session, sent)
        except DaybreakError as error:
            probe.tally.note_refused(Try(sent, time.monotonic()), error.message)


def ask_at_once(sign: SignOfLife, _stop: threading.Event) -> None:
    """Ask once, and go on with the answer."""
    sign.ask_once()
