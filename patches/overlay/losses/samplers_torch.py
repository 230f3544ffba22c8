"""Negatives for the sampled losses: uniform, exact, from a given generator; no draw is rejected.

The rows that may not be drawn form a sorted list f_0 < f_1 < ... Of the rows that are left, the one with index r
(from 0) is r + #{i: f_i - i <= r}, because f_i - i rows are left below f_i. So one draw of r in [0, number left) is
enough for any forbidden rows, and no table of the catalogue is built.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_exclude, check_k, check_not_target, too_few


def draw(
    generator: torch.Generator | None,
    k: int,
    targets: Tensor,
    mask: Tensor,
    n_rows: int,
    excluded_rows: tuple[int, ...],
    exclude: str,
    seen: Tensor | None,
) -> Tensor:
    """`k` rows for each position, with replacement, uniform over those that are left.

    Args:
        generator: source of random numbers, on its own device; None for PyTorch's default one.
        targets: (B, L) int64, the next item of each position.
        mask: (B, L) bool, positions that count.
        n_rows: rows of the table.
        excluded_rows: rows that are not items (padding, mask token).
        exclude: what else a negative must not be: `none`, `target` (its position's own next item) or `sequence`
            (nothing that the sequence holds: its targets, and `seen`).
        seen: (B, S) int64, further items of each sequence, its inputs; reserved rows may be among them.
    Returns:
        (B, L, k) int64, on the device of `targets`.
    Raises:
        ValueError: `exclude` is unknown, k is below 1, or no row is left.
    """
    forbidden = _forbidden(targets, mask, n_rows, excluded_rows, exclude, seen)
    left = _left(forbidden, n_rows)
    check_k(k)
    if int(left.min()) < 1:
        raise ValueError(too_few(k, int(left.min()), 1))
    batch, length = targets.shape
    uniform = torch.rand(
        (batch, length * k), generator=generator, device=_device(generator, targets), dtype=torch.double
    )
    if forbidden.shape[0] == batch * length:  # a list for each position
        place = (uniform.to(targets.device).reshape(batch * length, k) * left).long()
    else:
        place = (uniform.to(targets.device) * left).long()
    return _nth_left(place.minimum(left - 1), forbidden).reshape(batch, length, k)


def draw_shared(
    generator: torch.Generator | None,
    k: int,
    targets: Tensor,
    mask: Tensor,
    n_rows: int,
    excluded_rows: tuple[int, ...],
    exclude: str,
    seen: Tensor | None,
) -> Tensor:
    """`k` different rows for each sequence, shared by its positions; all else as in `draw`.

    Returns:
        (B, k) int64, on the device of `targets`.
    Raises:
        ValueError: `exclude` is unknown or asks for a position's own target, k is below 1, or fewer than k are left.
    """
    check_not_target(exclude)
    forbidden = _forbidden(targets, mask, n_rows, excluded_rows, exclude, seen)
    left = _left(forbidden, n_rows).expand(targets.shape[0], 1)
    check_k(k)
    if int(left.min()) < k:
        raise ValueError(too_few(k, int(left.min()), k))
    device = _device(generator, targets)
    places = [_distinct(generator, k, n, device) for n in left.squeeze(1).tolist()]
    return _nth_left(torch.stack(places).to(targets.device), forbidden)


def _device(generator: torch.Generator | None, like: Tensor) -> torch.device:
    return like.device if generator is None else generator.device


def _forbidden(
    targets: Tensor, mask: Tensor, n_rows: int, excluded_rows: tuple[int, ...], exclude: str, seen: Tensor | None
) -> Tensor:
    """Sorted forbidden rows of each list, (1 or B or B * L, F); repeated ones and fillers beyond n_rows, at the end."""
    check_exclude(exclude)
    reserved = torch.tensor(excluded_rows, dtype=torch.int64, device=targets.device)
    own = torch.empty((1, 0), dtype=torch.int64, device=targets.device)
    # 1. What a list forbids besides reserved rows; positions that do not count forbid nothing (n_rows is not a row).
    if exclude == "target":
        own = targets.masked_fill(~mask, n_rows).reshape(-1, 1)
    if exclude == "sequence":
        own = targets.masked_fill(~mask, n_rows)
        own = own if seen is None else torch.cat([own, seen], dim=1)
    # 2. Sorted, each row once: a repeated one becomes n_rows and goes to the end.
    rows = torch.cat([reserved.expand(own.shape[0], -1), own], dim=1).sort(dim=1).values
    again = rows[:, 1:] == rows[:, :-1]
    rows[:, 1:] = rows[:, 1:].masked_fill(again, n_rows)
    rows = rows.sort(dim=1).values
    # 3. Numbers that are not rows are raised above every index, see `_nth_left`.
    return rows.masked_fill(rows >= n_rows, n_rows + rows.shape[1])


def _left(forbidden: Tensor, n_rows: int) -> Tensor:
    """The number of rows left by each list, (lists, 1)."""
    return n_rows - (forbidden < n_rows).sum(dim=1, keepdim=True)


def _nth_left(place: Tensor, forbidden: Tensor) -> Tensor:
    """The rows that are left at these places, (lists, m); with one list for all, it serves every row of `place`."""
    before = forbidden - torch.arange(forbidden.shape[1], device=forbidden.device)
    if before.shape[0] == 1:
        return place + torch.searchsorted(before[0], place, right=True)
    return place + torch.searchsorted(before.contiguous(), place.contiguous(), right=True)


def _distinct(generator: torch.Generator | None, k: int, n: int, device: torch.device) -> Tensor:
    """`k` different numbers below `n`, (k,), each ordered choice equally likely.

    The first k different ones of a stream of draws with replacement; where k is near n, the start of a permutation.
    """
    if 3 * k > n:
        return torch.randperm(n, generator=generator, device=device)[:k]
    stream = torch.randint(n, (2 * k,), generator=generator, device=device)
    while True:
        # Sorted by number, equal ones in their order: the first of each run is a number's first occurrence.
        values, order = stream.sort(stable=True)
        first = torch.ones_like(values, dtype=torch.bool)
        first[1:] = values[1:] != values[:-1]
        places = order[first].sort().values
        if len(places) >= k:
            return stream[places[:k]]
        stream = torch.cat([stream, torch.randint(n, (k,), generator=generator, device=device)])
