"""The regions that AWS has, as its SDK knows them: a misspelt one has a name in DNS's eyes only, and would be taken for silent."""

from __future__ import annotations

import functools

import botocore.session


@functools.cache
def regions_known() -> frozenset[str]:
    """Every region of every partition in which the SDK of this installation knows RDS; nothing is asked."""
    session = botocore.session.get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("rds", partition_name=partition)
    )
