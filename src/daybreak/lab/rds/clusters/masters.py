"""The master user's password: from the call, or generated into a secret that RDS manages."""

from __future__ import annotations

import json
import secrets
import string
import uuid

from daybreak.lab.control.store import Doc
from daybreak.lab.protocol.errors import AwsError, invalid_combination, invalid_value
from daybreak.lab.rds import networks
from daybreak.lab.rds.desk import Call

MASTER = ("ManageMasterUserPassword", "MasterUserPassword", "MasterUserSecretKmsKeyId")
"""The parameters that say which password the master has."""

_ALPHABET = string.ascii_letters + string.digits + "!#$%&*+-=?^_~"


def check_password(password: str | None) -> str:
    """The password, if RDS takes it."""
    if password is None:
        raise AwsError("MissingParameter", "The request must contain the parameter MasterUserPassword.")
    if not 8 <= len(password) <= 128:
        raise invalid_value("The parameter MasterUserPassword is not a valid password because it is not 8 to 128 long.")
    if any(each in "/@\" '" or not 32 < ord(each) < 127 for each in password):
        raise invalid_value(
            "The parameter MasterUserPassword is not a valid password. "
            "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used."
        )
    return password


def generate_password() -> str:
    """Draw a password as RDS does."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(28))


def master_of_new(call: Call) -> tuple[str, Doc]:
    """The password of a new cluster, and the member that names its secret when RDS manages it."""
    if not call.get("ManageMasterUserPassword"):
        refuse_key(call)
        return check_password(call.get("MasterUserPassword")), {}
    if call.get("MasterUserPassword"):
        raise invalid_combination(
            "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled."
        )
    password = generate_password()
    return password, make_managed_secret(call, call.params["MasterUsername"], password)


def refuse_key(call: Call) -> None:
    """Refuse a key where no secret is made that it could encrypt."""
    if call.get("MasterUserSecretKmsKeyId"):
        raise invalid_combination("MasterUserSecretKmsKeyId needs a password that RDS manages.")  # guess: the sentence


def make_managed_secret(call: Call, username: str, password: str) -> Doc:
    """Keep the password in a new secret; return the cluster's member that names it."""
    key = f"arn:aws:kms:{call.region}:{call.desk.account}:alias/aws/secretsmanager"
    if name := call.get("MasterUserSecretKmsKeyId"):
        key = networks.usable_key(call, name)
    secret = call.desk.world.put_secret(call.region, f"rds!cluster-{uuid.uuid4()}", _value(username, password))
    return {"MasterUserSecret": {"SecretArn": secret, "SecretStatus": "active", "KmsKeyId": key}}


def rotate_secret(call: Call, cluster: Doc, password: str) -> None:
    """Put the new password into the secret the cluster has."""
    client = call.desk.world.client("secretsmanager", call.region)
    arn = cluster["MasterUserSecret"]["SecretArn"]
    client.put_secret_value(SecretId=arn, SecretString=_value(cluster["MasterUsername"], password))


def _value(username: str, password: str) -> str:
    return json.dumps({"username": username, "password": password})
