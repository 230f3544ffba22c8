"""HTTP requests that distinguish an answer from none: a missing file is a finding, no answer is not."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.core.errors import SourceError

TIMEOUT_S = 30.0
SERVER_TROUBLE = 500  # from this status on the server failed
TOO_MANY = (429, 403)  # a rate limit, or a proxy that blocks: not an answer about the file
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Answer:
    """A server's answer.

    Attributes:
        url: after redirections.
        headers: names in lower case.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def found(self) -> bool:
        """Whether the server has the requested file."""
        return self.status < 300


def ask(url: str, headers: Mapping[str, str] = NOTHING, method: str = "GET") -> Answer:
    """The server's answer, whether it has the requested file or not.

    Raises:
        SourceError: no answer, or one that is not about the file.
    """
    try:
        request = urllib.request.Request(url, headers=dict(headers), method=method)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as got:
            received = {name.lower(): value for name, value in got.headers.items()}
            return Answer(getattr(got, "status", None) or 200, got.geturl(), received, got.read())
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= SERVER_TROUBLE or error.code in TOO_MANY:
                raise SourceError(url, f"the server answers with status {error.code}", "try again later") from error
            return Answer(error.code, error.url or url, {}, b"")
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        fix = "check the network, or skip this part with --offline"
        raise SourceError(url, f"does not answer: {getattr(error, 'reason', error)}", fix) from error
