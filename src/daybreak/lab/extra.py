"""What the lab needs beyond Daybreak itself: the packages of the extra ``lab``, which a plain install does not have.

The law: we check before we start anything of the lab, so that nobody has to read the traceback of an import.
"""

from __future__ import annotations

from importlib.util import find_spec

from daybreak.errors import Refused
from daybreak.lab.servers.binaries import has_programs

PACKAGES = ("cryptography", "flask", "moto")
"""The packages that the lab imports; moto's own server needs flask."""


def require() -> None:
    """Raise `Refused` when the lab cannot run here; PostgreSQL may also be the system's own."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if not has_programs():
        missing.append("PostgreSQL")
    if missing:
        raise Refused(
            f"the lab is not installed: there is no {', no '.join(missing)}",
            'in a checkout of Daybreak: pip install ".[lab]", or make demo',
        )
