"""Carrying: a run's state as it is now, which is what its journal says and whether anybody carries it."""

from __future__ import annotations

from daybreak.app.app import App
from daybreak.assess.carrying import as_carried
from daybreak.model.run import RunState


def as_it_is(app: App, state: RunState) -> RunState:
    """The state with what the store says of the run's carrier: one that is killed leaves a journal that says *running*."""
    while state.status == "running":
        carrier = app.store.carrier(state.run)
        chain = app.store.chain(state.run)
        if len(chain.events) == state.events:
            return as_carried(state, carrier, app.now())
        state = chain.state()  # it went on, or ended, between the two looks
    return state
