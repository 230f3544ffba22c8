"""GRU4Rec and both SR-GNNs: sizes, interface, and what each does with time, padding and repeats."""

from __future__ import annotations

import argparse
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overlay.s3rec import models  # noqa: E402
from overlay.s3rec.models import MODELS, SRGNN, build  # noqa: E402

PUBLISHED, RELEASED = "srgnn-as-published", "srgnn-as-released"
FORMS = [(name, all_positions) for name in MODELS for all_positions in (False, True)]


def model(name: str, all_positions: bool, n_items: int = 30, hidden_size: int = 8, seed: int = 0) -> Any:
    """A small model in float64 and eval mode, its weights fixed by `seed`."""
    torch.manual_seed(seed)
    args = argparse.Namespace(item_size=n_items + 2, hidden_size=hidden_size, max_seq_length=50)
    return build(name, args, all_positions).double().eval()


def padded(*sessions: list[int], length: int = 12) -> Any:
    return torch.tensor([[0] * (length - len(s)) + s for s in sessions])


def random_sessions(seed: int, n_items: int = 4, n_sessions: int = 8, longest: int = 12) -> list[list[int]]:
    """Sessions over so few items that repeats, self loops and repeated edges all occur; the longest fills the input."""
    rng = np.random.default_rng(seed)
    lengths = [longest, 1, *rng.integers(2, longest, n_sessions - 2)]
    return [rng.integers(1, n_items + 1, n).tolist() for n in lengths]


@torch.no_grad()
def outputs(net: Any, ids: Any) -> np.ndarray:
    result: np.ndarray = net.finetune(ids).numpy()
    return result


@pytest.mark.parametrize(
    ("name", "item_size", "n_parameters"),
    [
        ("gru4rec", 3648, 315_456),
        ("gru4rec", 12103, 856_576),
        (RELEASED, 3648, 295_808),
        (RELEASED, 12103, 836_928),
    ],
)
@pytest.mark.parametrize("all_positions", [False, True])
def test_parameter_counts_are_those_of_the_release(
    name: str, item_size: int, n_parameters: int, all_positions: bool
) -> None:
    net = model(name, all_positions, n_items=item_size - 2, hidden_size=64)
    assert sum(p.numel() for p in net.parameters()) == n_parameters


@pytest.mark.parametrize(("name", "all_positions"), FORMS)
@pytest.mark.parametrize("length", [1, 7, 50])
def test_interface_of_the_upstream_trainer(name: str, all_positions: bool, length: int) -> None:
    net = model(name, all_positions)
    ids = padded([3], [4] * length, length=length)
    assert net.args.item_size == net.item_embeddings.num_embeddings == 32
    assert outputs(net, ids).shape == (2, length, 8)
    net.finetune(ids)[:, -1].sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize(("name", "all_positions"), FORMS)
def test_same_seed_same_bits(name: str, all_positions: bool) -> None:
    def step(seed: int) -> list[Any]:
        net = model(name, all_positions, seed=seed).train()
        net.finetune(padded(*random_sessions(0))).square().sum().backward()
        return [p.grad for p in net.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(step(3), step(3), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(step(3), step(4), strict=True))


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="'srgnn'"):
        build("srgnn", argparse.Namespace(item_size=5, hidden_size=2), True)


def test_gru4rec_is_the_equations_over_all_positions_padding_included() -> None:
    net = model("gru4rec", True)
    weights = {k: v.numpy() for k, v in net.state_dict().items()}
    ids, state = padded([5, 6, 5], length=5), np.zeros(128)
    got = outputs(net, ids)[0]
    for t, item in enumerate(ids[0].tolist()):
        r_in, z_in, n_in = np.split(weights["gru.weight_ih_l0"] @ weights["item_embeddings.weight"][item], 3)
        r_h, z_h, n_h = np.split(weights["gru.weight_hh_l0"] @ state, 3)
        update = sigmoid(z_in + z_h)
        state = (1 - update) * np.tanh(n_in + sigmoid(r_in + r_h) * n_h) + update * state
        np.testing.assert_allclose(got[t], weights["dense.weight"] @ state + weights["dense.bias"], rtol=1e-10)


