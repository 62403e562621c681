"""The plug-ins every test may use; each topic's fixtures live in its own ``fix_<topic>`` module."""

import functools
import gc
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.loaders import Loader
from hypothesis import settings

from tests.fix_folders import MEMORY, root
from tests.warm import FEW_SEARCHES

# Whoever started the tests with nohup did not mean the terminals that the tests close: a disposition is inherited.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# What a test keeps for itself is in memory too: a journal waits for its disk at every event.
if root() == MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# How long an example takes on a busy machine says nothing about the promise it is an example of.
settings.register_profile("daybreak", deadline=None)
settings.load_profile("daybreak")


@functools.cache
def _loader(path: str | None, read: Callable[[str | None], Loader] = botocore.session.create_loader) -> Loader:
    """One loader for all sessions: each would read what botocore knows of a service again, for a fifth of a second.

    Each client writes to the addresses of the operations that it carries out, so each is given its own.
    """
    loader = read(path)
    load = loader.load_service_model

    def load_fresh(*asked: Any, **more: Any) -> Mapping[str, Any]:
        model = load(*asked, **more)
        operations = {name: {**each, "http": {**each["http"]}} for name, each in model.get("operations", {}).items()}
        return {**model, "operations": operations} if operations else model

    loader.load_service_model = load_fresh  # type: ignore[method-assign]
    return loader


botocore.session.create_loader = _loader


# A search for garbage at each seven hundredth new thing is an eighth of what the tests of the simulated world take.
gc.set_threshold(*FEW_SEARCHES)


def pytest_collection_finish() -> None:
    """Leave thousands of tests and all that they imported out of every later search for garbage."""
    gc.collect()
    gc.freeze()


pytest_plugins = [
    "tests.fix_awscli",
    "tests.fix_browser",
    "tests.fix_certificates",
    "tests.fix_golden",
    "tests.fix_lab",
    "tests.fix_order",
    "tests.fix_pages",
    "tests.fix_postgres",
    "tests.fix_stage",
    "tests.fix_strangers",
    "tests.fix_sweep",
    "tests.fix_s3",
    "tests.archive.fix_archives",
    "tests.fix_journal",
    "tests.chaos.fix_lives",
    "tests.fix_hands",
    "tests.chaos.fix_account",
    "tests.postgres.hostile.fix_hostile",
]
