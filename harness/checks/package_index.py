"""The files of a package that an index lists, with hashes: the simple API of PEP 503 and PEP 691.

No file is downloaded. Indexes and folders of wheels are those that pip would use, by its configuration and by
the arguments of this project.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import canonicalize_name

from harness.checks.web import ask
from harness.core.errors import SetupError, SourceError
from harness.core.files import sha256_file
from harness.core.process import capture

HELP_WIDTH = "400"  # columns, so that pip's help wraps no URL
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
OPTIONS = {
    "index-url": "main", "i": "main", "extra-index-url": "extra", "find-links": "folders", "f": "folders",
}  # fmt: skip


class Listed(NamedTuple):
    """A file of an index.

    Attributes:
        sha256: "" if the index has none.
        yanked: reason why it was yanked, or None.
    """

    name: str
    sha256: str
    yanked: str | None = None


@dataclass(frozen=True)
class Places:
    """The places where pip finds packages.

    Attributes:
        indexes: URLs of indexes by package.
        folders: pages or folders that list files of any package.
    """

    indexes: tuple[str, ...]
    folders: tuple[str, ...] = ()
    _seen: dict[str, tuple[Listed, ...]] = field(default_factory=dict, compare=False)

    def files(self, package: str) -> tuple[Listed, ...]:
        """Files of a package in all places; none if no place has it.

        Raises:
            SourceError: an index does not answer.
        """
        name = canonicalize_name(package)
        if name not in self._seen:
            found = [listed for index in self.indexes for listed in of_index(f"{index.rstrip('/')}/{name}/")]
            for folder in self.folders:
                stems = (f"{name}-", f"{name.replace('-', '_')}-")
                found += [listed for listed in of_folder(folder, stems) if listed.name.lower().startswith(stems)]
            self._seen[name] = tuple(found)
        return self._seen[name]


def places(pip_args: Iterable[str], env: Mapping[str, str]) -> Places:
    """The places where pip would search, by its configuration and these arguments.

    Raises:
        SourceError: no index is configured and pip has no default.
    """
    found: dict[str, list[str]] = {"main": [], "extra": [], "folders": []}
    for name, value in [*configured(env), *given(pip_args)]:
        if kind := OPTIONS.get(name):
            found[kind] = value.split() if kind == "main" else [*found[kind], *value.split()]
    indexes = [*(found["main"] or [default_index(env)]), *found["extra"]]
    return Places(tuple(dict.fromkeys(indexes)), tuple(dict.fromkeys(found["folders"])))


def default_index(env: Mapping[str, str]) -> str:
    """The default index of pip, from its help.

    Raises:
        SourceError: pip is not installed, or its help has no default index.
    """
    fix = "install pip, or set an index by --index-url in HARNESS_PIP_ARGS"
    try:
        text = capture([sys.executable, "-m", "pip", "install", "--help"], {**env, "COLUMNS": HELP_WIDTH})
    except SetupError as error:
        raise SourceError("pip", "does not run, so its default index is unknown", fix) from error
    if not (found := re.search(r"--index-url <url>[^(]*\(default\s+([^)\s]+)\)", text)):
        raise SourceError("pip", "its help has no default index", fix)
    return found[1]


def configured(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """pip's configuration from its files and from variables: option and value."""
    try:
        lines = capture([sys.executable, "-m", "pip", "config", "list"], env).splitlines()
    except SetupError:  # pip is not installed
        return
    for line in lines:
        name, _, value = line.partition("=")
        yield name.rpartition(".")[2], value.strip("'\"").replace("\\n", " ")


def given(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Options among pip's arguments, written `--name value` or `--name=value`."""
    left = [part for word in words for part in shlex.split(word)]
    while left:
        word = left.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in OPTIONS:
            yield name, value if equals else left.pop(0) if left else ""


class Links(HTMLParser):
    """The links of a page of an index."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the URL of a link, and why its file was yanked."""
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            yanked = (attributes["data-yanked"] or "yanked") if "data-yanked" in attributes else None
            self.found.append((str(attributes["href"]), yanked))


def of_index(url: str) -> list[Listed]:
    """Files that an index lists for one package; none if it does not have it.

    Raises:
        SourceError: it does not answer.
    """
    if url.startswith("file://"):
        return of_local_index(local(url))
    answer = ask(url, {"Accept": ACCEPT})
    if not answer.found:
        return []
    if "json" not in answer.headers.get("content-type", ""):
        return of_page(answer.body.decode(errors="replace"), answer.url)
    try:
        return [
            Listed(
                file["filename"], file["hashes"].get("sha256", ""), str(file["yanked"]) if file.get("yanked") else None
            )
            for file in json.loads(answer.body)["files"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(url, f"is not a page of an index: {error}", "check the address of the index") from error


def of_local_index(folder: Path) -> list[Listed]:
    """Files that a folder of an index on this disk lists."""
    page = folder / "index.html"
    if page.is_file():
        return of_page(page.read_text(encoding="utf-8"), page.as_uri())
    return [hashed(path) for path in sorted(folder.glob("*.*"))] if folder.is_dir() else []


def of_folder(place: str, stems: tuple[str, ...]) -> list[Listed]:
    """Files of a folder of wheels, or of a page with links.

    Raises:
        SourceError: the page does not answer.
    """
    if "://" not in place or place.startswith("file://"):
        folder = local(place)
        if folder.is_dir():
            return [hashed(path) for path in sorted(folder.iterdir()) if path.name.lower().startswith(stems)]
        return of_page(folder.read_text(encoding="utf-8"), folder.as_uri()) if folder.is_file() else []
    answer = ask(place)
    return of_page(answer.body.decode(errors="replace"), answer.url) if answer.found else []


def of_page(page: str, base: str) -> list[Listed]:
    """The files that a page links to; a file on this disk whose link has no hash is hashed."""
    found = []
    for link, yanked in Links(page).found:
        parts = urlsplit(urljoin(base, link))
        attributes = re.search(r"sha256=([0-9a-f]{64})", parts.fragment)
        path = Path(unquote(parts.path))
        sha256 = (
            attributes[1] if attributes else hashed(path).sha256 if parts.scheme == "file" and path.is_file() else ""
        )
        found.append(Listed(path.name, sha256, yanked))
    return found


def hashed(path: Path) -> Listed:
    """A file of this disk."""
    return Listed(path.name, sha256_file(path) if path.is_file() else "")


def local(address: str) -> Path:
    """The path of a file:// URL, or a path unchanged."""
    return Path(unquote(urlsplit(address).path) if address.startswith("file://") else address)
