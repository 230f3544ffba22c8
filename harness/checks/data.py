"""Part `data`: the data files of records still have their pinned content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.checks.outcome import Item, broken, held, left_out, unreachable
from harness.checks.pins import is_remote
from harness.checks.web import ask
from harness.core.config import Config
from harness.core.errors import SourceError
from harness.recipes.datasets import DataFile, defined, upstreams_with_data
from harness.runs.store import Store
from harness.upstreams import data_cache, data_fetch
from harness.upstreams.data_cache import content_of
from harness.upstreams.pins import clone_of, pin_of

FIX = "fetch the file from its pinned location again; results from another file are not comparable"


def check(config: Config, store: Store, offline: bool, download: bool) -> Iterator[Item]:
    """Every copy in the cache, then the origin of every data file that some record uses.

    Args:
        download: fetch files by URL and hash them, instead of comparing their length.
    """
    used = {
        (record.content["upstream"], content)
        for record in store.records
        for content in record.content["inputs"].get("data", {}).values()
    }
    for upstream in upstreams_with_data(config.root):
        asked: set[str] = set()
        for name, dataset in defined(config.root, upstream).items():
            folder = data_cache.place_of(data_fetch.pinned(dataset), config.cache)
            for file in dataset.files:
                if (folder / file.name).is_file():
                    yield of_copy(f"{upstream}/{name}: {file.name}", folder / file.name, file)
                if (upstream, file.content) in used and file.name not in asked:
                    asked.add(file.name)
                    yield of_file(config, upstream, file, folder / file.name, offline, download)


def of_copy(name: str, path: Path, file: DataFile) -> Item:
    """A copy on this machine."""
    if content_of(path.read_bytes(), file.content) == file.content:
        return held(name, "local copy")
    return broken(name, f"{path} differs from {file.content[:12]}", "remove this copy; it is created again")


def of_file(config: Config, upstream: str, file: DataFile, copy: Path, offline: bool, download: bool) -> Item:
    """One file at its origin: the user's folder, then its pinned location."""
    name = f"{upstream}: {file.name}"
    own = config.data / file.name
    if own.is_file() and (file.url or file.source) and (found := of_copy(name, own, file)).code:
        return found
    if not file.has_place:
        return left_out(name, "is created by a generator when needed")
    if file.local:
        place = config.data / file.local
        return of_copy(name, place, file) if place.is_file() else unreachable(name, data_fetch.not_there(place))
    if file.url:
        return left_out(name, "offline") if offline else of_url(config, name, file, copy, download)
    source = file.source or upstream
    url = (config.file.upstreams.get(source) or config.release(source)).url
    if offline and is_remote(config, url):
        return left_out(name, "offline")
    try:
        data = data_fetch.read(
            config.model_copy(update={"data": config.cache / "none"}), file,
            lambda: (clone_of(config, upstream), pin_of(config, upstream)),
        )  # fmt: skip
    except SourceError as error:
        return unreachable(name, error)
    content = content_of(data, file.content)
    if content == file.content:
        return held(name)
    return broken(name, f"is {content[:20]}, expected {file.content[:20]}", FIX)


def of_url(config: Config, name: str, file: DataFile, copy: Path, download: bool) -> Item:
    """A file at a URL: its length by a HEAD request, or its content by download."""
    address = data_fetch.redirected(file.url, config.data_mirror) if config.data_mirror else file.url
    try:
        if download or "://" not in address:
            data = data_fetch.download(file.url, config.data / file.name, config.data_mirror)
            found = content_of(data, file.content)
            return held(name) if found == file.content else broken(name, f"{address} has other content", FIX)
        answer = ask(address, method="HEAD")
    except SourceError as error:
        return unreachable(name, error)
    if not answer.found:
        return broken(name, f"{address} answers with status {answer.status}", FIX, "gone")
    size = answer.headers.get("content-length")
    if not (size and copy.is_file()):
        return held(name, "reachable; its length could not be compared")
    if int(size) != copy.stat().st_size:
        return broken(name, f"{address} has {int(size):,} bytes, the pinned file {copy.stat().st_size:,}", FIX)
    return held(name, "reachable, of the same length")
