"""GRU4Rec and SR-GNN for upstreams that have neither, behind the interface of the S3Rec upstream's trainer.

A model has `.args`, `.item_embeddings` and `finetune(input_ids)`: (B, L) int64 ids padded with 0 on the left, to
(B, L, hidden). The caller scores by the last position's hidden state times the whole embedding table, and picks the
loss. There are two forms of SR-GNN, as published (AAAI 2019) and as released with Li et al. 2023; they are
independent.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor, nn

POSITIONS_AT_ONCE = 5  # of the all-positions attention: bounds its memory to B x 5 x L x hidden numbers per step


class GRU4Rec(nn.Module):
    """One GRU layer of 128 units over item embeddings, projected to the embedding size; one output per position.

    Source: Hidasi et al. 2016 for the idea; layers, dropout of 0.5 and initialisation as released with Li et al. 2023.
    As there, padding is input like any item: the GRU also runs over it.
    """

    def __init__(self, args: argparse.Namespace, inner_size: int = 128, dropout: float = 0.5) -> None:
        super().__init__()
        self.args = args
        self.item_embeddings = nn.Embedding(args.item_size, args.hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(args.hidden_size, inner_size, bias=False, batch_first=True)
        self.dense = nn.Linear(inner_size, args.hidden_size)
        nn.init.xavier_normal_(self.item_embeddings.weight)
        for weight in self.gru.parameters():
            nn.init.xavier_uniform_(weight)

    def finetune(self, input_ids: Tensor) -> Tensor:
        """Output at each position: (B, L) ids to (B, L, hidden)."""
        states, _ = self.gru(self.dropout(self.item_embeddings(input_ids)))
        output: Tensor = self.dense(states)
        return output


class SRGNN(nn.Module):
    """SR-GNN as published: the graph of the real items, a gated step, soft attention joined with the last item.

    Args:
        all_positions: output t is the model's answer to the prefix up to t, from the graph of that prefix alone; padded
            positions hold zeros. Otherwise the answer to the whole sequence is repeated at every position.
    Source: Wu et al., AAAI 2019, eqs. 1-7, with one propagation step; all weights from a normal distribution with a
        standard deviation of 0.1 (its section on set-up). The attention sums over positions, so a repeated item counts
        as often as it occurs. An edge weighs its occurrences over those of all edges leaving (entering) the node.
    """

    def __init__(self, args: argparse.Namespace, all_positions: bool) -> None:
        super().__init__()
        size = args.hidden_size
        self.args, self.all_positions = args, all_positions
        self.item_embeddings = nn.Embedding(args.item_size, size)
        self.edge_in, self.edge_out = nn.Linear(size, size, bias=False), nn.Linear(size, size, bias=False)  # eq. 1: H
        self.edge_bias = nn.Parameter(torch.empty(2 * size))  # eq. 1: b
        self.from_messages = nn.Linear(2 * size, 3 * size, bias=False)  # eqs. 2-4: W_z, W_r, W_o
        self.gates_from_node = nn.Linear(size, 2 * size, bias=False)  # eqs. 2, 3: U_z, U_r
        self.candidate_from_node = nn.Linear(size, size, bias=False)  # eq. 4: U_o
        self.attend_last = nn.Linear(size, size)  # eq. 6: W_1 and c
        self.attend_item = nn.Linear(size, size, bias=False)  # eq. 6: W_2
        self.attend_value = nn.Linear(size, 1, bias=False)  # eq. 6: q
        self.join = nn.Linear(2 * size, size, bias=False)  # eq. 7: W_3
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.1)

    def finetune(self, input_ids: Tensor) -> Tensor:
        """Output at each position: (B, L) ids to (B, L, hidden)."""
        order, ids = _padding_last(input_ids)
        heads, tails = self.node_states(ids)
        if self.all_positions:
            answers = self._answer_prefixes(ids, heads, tails) * (ids > 0).unsqueeze(2)
            empty = answers.new_zeros((*input_ids.shape, answers.shape[2]))
            return empty.scatter(1, order.unsqueeze(2).expand_as(answers), answers)
        return _repeat(self._answer_whole(ids, heads, tails), input_ids.shape[1])

    def node_states(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Every node state that a prefix needs, for ids (B, W) with the padding last; two tensors (B, W, hidden).

        A new item changes two nodes of the graph only: its own (it gains an edge in) and the one before it (it gains an
        edge out). So W prefixes need 2 W states instead of W^2: `heads[t]` is the node of item t in the graph of items
        0..t, `tails[s]` the node of item s in the graph of items 0..s+1, which it keeps until item s occurs again.
        """
        steps = torch.arange(ids.shape[1], device=ids.device)
        same = _same_item(ids)
        nodes = self.item_embeddings(ids)
        edge = (ids[:, 1:] > 0).unsqueeze(1)
        heads = self._gated_step(nodes, same, edge & (steps[1:] <= steps.unsqueeze(1)))
        tails = self._gated_step(nodes, same, edge & (steps[1:] <= steps.unsqueeze(1) + 1))
        return heads, tails

    def _gated_step(self, nodes: Tensor, same: Tensor, edge: Tensor) -> Tensor:
        """The node at each position after one step (eqs. 1-5); for the shapes see `_messages`."""
        arrivals, departures = _messages(nodes, same, edge)
        messages = torch.cat((self.edge_in(arrivals), self.edge_out(departures)), dim=2) + self.edge_bias
        from_z, from_r, from_o = self.from_messages(messages).chunk(3, dim=2)
        node_z, node_r = self.gates_from_node(nodes).chunk(2, dim=2)
        update, reset = torch.sigmoid(from_z + node_z), torch.sigmoid(from_r + node_r)
        candidate = torch.tanh(from_o + self.candidate_from_node(reset * nodes))
        return (1 - update) * nodes + update * candidate

    def _answer_prefixes(self, ids: Tensor, heads: Tensor, tails: Tensor) -> Tensor:
        """Eqs. 6 and 7 for every prefix of ids (B, W), padding last: (B, W, hidden)."""
        counts, own_counts = _occurrences(ids)
        queries, keys = self.attend_last(heads), self.attend_item(tails)
        pooled = []
        for start in range(0, ids.shape[1], POSITIONS_AT_ONCE):
            stop = min(start + POSITIONS_AT_ONCE, ids.shape[1])
            rows = (ids[:, start] > 0).nonzero().squeeze(1)  # shorter sequences have ended: saves most of the work
            query, weight = queries[rows, start:stop], counts[rows, start:stop, :stop]
            part = self._pool(query, keys[rows, :stop], tails[rows, :stop], weight)
            pooled.append(part.new_zeros((len(ids), *part.shape[1:])).index_copy(0, rows, part))
        return self._join(heads, queries, own_counts, torch.cat(pooled, dim=1))

    def _answer_whole(self, ids: Tensor, heads: Tensor, tails: Tensor) -> Tensor:
        """Eqs. 6 and 7 for the whole of ids (B, W), padding last: (B, hidden)."""
        counts, own_counts = _occurrences(ids)
        rows = torch.arange(len(ids), device=ids.device)
        last = ((ids > 0).sum(dim=1) - 1).clamp(min=0)
        head = heads[rows, last].unsqueeze(1)
        query = self.attend_last(head)
        pooled = self._pool(query, self.attend_item(tails), tails, counts[rows, last].unsqueeze(1))
        return self._join(head, query, own_counts[rows, last].unsqueeze(1), pooled).squeeze(1)

    def _pool(self, queries: Tensor, keys: Tensor, values: Tensor, counts: Tensor) -> Tensor:
        """Attention sum over nodes: queries (R, T, hidden), keys and values (R, S, hidden), counts (R, T, S)."""
        energy = self.attend_value(torch.sigmoid(queries.unsqueeze(2) + keys.unsqueeze(1))).squeeze(3)
        return torch.bmm(energy * counts, values)

    def _join(self, heads: Tensor, queries: Tensor, own_counts: Tensor, pooled: Tensor) -> Tensor:
        """Add the last item's own node to the sum over the others, and join it with that node: all (R, T, hidden)."""
        energy = self.attend_value(torch.sigmoid(queries + self.attend_item(heads)))
        output: Tensor = self.join(torch.cat((heads, pooled + energy * own_counts.unsqueeze(2) * heads), dim=2))
        return output


