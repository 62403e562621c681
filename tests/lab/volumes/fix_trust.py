"""Where a volume of the lab answers the product, and by whose word it proves itself."""

from __future__ import annotations

from daybreak.lab.volumes.volume import Volume
from daybreak.model.trust import Trust
from daybreak.postgres.address import Address
from tests.lab.volumes.fix_volumes import DATABASE


def trust_of(volume: Volume) -> Trust:
    """The authority of the volume's lab counts."""
    assert volume.listen is not None
    return Trust(tls_ca=str(volume.listen.authority.certificate))


def address_of(volume: Volume) -> Address:
    """Where its database answers."""
    assert volume.listen is not None
    return Address(volume.listen.host, volume.listen.port, DATABASE, trust_of(volume))