def test_gru4rec_drops_out_embeddings_in_training_only() -> None:
    net = model("gru4rec", True)
    ids = padded([1, 2, 3])
    assert (outputs(net, ids) == outputs(net, ids)).all()
    net.train()
    assert (outputs(net, ids) != outputs(net, ids)).any()


def test_initial_weights() -> None:
    gru = model("gru4rec", True, n_items=1998, hidden_size=64)
    assert gru.item_embeddings.weight.std().item() == pytest.approx((2 / 2064) ** 0.5, rel=0.02)
    assert gru.item_embeddings.weight.max() > 1.2 * (6 / 2064) ** 0.5  # normal: a uniform draw would end here
    assert gru.item_embeddings.weight[0].abs().min() > 0
    assert gru.gru.weight_ih_l0.abs().max().item() == pytest.approx((6 / 448) ** 0.5, rel=0.01)
    assert gru.gru.weight_hh_l0.abs().max().item() == pytest.approx((6 / 512) ** 0.5, rel=0.01)
    released = model(RELEASED, True, hidden_size=64)
    assert 0.12 < max(p.abs().max().item() for p in released.parameters()) <= 1 / 8
    assert released.item_embeddings.weight[0].abs().min() > 0
    published = model(PUBLISHED, True, n_items=1998, hidden_size=64)
    assert published.item_embeddings.weight.std().item() == pytest.approx(0.1, rel=0.02)


def sigmoid(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-x))
    return result


def session_graph(items: list[int]) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Unique items, and the weights of edges in and out as the paper's figure 2 has them: [node, its neighbour]."""
    nodes = sorted(set(items))
    count = np.zeros((len(nodes), len(nodes)))
    for a, b in pairwise(items):
        count[nodes.index(a), nodes.index(b)] += 1
    leaving, entering = count.sum(1, keepdims=True), count.sum(0, keepdims=True)
    return nodes, (count / np.maximum(entering, 1)).T, count / np.maximum(leaving, 1)


def srgnn_reference(weights: dict[str, np.ndarray], items: list[int]) -> np.ndarray:
    """SR-GNN's answer to one session of real items, eqs. 1-7 one after the other with a matrix of unique nodes."""
    nodes, a_in, a_out = session_graph(items)
    v = weights["item_embeddings.weight"][nodes]
    messages = np.hstack((a_in @ v @ weights["edge_in.weight"].T, a_out @ v @ weights["edge_out.weight"].T))
    messages = messages + weights["edge_bias"]
    w_z, w_r, w_o = np.split(weights["from_messages.weight"], 3)
    u_z, u_r = np.split(weights["gates_from_node.weight"], 2)
    z, r = sigmoid(messages @ w_z.T + v @ u_z.T), sigmoid(messages @ w_r.T + v @ u_r.T)
    candidate = np.tanh(messages @ w_o.T + (r * v) @ weights["candidate_from_node.weight"].T)
    sequence = ((1 - z) * v + z * candidate)[[nodes.index(i) for i in items]]
    last = sequence[-1]
    inner = (
        weights["attend_last.weight"] @ last + sequence @ weights["attend_item.weight"].T + weights["attend_last.bias"]
    )
    alpha = sigmoid(inner) @ weights["attend_value.weight"][0]
    answer: np.ndarray = weights["join.weight"] @ np.concatenate((last, alpha @ sequence))
    return answer


