"""A process that closes a server and opens it again, over and over, until it is killed."""

from __future__ import annotations

import json
import sys

from daybreak.model.actions import SqlStatement
from daybreak.postgres.address import Address
from daybreak.postgres.changing import make_change
from daybreak.postgres.session import open_session
from tests.fix_postgres import HERE
from tests.postgres.test_fencing import BEARING, LIMITS, RESCUER


def main() -> None:
    """Close and open."""
    statements = [SqlStatement.model_validate(each) for each in json.load(sys.stdin)]
    while True:
        with open_session(Address(sys.argv[1], int(sys.argv[2]), "postgres", HERE), RESCUER, LIMITS) as session:
            for each in statements:
                make_change(session, BEARING, each.text, each.look, lambda _number: report())


def report() -> None:
    """Say that it is right before a commit."""
    sys.stdout.write("staged\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
