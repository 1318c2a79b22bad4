"""RFC 3161 time stamps: what an answer of a time stamp server states, and whether a server that the laboratory names made it.

The signature, the certificates above it and their purpose are checked by pyHanko, at the time that the token states, against
the certificates of the laboratory's list alone; nothing is fetched.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from v2g_bench.errors import BenchError

SUFFIX = ".tsr"
SHA256 = "sha256"


@dataclass(frozen=True)
class Token:
    """One time stamp. imprint: the hash that it is of, hexadecimal, by this algorithm; signed: its CMS SignedData."""

    imprint: str
    algorithm: str
    at: datetime
    signed: Any


def read_token(content: bytes, where: str) -> Token:
    """The token in a server's answer (DER, TimeStampResp); BenchError where the server has refused or this is none."""
    from asn1crypto import cms, core, tsp

    class Answer(core.Sequence):  # type: ignore[misc]  # a refusal has no token
        _fields: ClassVar = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]

    try:
        answer = Answer.load(content, strict=True)
        status = answer["status"]["status"].native
        if status not in ("granted", "granted_with_mods"):
            raise BenchError(where, f"the time stamp server has answered {status!r}")
        signed = answer["time_stamp_token"]["content"]
        stated = signed["encap_content_info"]["content"].parsed
        if not isinstance(stated, tsp.TSTInfo):
            raise ValueError("it holds something else")
        imprint = stated["message_imprint"]
        algorithm = str(imprint["hash_algorithm"]["algorithm"].native)
        return Token(imprint["hashed_message"].native.hex(), algorithm, stated["gen_time"].native, signed)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BenchError(where, f"is no answer of a time stamp server: {error}") from None


def refusal(token: Token, anchors: Sequence[bytes]) -> str:
    """Why this token does not count; "" where one of these certificates (DER), or one below it, has signed it."""
    from asn1crypto import x509
    from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
    from pyhanko_certvalidator.context import ValidationContext

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # its findings are reported here
    roots = [x509.Certificate.load(one) for one in anchors]
    try:
        context = ValidationContext(trust_roots=roots, allow_fetching=False, moment=token.at)
        imprint = bytes.fromhex(token.imprint)
        status = asyncio.run(validate_tst_signed_data(token.signed, context, lambda _: imprint))
    except Exception as error:  # noqa: BLE001  (damaged structures make their readers fail in ways of their own)
        return f"its signature cannot be checked: {error}"
    if not (status["intact"] and status["valid"]):
        return "its signature does not fit"
    if status.get("trust_problem_indic") is not None or status.get("validation_path") is None:
        return "it is signed by nobody that the laboratory's list names as a time stamp server"
    return ""
