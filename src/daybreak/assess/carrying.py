"""Whether anybody carries a run, and what it therefore is: running, stopped, or silent. Pure.

The law: a journal says *running* until somebody writes otherwise, and whoever is killed writes nothing. A run is stopped only where
the store knows that nobody holds it; where it may be carried elsewhere it is called silent, and only after a while.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from daybreak.model.carrier import Carrier
from daybreak.model.moment import span_in_words
from daybreak.model.run import RunState
from daybreak.model.value import stamp

SILENCE = timedelta(minutes=5)
"""After so long without a sign of life a run may be carried by nobody; a process in S3 gives one each minute."""


def as_carried(state: RunState, carrier: Carrier, now: datetime) -> RunState:
    """The state of a run at ``now``, by its journal and by what the store says of its carrier."""
    if state.status != "running" or carrier.is_there:
        return state
    if carrier.is_there is False:
        told = f"no process carries it out any more; last heard of at {stamp(state.last)}"
        return state.model_copy(update={"status": "stopped", "note": told})
    heard = carrier.heard or state.last
    if now - heard <= SILENCE:
        return state
    whole = timedelta(minutes=(now - heard) // timedelta(minutes=1))
    told = (
        f"nothing was heard for {span_in_words(whole)} of {state.who}, who carries it out on {state.where}; "
        f"whether that process is alive cannot be known from here{f': {carrier.why}' if carrier.why else ''}"
    )
    hints = (
        f"where that process is dead: daybreak resume {state.run} --take-over",
        f"where it may be alive: daybreak watch {state.run}",
    )
    return state.model_copy(update={"status": "silent", "note": told, "hints": hints})
