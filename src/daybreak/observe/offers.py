"""What AWS offers now for a cluster's instances: classes, zones and certificate authorities. Optional questions all of them.

The law: none of these answers may stop a restore. What AWS does not say is ``None``, and nothing follows from it.
"""

from __future__ import annotations

from daybreak.aws.facts import class_on_offer
from daybreak.aws.faults import AwsFault
from daybreak.aws.replies import require
from daybreak.model.world import Offers
from daybreak.observe.look import GONE, AwsReads
from daybreak.plan.operations import aws_call

_PAGE = 1000
"""The most options that AWS gives in one page."""


def ask_offers(aws: AwsReads, engine: str, version: str) -> Offers:
    """What AWS offers for instances of that engine version; raises ``AwsFault`` only where AWS cannot be asked at all."""
    classes = certificates = None
    wanted = {"Engine": engine, "EngineVersion": version, "Vpc": True, "MaxRecords": _PAGE}
    options = aws_call("rds", "DescribeOrderableDBInstanceOptions", wanted, aws.region)
    authorities = aws_call("rds", "DescribeCertificates", {}, aws.region)
    try:
        classes = tuple(map(class_on_offer, aws.pages(options, "OrderableDBInstanceOptions")))
    except AwsFault as fault:
        _pass_over(fault)
    try:
        certificates = tuple(require(body, "CertificateIdentifier") for body in aws.pages(authorities, "Certificates"))
    except AwsFault as fault:
        _pass_over(fault)
    # A version for which AWS names no class at all is one that it no longer lists: that says nothing of the classes.
    return Offers(classes=classes or None, certificates=certificates or None)


def _pass_over(fault: AwsFault) -> None:
    """Raise the fault again where it speaks of more than this one question."""
    if fault.trouble.category in GONE:
        raise fault
