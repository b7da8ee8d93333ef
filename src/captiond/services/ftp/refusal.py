"""Refused uploads: the replies to the client."""

# The replies that the log of rejections counts, RFC 959 section 4.2.
CODES = (421, 425, 426, 450, 452, 530, 550, 552)


class Refused(Exception):
    """An upload that is not queued. `code` is that of the reply.

    After a 4xx code the client may send the file again. A 5xx code is permanent (RFC 959 section 4.2.1).
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
