"""The lab's one botocore session: its models are big, and each session would read them again.

The law: we make clients one at a time, because a session is not safe to share while it makes one; finished clients are safe.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.model import ServiceModel

_LOCK = threading.Lock()


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@functools.cache
def service_model(service: str) -> ServiceModel:
    """botocore's description of a service, as botocore wrote it."""
    if service == "s3":  # a client of S3 takes the bucket out of the paths of the description that it shares
        return ServiceModel(create_loader().load_service_model(service, "service-2"), service)
    with _LOCK:
        return _session().get_service_model(service)


PARTITION = "aws"
"""The partition of AWS to which the lab's account belongs."""


@functools.cache
def regions() -> frozenset[str]:
    """The regions of the lab's partition, as botocore knows them."""
    with _LOCK:
        session = _session()
        return frozenset(name for each in ("rds", "ec2") for name in session.get_available_regions(each, PARTITION))


@functools.cache
def foreign_regions() -> frozenset[str]:
    """The regions of all other partitions."""
    with _LOCK:
        session = _session()
        others = [name for name in session.get_available_partitions() if name != PARTITION]
        return frozenset(name for each in others for name in session.get_available_regions("ec2", each))


def make_client(
    service: str, region: str, key: str, *, secret: str | None = None, url: str | None = None, **options: Any
) -> Any:
    """A client that sends each call once; without ``url`` and ``secret`` it is for moto in this process, which checks nothing."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=120, **options)
    with _LOCK:
        return _session().create_client(
            service,
            region,
            config=config,
            endpoint_url=url,
            aws_access_key_id=key,
            aws_secret_access_key=secret or "unchecked",
        )
