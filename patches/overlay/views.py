"""The protocol of the view `items` of the ranks, which is the same for every code base with it."""

ITEMS_PROTOCOL = {
    "items.split": "leave-one-out", "items.ranking": "full", "items.seen": "excluded",
    "items.candidates": "all items of the data set",
}  # fmt: skip
