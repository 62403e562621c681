"""How storage says that it is encrypted (FACTS 4.8)."""

from __future__ import annotations

from daybreak.lab.control.store import Doc

UNDER_AWS_OWNED: Doc = {"StorageEncrypted": False, "StorageEncryptionType": "sse-rds"}
"""The members of encryption under a key that AWS owns: it does not count as encrypted, and names no key (FACTS 4.8)."""

NOT_ENCRYPTED: Doc = {"StorageEncrypted": False, "StorageEncryptionType": "none"}
"""The members of what was made before AWS encrypted everything."""


def under_key(key: str) -> Doc:
    """The members of encryption under a key in KMS."""
    return {"StorageEncrypted": True, "StorageEncryptionType": "sse-kms", "KmsKeyId": key}
