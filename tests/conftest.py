"""The plug-ins every test may use; each topic's fixtures live in its own ``fix_<topic>`` module."""

import functools
import gc
import os
import signal

import botocore.session
from hypothesis import settings

from tests.fix_folders import MEMORY, root

# Whoever started the tests with nohup did not mean the terminals that the tests close: a disposition is inherited.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# What a test keeps for itself is in memory too: a journal waits for its disk at every event.
if root() == MEMORY:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# How long an example takes on a busy machine says nothing about the promise it is an example of.
settings.register_profile("daybreak", deadline=None)
settings.load_profile("daybreak")

# A session of botocore reads what it knows of a service, up to half a second for each; hundreds of tests make their own.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


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
    "tests.fix_pages",
    "tests.fix_postgres",
    "tests.fix_stage",
    "tests.fix_strangers",
    "tests.fix_s3",
    "tests.fix_journal",
    "tests.chaos.fix_lives",
]