class SRGNNAsReleased(nn.Module):
    """SR-GNN as released with Li et al. 2023, made for padding on the right but fed with padding on the left.

    So edges end before the first padding (a sequence shorter than L - 1 has none), padding is a node like any item, and
    "last" is the item at index length - 1, mostly padding. An edge counts once, even if it occurs repeatedly. This is
    intended.

    Args:
        all_positions: the enhanced form: output t joins "last" with the attention-weighted state of position t alone.
            Otherwise the original: the attention sum over real positions joined with "last", one vector for all of L.
    Source: behaviour of `Li-fAngyU/sequential_rec` at 2309949; its checkpoints of LastFM, Beauty and Toys, loaded here,
        give its logged metrics. No item repeats in those data, so that an edge counts only once is unconfirmed.
    """

    def __init__(self, args: argparse.Namespace, all_positions: bool) -> None:
        super().__init__()
        size = args.hidden_size
        self.args, self.all_positions = args, all_positions
        self.item_embeddings = nn.Embedding(args.item_size, size)
        self.edge_in, self.edge_out = nn.Linear(size, size), nn.Linear(size, size)
        self.edge_in_bias = nn.Parameter(torch.empty(size))  # besides that of `edge_in`, which acts on edges only
        self.edge_out_bias = nn.Parameter(torch.empty(size))
        self.from_messages, self.from_node = nn.Linear(2 * size, 3 * size), nn.Linear(size, 3 * size)
        self.attend_last, self.attend_item = nn.Linear(size, size), nn.Linear(size, size)
        self.attend_value = nn.Linear(size, 1, bias=False)
        self.join = nn.Linear(2 * size, size)
        bound = 1 / size**0.5
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def finetune(self, input_ids: Tensor) -> Tensor:
        """Output at each position: (B, L) ids to (B, L, hidden)."""
        states = self._gated_step(input_ids)
        length = (input_ids > 0).sum(dim=1)
        rows = torch.arange(len(input_ids), device=input_ids.device)
        last = states[rows, length - 1].unsqueeze(1)
        energy = self.attend_value(torch.sigmoid(self.attend_last(last) + self.attend_item(states)))
        weighted = energy * states
        output: Tensor
        if self.all_positions:
            output = self.join(torch.cat((weighted, last.expand_as(weighted)), dim=2))
            return output
        pooled = (weighted * (input_ids > 0).unsqueeze(2)).sum(dim=1)
        output = self.join(torch.cat((pooled, last.squeeze(1)), dim=1))
        return _repeat(output, input_ids.shape[1])

    def _gated_step(self, input_ids: Tensor) -> Tensor:
        """The node at each position after one step: (B, L) ids to (B, L, hidden)."""
        nodes = self.item_embeddings(input_ids)
        same = _same_item(input_ids)
        seen_before = (same[:, :-1, :-1] & same[:, 1:, 1:]).tril(diagonal=-1).any(dim=2)
        unbroken = (input_ids[:, 1:] != 0).long().cumprod(dim=1) > 0
        edge = (unbroken & ~seen_before).unsqueeze(1)
        arrivals, _ = _messages(self.edge_in(nodes), same, edge)
        _, departures = _messages(self.edge_out(nodes), same, edge)
        messages = torch.cat((arrivals + self.edge_in_bias, departures + self.edge_out_bias), dim=2)
        message_r, message_z, message_o = self.from_messages(messages).chunk(3, dim=2)
        node_r, node_z, node_o = self.from_node(nodes).chunk(3, dim=2)
        reset, update = torch.sigmoid(message_r + node_r), torch.sigmoid(message_z + node_z)
        candidate = torch.tanh(message_o + reset * node_o)
        state: Tensor = (1 - update) * nodes + update * candidate
        return state


