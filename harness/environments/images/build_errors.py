"""Causes of failed builds: patterns in the log, and the fix for each."""

from __future__ import annotations

import re

BASE = "[images] base of harness.toml or HARNESS_BASE_IMAGE"
FIXES = (  # the first whose pattern is in the log
    (
        r"^harness: the base has",
        f"correct {BASE}, and [images] python or HARNESS_BASE_PYTHON with it",
    ),
    (
        r"DO NOT MATCH THE HASHES|Hashes are required",
        "the index or the folder of wheels has another file than the lock names: correct it, or recreate the lock",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError|CA certificate bundle|certificate_verify",
        "set a bundle with your network's certificate: [images] certificates, or HARNESS_CERTIFICATES",
    ),
    (
        r"No space left on device|disk quota exceeded",
        "free some space on the engine's disk: `harness images prune`, then see `docker system df`",
    ),
    (
        r"pull access denied|manifest unknown|manifest for .* not found|repository does not exist|no such image",
        f"correct {BASE}, or load that image into the engine",
    ),
    (
        r"invalid reference format|invalid from flag",
        f"correct {BASE}",
    ),
    (
        r"dial tcp|no such host|i/o timeout|TLS handshake|Client\.Timeout|connection refused",
        "the engine cannot fetch the base image: check its network and proxy, or load the image into it",
    ),
    (
        r"ProxyError|Cannot connect to proxy",
        "correct [images] proxy of harness.toml or HARNESS_BUILD_PROXY",
    ),
    (
        r"Unable to fetch|Unable to locate package|Temporary failure|NewConnectionError|Network is unreachable",
        "the build has no network: check the engine's, set [images] proxy, or use a base image with python3 and venv",
    ),
    (
        r"No matching distribution found",
        "no wheel for this Python: set an index in [mirrors] pip or HARNESS_PIP_ARGS, or a folder in [images] wheels",
    ),
)
OTHERWISE = "see the log for details; `harness doctor` checks this machine's setup"


def suggest_fix(log: str) -> str:
    """The fix for a build with this log."""
    found = (fix for words, fix in FIXES if re.search(words, log, re.MULTILINE | re.IGNORECASE))
    return next(found, OTHERWISE)
