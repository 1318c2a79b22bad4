"""Sealing a run where a key is given, as the end of a run does it."""

from pathlib import Path

KEY = "V2G_BENCH_KEY"


def seal_if_asked(folder: Path, key: str | None) -> str:
    """Seal the run with this key, or report that it is unsealed. One line for the terminal; BenchError if it cannot be."""
    if not key:
        return f"unsealed: no key ({KEY} is not set)"
    from v2g_bench.reports.sign.keys import fingerprint, name_of, open_signer
    from v2g_bench.reports.sign.seal import seal

    signer = open_signer(key)
    seal(folder, signer)
    return f"sealed by {name_of(signer.certificate)}, key {fingerprint(signer.certificate)}"
