"""An upstream or release of harness.toml as a pin and as a clone."""

from __future__ import annotations

from pathlib import Path

from harness.core.config import EMBEDDED, Config
from harness.upstreams import checkout


def pin_of(config: Config, name: str) -> checkout.Pin:
    """An upstream of harness.toml at its commit; `embedded:` is the one inside the package."""
    upstream = config.upstream(name)
    url = str(config.cache / "embedded" / name) if upstream.url.startswith(EMBEDDED) else upstream.url
    return checkout.Pin(name, url, upstream.commit)


def clone_of(config: Config, name: str) -> Path:
    """The bare clone of an upstream; the embedded one is turned into a repository first.

    Raises:
        SourceError: it is unavailable at its pin.
    """
    pin, mirror = pin_of(config, name), config.git_mirror
    if config.upstream(name).url.startswith(EMBEDDED):
        from harness.upstreams import (
            embedded,
        )  # imported here, because it imports GitPython, which a report does not need

        embedded.repository(Path(pin.url))
        mirror = None
    return checkout.clone(pin, config.cache, mirror)
