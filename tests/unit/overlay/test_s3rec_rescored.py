"""Released weights find their places in our networks, all of them, and a file that does not fit ends the run."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from overlay.s3rec import models, rescored  # noqa: E402

ARGS = argparse.Namespace(item_size=7, hidden_size=64, max_seq_length=50)
# What the released files hold, as far as names and shapes go.
GRU4REC = {
    "item_embeddings.weight": (7, 64), "gru_layers.weight_ih_l0": (384, 64), "gru_layers.weight_hh_l0": (384, 128),
    "dense.weight": (64, 128), "dense.bias": (64,),
}  # fmt: skip
SRGNN = {
    "item_embeddings.weight": (7, 64), "gnn.w_ih": (192, 128), "gnn.w_hh": (192, 64), "gnn.b_ih": (192,),
    "gnn.b_hh": (192,), "gnn.b_iah": (64,), "gnn.b_ioh": (64,), "gnn.linear_edge_in.weight": (64, 64),
    "gnn.linear_edge_in.bias": (64,), "gnn.linear_edge_out.weight": (64, 64), "gnn.linear_edge_out.bias": (64,),
    "linear_one.weight": (64, 64), "linear_one.bias": (64,), "linear_two.weight": (64, 64), "linear_two.bias": (64,),
    "linear_three.weight": (1, 64), "linear_transform.weight": (64, 128), "linear_transform.bias": (64,),
}  # fmt: skip


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {name: torch.full(shape, float(n)) for n, (name, shape) in enumerate(shapes.items())}


@pytest.mark.parametrize(("model", "shapes"), [("gru4rec", GRU4REC), ("srgnn-as-released", SRGNN)])
def test_every_released_weight_has_its_place(model: str, shapes: dict[str, tuple[int, ...]]) -> None:
    named = rescored.own_names(weights(shapes), model)
    network = models.build(model, ARGS, all_positions=False)
    network.load_state_dict(named)  # strict
    assert len(named) == len(shapes)
    if model == "srgnn-as-released":
        order = list(SRGNN)
        assert network.edge_out_bias[0].item() == order.index("gnn.b_ioh")
        assert network.attend_last.weight[0, 0].item() == order.index("linear_one.weight")


def test_a_weight_that_is_left_over_or_lacking_is_refused() -> None:
    network = models.build("gru4rec", ARGS, all_positions=False)
    more = rescored.own_names(weights({**GRU4REC, "gru_layers.bias_ih_l0": (384,)}), "gru4rec")
    with pytest.raises(RuntimeError, match="Unexpected key"):
        network.load_state_dict(more)
    fewer = {name: shape for name, shape in GRU4REC.items() if name != "dense.bias"}
    with pytest.raises(RuntimeError, match="Missing key"):
        network.load_state_dict(rescored.own_names(weights(fewer), "gru4rec"))


def test_two_weights_for_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two weights for gru\.weight"):
        rescored.own_names(weights({"gru.weight": (1,), "gru_layers.weight": (1,)}), "gru4rec")


def test_the_weights_lie_where_the_script_looks_and_it_trains_nothing(tmp_path: Path) -> None:
    file = tmp_path / "S3Rec-LastFM-150-BCE.pt"
    torch.save({"a": torch.ones(2)}, file)
    words = ["--checkpoint", str(file), "--model", "s3rec", "--output_dir", str(tmp_path), "--data_name", "LastFM"]
    options, message = rescored.prepared([*words, "--no_cuda"])
    assert options.checkpoint == str(file)
    assert (tmp_path / "Finetune_full-LastFM-0.pt").is_file()
    assert message[-1] == "--no_cuda"
    for pair in (("--epochs", "0"), ("--ckp", "0"), ("--model", "sasrec"), ("--model_name", "Finetune_full")):
        assert message[message.index(pair[0]) + 1] == pair[1]


def test_an_unknown_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        rescored.prepared(["--checkpoint", str(tmp_path), "--model", "bert4rec"])
    assert "invalid choice: 'bert4rec'" in capsys.readouterr().err
