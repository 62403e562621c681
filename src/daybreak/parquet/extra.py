"""What Parquet needs beyond Daybreak itself: pyarrow, of the extra ``parquet``, which a plain install does not have."""

from __future__ import annotations

from importlib.util import find_spec

from daybreak.errors import Refused


def require() -> None:
    """Raise ``Refused`` where no Parquet file can be read here."""
    if find_spec("pyarrow") is None:
        raise Refused(
            "Parquet files cannot be read here: there is no pyarrow",
            'pip install "daybreak[parquet]"',
        )
