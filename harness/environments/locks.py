"""The content of a lock file: the packages it pins, and their hash for run keys.

Order, comments and line ends do not change the environment, so they do not change the hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from harness.core.errors import ConfigError
from harness.core.files import canonical_json, sha256_bytes

HASH = re.compile(r"\s--hash[= ](\S+)")
COMMENT = re.compile(r"(^|\s)#.*")


def content_hash(path: Path) -> str:
    """SHA-256 of a lock's pins: name, version, marker, extras and hashes of each package, sorted.

    Raises:
        ConfigError: the lock is not readable.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not readable: {error}", "restore it from the repository") from error
    return sha256_bytes(canonical_json(sorted(entries(text))).encode())


def entries(text: str) -> Iterator[list[str]]:
    """The requirement of each line of a lock, continued lines joined.

    An option such as --index-url, or any other line that is not a requirement, is kept as written.
    """
    joined = "\n".join(COMMENT.sub("", line).rstrip() for line in text.splitlines()).replace("\\\n", " ")
    for line in (line.strip() for line in joined.split("\n")):
        if line:
            try:
                yield entry(line)
            except InvalidRequirement:
                yield ["as written", " ".join(line.split())]


def entry(line: str) -> list[str]:
    """Name, version, marker, extras, address and hashes of one requirement.

    Raises:
        InvalidRequirement: it is not a requirement.
    """
    pin = Requirement(HASH.sub("", line))
    marker = str(pin.marker) if pin.marker else ""
    facts = [canonicalize_name(pin.name), str(pin.specifier), marker, ",".join(sorted(pin.extras)), pin.url or ""]
    return [*facts, *sorted(HASH.findall(line))]
