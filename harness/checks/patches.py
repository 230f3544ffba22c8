"""Part `patches`: each series applies to its unmodified upstream, and is the one used by the records."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.checks.outcome import Item, broken, held, left_out, unreachable
from harness.checks.pins import is_remote
from harness.core.config import Config
from harness.core.errors import PatchError, SourceError
from harness.core.project_folders import find
from harness.runs import equivalence
from harness.runs.key_changes import key_changes
from harness.runs.store import Store
from harness.upstreams.patches import series as patches
from harness.upstreams.patches.format import effect
from harness.upstreams.patches.series import Series
from harness.upstreams.pins import clone_of, pin_of


def check(config: Config, store: Store, offline: bool) -> Iterator[Item]:
    """Every upstream's series."""
    for name in sorted(config.file.upstreams):
        try:
            series = patches.load(find(config.root, f"patches/{name}"))
        except PatchError as error:
            yield broken(name, error.what, error.fix)
            continue
        if not series.patches and not patches.lint(series):
            yield held(name, "no patches")
            continue
        yield applied(config, series, offline)
        if series.patches:
            yield as_recorded(config, series, store)


def applied(config: Config, series: Series, offline: bool) -> Item:
    """Whether a series applies to the pinned files, blobs compared before and after."""
    name = series.upstream
    if problems := patches.lint(series):
        return broken(name, "refused by lint:\n" + "\n".join(problems), "`harness patch lint` lists what to correct")
    if offline and is_remote(config, config.upstream(name).url):
        return left_out(name, f"{len(series.patches)} patches are well formed; offline, so none was applied")
    try:
        clone = clone_of(config, name)
        with tempfile.TemporaryDirectory(prefix="harness-check-") as scratch:
            tree = patches.verify(series, clone, pin_of(config, name), Path(scratch) / "tree")
    except PatchError as error:
        return broken(name, error.what, error.fix)
    except SourceError as error:
        return unreachable(name, error)
    return held(name, f"{len(series.patches)} patches apply, patched tree {tree[:12]}")


def as_recorded(config: Config, series: Series, store: Store) -> Item:
    """Whether records of this pin were made with the effect of these patches, declared equivalences included."""
    name, commit = series.upstream, config.upstream(series.upstream).commit
    own = [r.content["inputs"] for r in store.records if r.content["upstream"] == name]
    found = [inputs["patches"] for inputs in own if inputs.get("upstream") == commit]
    now = {"patches": {patch.name: effect(patch) for patch in series.patches}, "overlay": {}, "command": []}
    forms = equivalence.read(config.root)
    oldest = forms.applied(now)["patches"]
    label = f"{name}: effect"
    if not found or oldest in found:
        return held(label, "" if found else "no record of this pin")
    changes = min((key_changes({"patches": old}, {"patches": oldest}, forms.former_names) for old in found), key=len)
    fix = "its runs have new keys: execute them, or declare the change in patches/overlay/equivalent.toml with evidence"
    return broken(label, f"no record was made with these patches: {'; '.join(changes)}", fix, "stale")