def test_the_graph_of_the_papers_example() -> None:
    """v1 -> v2 -> v3 -> v2 -> v4: half of what leaves v2 goes to v3, half of what enters it comes from v1."""
    _, a_in, a_out = session_graph([1, 2, 3, 2, 4])
    assert a_out.tolist() == [[0, 1, 0, 0], [0, 0, 0.5, 0.5], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert a_in.tolist() == [[0, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 1, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_items", [1, 4, 30])
def test_as_published_every_prefix_equals_its_own_session(seed: int, n_items: int) -> None:
    net, sessions = model(PUBLISHED, True), random_sessions(seed, n_items)
    weights = {k: v.numpy() for k, v in net.state_dict().items()}
    got = outputs(net, padded(*sessions))
    for row, items in zip(got, sessions, strict=True):
        n_padding = len(row) - len(items)
        assert (row[:n_padding] == 0).all()
        for t in range(len(items)):
            np.testing.assert_allclose(
                row[n_padding + t], srgnn_reference(weights, items[: t + 1]), rtol=1e-9, atol=1e-12
            )


@pytest.mark.parametrize("seed", range(3))
def test_as_published_the_single_form_is_the_last_position_everywhere(seed: int) -> None:
    ids = padded(*random_sessions(seed))
    whole, single = outputs(model(PUBLISHED, True), ids), outputs(model(PUBLISHED, False), ids)
    np.testing.assert_allclose(single, np.repeat(whole[:, -1:], ids.shape[1], axis=1), rtol=1e-10)


@pytest.mark.parametrize("t", [0, 3, 7, 10])
def test_as_published_later_items_leave_earlier_outputs_alone(t: int) -> None:
    net, ids = model(PUBLISHED, True), padded(*random_sessions(1))
    edited = ids.clone()
    edited[:, t + 1 :] = torch.where(ids[:, t + 1 :] > 0, ids[:, t + 1 :] % 4 + 1, 0)
    before, after = outputs(net, ids), outputs(net, edited)
    np.testing.assert_allclose(before[:, : t + 1], after[:, : t + 1], rtol=1e-12, atol=1e-15)
    real = (ids > 0).numpy()[:, t + 1 :]
    assert (np.abs(before - after)[:, t + 1 :].max(axis=2)[real] > 1e-6).all()


@pytest.mark.parametrize("all_positions", [False, True])
def test_as_published_the_amount_of_padding_does_not_matter(all_positions: bool) -> None:
    net, sessions = model(PUBLISHED, all_positions), random_sessions(2)
    short, long = outputs(net, padded(*sessions, length=12)), outputs(net, padded(*sessions, length=31))
    np.testing.assert_allclose(short, long[:, -12:], rtol=1e-12)
    alone = outputs(net, padded(sessions[3], length=12))
    np.testing.assert_allclose(short[3:4], alone, rtol=1e-10, atol=1e-12)


def test_as_published_the_chunk_of_positions_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    net, ids = model(PUBLISHED, True), padded(*random_sessions(3))
    before = outputs(net, ids)
    monkeypatch.setattr(models, "POSITIONS_AT_ONCE", 1)
    np.testing.assert_allclose(before, outputs(net, ids), rtol=1e-12)


def test_as_published_node_states_number_two_per_position() -> None:
    """Each state is the node's in the graph it is said to be of, on a session with a return and a self loop."""
    net = model(PUBLISHED, True)
    assert isinstance(net, SRGNN)
    with torch.no_grad():
        heads, tails = net.node_states(torch.tensor([[1, 2, 1, 1, 3]]))
        alone, _ = net.node_states(torch.tensor([[1, 2]]))
    assert torch.equal(tails[0, 2], heads[0, 3])  # item 1 -> item 1: one node, one graph
    assert torch.allclose(heads[0, 1], alone[0, 1])


def changed(net: Any, ids: Any, position: int) -> list[int]:
    """Positions whose output changes when the item at `position` does."""
    edited = ids.clone()
    edited[:, position] = 29
    difference = np.abs(outputs(net, ids) - outputs(net, edited)).max(axis=(0, 2))
    return np.flatnonzero(difference > 1e-9).tolist()


@pytest.mark.parametrize("n_real", [5, 20, 26, 48])
def test_as_released_a_short_input_is_item_to_item(n_real: int) -> None:
    """From 26 items on the item at index length - 1 is real and reaches every position; at 26 it is the second one."""
    net = model(RELEASED, True)
    ids = padded([1 + i % 27 for i in range(n_real)], length=50)
    assert changed(net, ids, 50 - n_real) == [50 - n_real]
    assert changed(net, ids, 49) == [49]
    if n_real >= 26:
        assert changed(net, ids, n_real - 1) == list(range(50))


@pytest.mark.parametrize("n_real", [49, 50])
def test_as_released_a_full_input_leaks_the_future(n_real: int) -> None:
    net = model(RELEASED, True, n_items=60)
    ids = padded([1 + i for i in range(n_real)], length=50)
    ids[ids == 29] = 60
    assert changed(net, ids, 49) == list(range(50))


@pytest.mark.parametrize("all_positions", [False, True])
def test_as_released_edges_stop_at_the_first_padding(all_positions: bool) -> None:
    """Without an edge the order of the items means nothing; on the right of full inputs it does."""
    net = model(RELEASED, all_positions)
    bag, swapped = padded([1, 2, 3, 4], length=12), padded([1, 3, 2, 4], length=12)
    np.testing.assert_allclose(outputs(net, bag)[:, -1], outputs(net, swapped)[:, -1], rtol=1e-10)
    right, right_swapped = (torch.tensor([s + [0] * 8]) for s in ([1, 2, 3, 4], [1, 3, 2, 4]))
    tail, tail_swapped = outputs(net, right)[:, 3], outputs(net, right_swapped)[:, 3]
    assert np.abs(tail - tail_swapped).max() > 1e-7


def released_reference(weights: dict[str, np.ndarray], row: list[int], all_positions: bool) -> np.ndarray:
    """As-released SR-GNN on one row, by walking pairs until the first padding, with a binary matrix of unique nodes."""
    nodes = sorted(set(row))
    edge = np.zeros((len(nodes), len(nodes)))
    for a, b in pairwise(row):
        if b == 0:
            break
        edge[nodes.index(a), nodes.index(b)] = 1
    v = weights["item_embeddings.weight"][nodes]
    a_in, a_out = (edge / np.maximum(edge.sum(0), 1)).T, edge / np.maximum(edge.sum(1, keepdims=True), 1)
    arrivals = a_in @ (v @ weights["edge_in.weight"].T + weights["edge_in.bias"]) + weights["edge_in_bias"]
    departures = a_out @ (v @ weights["edge_out.weight"].T + weights["edge_out.bias"]) + weights["edge_out_bias"]
    from_messages = (
        np.hstack((arrivals, departures)) @ weights["from_messages.weight"].T + weights["from_messages.bias"]
    )
    m_r, m_z, m_o = np.split(from_messages, 3, axis=1)
    n_r, n_z, n_o = np.split(v @ weights["from_node.weight"].T + weights["from_node.bias"], 3, axis=1)
    z = sigmoid(m_z + n_z)
    state = ((1 - z) * v + z * np.tanh(m_o + sigmoid(m_r + n_r) * n_o))[[nodes.index(i) for i in row]]
    real = np.array(row) > 0
    last = state[real.sum() - 1]
    inner = weights["attend_last.weight"] @ last + weights["attend_last.bias"]
    inner = inner + state @ weights["attend_item.weight"].T + weights["attend_item.bias"]
    weighted = (sigmoid(inner) @ weights["attend_value.weight"][0])[:, None] * state
    pooled = weighted if all_positions else np.tile(weighted[real].sum(0), (len(row), 1))
    joined = np.hstack((pooled, np.tile(last, (len(row), 1))))
    answer: np.ndarray = joined @ weights["join.weight"].T + weights["join.bias"]
    return answer


@pytest.mark.parametrize("all_positions", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_as_released_equals_the_walk_over_pairs(all_positions: bool, seed: int) -> None:
    net, sessions = model(RELEASED, all_positions), random_sessions(seed)
    weights = {k: v.numpy() for k, v in net.state_dict().items()}
    ids = padded(
        *sessions, [1, 2, 1, 2, 1, 2, 2, 3, 1, 2, 3]
    )  # 11 of 12: full but for one padding, with repeated edges
    for got, row in zip(outputs(net, ids), ids.tolist(), strict=True):
        np.testing.assert_allclose(got, released_reference(weights, row, all_positions), rtol=1e-9, atol=1e-12)


def test_as_released_last_is_the_item_at_index_length_minus_1() -> None:
    """Editing the item there reaches all positions; for a short input that place is padding, shared by all users."""
    net = model(RELEASED, True)
    assert changed(net, padded([1, 2, 3, 4, 5, 6, 7, 8], length=12), 7) == list(range(12))
    assert changed(net, padded([1, 2, 3, 4, 5, 6, 7, 8], length=12), 8) == [8]
