"""Make up sequences whose order can be learnt.

    python generate.py --out data.txt --seed 1

Items belong to clusters and differ in popularity (Zipf, exponent 1). A user walks: with probability FOLLOW to one of
the few items that tend to follow the present one, with probability STAY to an item of the same cluster by popularity,
else to any item by popularity. Nobody gets an item twice. Only Generator.random and exact arithmetic (divisions,
running sums) are used, so that the file is the same everywhere.
"""
# mypy: ignore-errors

import argparse
from itertools import accumulate

import numpy as np

FOLLOW, STAY = 0.5, 0.2


def draw(rng, items, sums):
    """One of `items`, the first ones most often; `sums` are the running sums of 1 / rank."""
    return items[int(np.searchsorted(sums[: len(items)], rng.random() * sums[len(items) - 1], side="right"))]


def shuffled(rng, n):
    return [int(place) for place in np.argsort(rng.random(n), kind="stable")]


def world(rng, n_items, n_clusters, n_followers):
    """Items by popularity, each item's cluster by popularity, and each item's followers, likeliest first."""
    order = shuffled(rng, n_items)
    clusters = [order[start::n_clusters] for start in range(n_clusters)]
    cluster_of = {item: cluster for cluster in clusters for item in cluster}
    followers = {}
    for item in range(n_items):
        near = cluster_of[item]
        followers[item] = [near[place] for place in shuffled(rng, len(near))[:n_followers]]
    return order, cluster_of, followers


def walk(rng, length, order, cluster_of, followers, sums):
    """The items of one user."""
    items = [draw(rng, order, sums)]
    while len(items) < length:
        chance = rng.random()
        if chance < FOLLOW:
            choices = followers[items[-1]]
        elif chance < FOLLOW + STAY:
            choices = cluster_of[items[-1]]
        else:
            choices = order
        item = draw(rng, choices, sums)
        if item not in items:
            items.append(item)
    return items


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--followers", type=int, default=4)
    parser.add_argument("--shortest", type=int, default=7)
    parser.add_argument("--longest", type=int, default=17)
    return parser.parse_args()


def main():
    args = arguments()
    rng = np.random.Generator(np.random.PCG64(args.seed))
    sums = list(accumulate(1.0 / rank for rank in range(1, args.items + 1)))
    order, cluster_of, followers = world(rng, args.items, args.clusters, args.followers)
    users = []
    for _ in range(args.users):
        length = args.shortest + int(rng.random() * (args.longest - args.shortest + 1))
        users.append(walk(rng, length, order, cluster_of, followers, sums))
    # Items that nobody got are left out; the others are numbered from 1.
    number = {item: place for place, item in enumerate(sorted({item for items in users for item in items}), start=1)}
    with open(args.out, "w", newline="\n") as file:
        for user, items in enumerate(users, start=1):
            file.write(" ".join(str(field) for field in [user, *(number[item] for item in items)]) + "\n")


if __name__ == "__main__":
    main()
