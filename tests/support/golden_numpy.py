"""Golden digits of what the overlay computes with NumPy alone: losses, references of the proofs, splits, ranks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import golden_batch as golden
import numpy as np
from overlay import core_cut, popularity, probe
from overlay.aprec import mf
from overlay.gsasrec_torch import measures
from overlay.gsasrec_torch import split as splitting
from overlay.losses import in_numpy
from overlay.proof import in_numpy as proof
from overlay.proof import references as expected
from scipy.sparse import csr_matrix


def losses() -> dict[str, Any]:
    """Value and gradient of every loss whose gradient is written by hand."""
    random = np.random.default_rng(2)
    scores, targets, negatives = random.normal(size=(3, 6)), np.array([1, 4, 2]), random.integers(1, 6, (3, 3))
    beta = in_numpy.gbce_beta(3, 5, 0.75)
    known = {
        "bce": in_numpy.bce(scores, targets, negatives),
        "gbce": in_numpy.gbce(scores, targets, negatives, beta),
        "ce-all": in_numpy.ce_all(scores, targets),
        "ce-all excluded=(0,)": in_numpy.ce_all(scores, targets, excluded=[0]),
        "sampled-ce": in_numpy.sampled_ce(scores, targets, negatives),
    }
    found = {
        f"float64 {name}": {"value": golden.digits(value), "scores": golden.digits(slope)}
        for name, (value, slope) in known.items()
    }
    drawn = dict.fromkeys(("bce", "gbce", "sampled-ce"), negatives)
    for name, reference in proof.references(targets, drawn, 5, 0.75).items():
        found[f"float64 proof {name}"] = {"value": golden.digits(reference(scores))}
    return found


def references() -> dict[str, Any]:
    """What the proof of the frameworks' losses expects on the fixed batch."""
    batch = golden.batch()
    parts = [batch[name] for name in ("hidden", "table", "targets", "mask")]
    options: tuple[dict[str, Any], ...] = (
        {}, {"average": "sequences"}, {"weighting": "averaged"}, {"weighting": "normalised"}, {"t": 0.25},
        {"at": "all", "regularisation": 0.5},
    )  # fmt: skip
    found = {}
    for kind in ("own", "shared", None):
        for given in options:
            negatives = None if kind is None else batch[kind]
            known = expected.references(*parts, negatives, golden.RESERVED, given)
            found[golden.label("float64", {"negatives": kind, **given})] = {
                name: {"value": golden.digits(value), "at": golden.digest(at)} for name, (value, at) in known.items()
            }
    return found


def factors() -> dict[str, str]:
    """Matrix factorisation after five epochs."""
    dense = (np.random.default_rng(4).random((6, 5)) < 0.5).astype(float)
    model = mf.LightFM(2, "bpr", 3).fit(csr_matrix(dense), epochs=5)
    return {f"float64 {name}": golden.digits(getattr(model, name)) for name in ("p", "q", "b")}


def draws() -> dict[str, str]:
    """10,000 draws shared by users, out of 100 items or fewer."""
    random = np.random.default_rng(6)
    tables, counts = random.permuted(np.tile(np.arange(1, 101), (500, 1)), axis=1), random.integers(60, 101, 500)
    owners = np.arange(500)
    return {"draw_shared": golden.digest(in_numpy.draw_shared(np.random.default_rng(7), tables, counts, owners, 20))}


def pairs() -> list[tuple[int, int]]:
    """Interactions of 60 users, a user's lines together."""
    random = np.random.default_rng(9)
    return [(3 * user, int(item)) for user in random.permutation(60) for item in random.integers(1, 40, 5 + user % 9)]


def splits() -> dict[str, Any]:
    """A data set in the port's files, and its core."""
    with tempfile.TemporaryDirectory() as folder:
        path, cut = Path(folder, "pairs.txt"), Path(folder, "cut.txt")
        path.write_text("".join(f"{user} {item}\n" for user, item in pairs()))
        split = splitting.split(*splitting.read(path), 20)
        core_cut.main(["--data", str(path), "--least", "7", "--out", str(cut)])
        rows = cut.read_text()
        files = {name: digest_of("".join(lines)) for name, lines in splitting.files(split).items()}
    core = {"core": digest_of(rows), "core lines": rows.count("\n")}
    return {"port": files, "validating": sorted(split.validating), **core}


def digest_of(text: str) -> str:
    """Digest of a text file."""
    return golden.digest(np.frombuffer(text.encode(), np.uint8))


def ranks() -> dict[str, Any]:
    """Ranks with ties, of the probe, of popularity, and of the port's metrics."""
    random = np.random.default_rng(10)
    scores, answers = random.integers(0, 6, (200, 30)).astype(float), random.integers(0, 30, 200)
    allowed = random.random((200, 30)) < 0.7
    sequences: dict[int, list[int]] = {}
    for user, item in pairs():
        sequences.setdefault(user, []).append(item)
    views = popularity.popularity_ranks([np.array(s) for s in sequences.values()])
    run = [measures.ScoredDoc(str(q), str(i), float(scores[q, i])) for q in range(200) for i in range(30)]
    qrels = [measures.Qrel(str(q), str(answers[q]), 1) for q in range(200)]
    metrics = measures.calc_aggregate([measures.nDCG @ 10, measures.R @ 1, measures.R @ 10], qrels, run)
    return {
        "probe": golden.digest(*probe.count_ranks(scores, answers)),
        "probe allowed": golden.digest(*probe.count_ranks(scores, answers, allowed)),
        **{f"popularity {name}": golden.digest(*triple) for name, triple in views.items()},
        "popularity metrics": popularity.metrics_text(*views["printed"][:2]),
        "port": {f"float64 {measure!r}": golden.digits(value) for measure, value in metrics.items()},
    }
