"""Part `pins`: each upstream and release can still be fetched by its full commit hash."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from harness.checks.outcome import Item, broken, held, left_out, unreachable
from harness.checks.web import ask
from harness.core.config import EMBEDDED, Config
from harness.core.errors import CommitGoneError, SourceError
from harness.core.files import disk_errors
from harness.core.project_file import Release, Upstream
from harness.upstreams import checkout
from harness.upstreams.checkout import Pin

GITHUB = "https://api.github.com/repos/"


def check(config: Config, offline: bool) -> Iterator[Item]:
    """Every upstream and release of harness.toml that is not embedded in the package."""
    known: dict[str, Upstream | Release] = {**config.file.upstreams, **config.file.releases}
    for name, source in sorted(known.items()):
        if source.url.startswith(EMBEDDED):
            continue
        if offline and is_remote(config, source.url):
            yield left_out(name, "offline")
        else:
            yield of_pin(config, Pin(name, source.url, source.commit))


def is_remote(config: Config, url: str) -> bool:
    """Whether an upstream, or its mirror, is on another machine."""
    if url.startswith(EMBEDDED) or checkout.is_local(url):
        return False
    return not (config.git_mirror and checkout.is_local(config.git_mirror))


def of_pin(config: Config, pin: Pin, api: str = GITHUB) -> Item:
    """One pin, fetched into a temporary folder.

    Args:
        api: URL of GitHub's API, which reports whether a repository moved.
    """
    with disk_errors(config.cache):
        config.cache.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix="check-pin-", dir=config.cache)
    with scratch as folder:
        try:
            checkout.clone(pin, Path(folder), config.git_mirror)
        except CommitGoneError as error:
            return broken(pin.name, error.what, error.fix, "gone")
        except SourceError as error:
            return unreachable(pin.name, error)
    return held(pin.name, "" if config.git_mirror else repository_remark(pin.url, api))


def repository_remark(url: str, api: str) -> str:
    """A remark that a repository on GitHub moved or was archived, which is not a failure; else ""."""
    parts = urlsplit(url)
    if parts.hostname != "github.com":
        return ""
    name = parts.path.strip("/").removesuffix(".git")
    try:
        answer = ask(f"{api}{name}")
        facts = json.loads(answer.body) if answer.found else {}
    except (SourceError, ValueError):  # only a remark is lost
        return ""
    now = str(facts.get("full_name", name))
    moved = f"moved to {now}" if now.lower() != name.lower() else ""
    return "; ".join(filter(None, [moved, "archived" * bool(facts.get("archived"))]))
