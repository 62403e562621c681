"""A refused login, and whether waiting may change it.

The law: a server's no is an answer. Codes alone distinguish it from "not now".
"""

from __future__ import annotations

from daybreak.model.value import Value

_OF_A_LIMIT = ("InitializeSessionUserId", "CheckMyDatabase")
"""The server's functions that hold a role's and a database's limit; ``53300`` is the code of a full server too."""

_NEVER = ("28", "3D", "42", "0A")
"""Classes of SQLSTATE that no waiting changes: the login, the database, a privilege, the protocol."""


class LoginRefusal(Value):
    """What a server said to a login, by what is the same in every language: ``C`` and ``R`` of its ``ErrorResponse``.

    The code ``00000`` is the yes of one that refused a moment before.
    """

    sqlstate: str
    routine: str = ""
    """The server's function that said no, such as ``auth_failed``."""

    @property
    def is_definite(self) -> bool:
        """Whether waiting does not help. A role's or a database's own limit is definite, a full server is not."""
        if self.sqlstate == "53300":
            return self.routine in _OF_A_LIMIT
        # 55000: the database takes no connections.
        return self.sqlstate[:2] in _NEVER or self.sqlstate == "55000"

    @property
    def is_over(self) -> bool:
        """Whether the server lets the login in by now."""
        return self.sqlstate == "00000"

    @property
    def is_of_password(self) -> bool:
        """Whether it is the password that does not fit, so that another one may."""
        return self.sqlstate == "28P01"
