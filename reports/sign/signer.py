"""What signs: a certificate, and a function that signs with its key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509


@dataclass(frozen=True)
class Signer:
    """Who signs. sign: bytes to a signature (ECDSA with SHA-256 in DER, or Ed25519); pades: what pyHanko signs with."""

    certificate: x509.Certificate
    sign: Callable[[bytes], bytes]
    pades: Any
    chain: list[x509.Certificate] = field(default_factory=list)