MODELS = ("gru4rec", "srgnn-as-published", "srgnn-as-released")


def build(name: str, args: argparse.Namespace, all_positions: bool) -> nn.Module:
    """The model called `name` in recipes; GRU4Rec is one network for both forms, its caller selects the position.

    Raises:
        ValueError: if there is no such model.
    """
    if name == "gru4rec":
        return GRU4Rec(args)
    if name == "srgnn-as-published":
        return SRGNN(args, all_positions)
    if name == "srgnn-as-released":
        return SRGNNAsReleased(args, all_positions)
    raise ValueError(f"unknown model {name!r}; known: {', '.join(MODELS)}")


def _padding_last(input_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Real items moved to the front, cut to the longest sequence: their former positions and their ids, both (B, W)."""
    n_positions = input_ids.shape[1]
    position = torch.arange(n_positions, device=input_ids.device)
    order = torch.argsort(position + n_positions * (input_ids == 0).long(), dim=1)  # unique keys: no stable sort needed
    width = max(1, int((input_ids > 0).sum(dim=1).max()))
    return order[:, :width], input_ids.gather(1, order[:, :width])


def _same_item(ids: Tensor) -> Tensor:
    """Whether two positions hold the same item, padding being one: (B, W) ids to (B, W, W) bool."""
    return ids.unsqueeze(2) == ids.unsqueeze(1)


def _messages(nodes: Tensor, same: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the nodes before, and mean of the nodes after, the item at each position; zeros if there is none.

    Nodes are held by position, an item's copies alike, so no list of unique items is needed.
    Args:
        nodes: (B, W, hidden).
        same: (B, W, W) bool, whether two positions hold the same item.
        edge: (B, 1 or W, W - 1) bool: at [i, p], whether p to p + 1 is an edge in the graph that position i looks at.
    """
    entering, leaving = (same[:, :, 1:] & edge).to(nodes.dtype), (same[:, :, :-1] & edge).to(nodes.dtype)
    arrivals = torch.bmm(entering / entering.sum(dim=2, keepdim=True).clamp(min=1), nodes[:, :-1])
    departures = torch.bmm(leaving / leaving.sum(dim=2, keepdim=True).clamp(min=1), nodes[:, 1:])
    return arrivals, departures


def _occurrences(ids: Tensor) -> tuple[Tensor, Tensor]:
    """How often each node counts in the attention sum of each prefix, for ids (B, W) with the padding last.

    Returns:
        (B, W, W): at [t, s] the occurrences, among items 0..t, of the item whose last occurrence before t is s; 0 if s
            is not the last one, or if it is item t itself. (B, W): those of item t among items 0..t.
    """
    same = _same_item(ids).long()
    own = same.tril().sum(dim=2)
    seen_again = same.triu(diagonal=1).cumsum(dim=2).transpose(1, 2) > 0
    earlier = torch.ones_like(same[0], dtype=torch.bool).tril(diagonal=-1)
    counts = own.unsqueeze(1) * (earlier & ~seen_again)
    return counts, own


def _repeat(vector: Tensor, n_positions: int) -> Tensor:
    """One vector per sequence, (B, hidden), at each of its positions: (B, n_positions, hidden)."""
    return vector.unsqueeze(1).expand(-1, n_positions, -1)
