"""Recipes and datasets: the committed ones load, and every mistake in a file is reported."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import recipe_texts
from recipe_texts import DATA, RECIPE, SHA, write

from harness.core.config import load as load_config
from harness.core.errors import RecipeError
from harness.recipes import loss_catalogue
from harness.recipes import recipe as recipes
from harness.recipes.papers import published
from harness.recipes.selection import Settings, systems

ROOT = Path(__file__).resolve().parents[3]


def refused(root: Path, text: str) -> list[str]:
    """The reported problems of a faulty recipe, line by line."""
    write(root, recipe=text)
    with pytest.raises(RecipeError) as caught:
        recipes.load_recipe(root, "paper/table", {})
    assert caught.value.exit_code == 2
    assert caught.value.where == str(root / "recipes/paper/table.yaml")
    return [line.strip() for line in caught.value.what.splitlines()]


SAYS_NOTHING = (  # figures, or compared with quoted numbers
    "klenitskiy2023/fig1", "petrov2023/fig1", "petrov2023/fig2", "petrov2023/table4",
)  # fmt: skip


@pytest.mark.parametrize("artifact", recipes.artifacts(ROOT))
def test_every_committed_recipe_loads_with_all_that_it_names(artifact: str) -> None:
    config = load_config(ROOT, {})
    recipe = recipes.load_recipe(ROOT, artifact, config.file.aliases)
    data = recipes.load_datasets(ROOT, recipe)
    assert tuple(data) == recipe.datasets
    config.upstream(recipe.upstream)
    config.environment(recipe.environment)
    assert bool(recipe.claim_list()) != (artifact in SAYS_NOTHING)
    assert any(system.floor for system in systems(recipe, Settings().where).values())
    for dataset in data.values():
        assert dataset.users * 3 <= dataset.interactions
        assert dataset.upstream == recipe.upstream


def test_there_are_committed_recipes_and_neither_papers_nor_data_count_as_such() -> None:
    assert {"demo/demo", "li2023/table2"} <= set(recipes.artifacts(ROOT))
    assert not [a for a in recipes.artifacts(ROOT) if a.startswith(("papers/", "data/"))]


def test_every_alias_leads_to_a_recipe() -> None:
    aliases = load_config(ROOT, {}).file.aliases
    for name, artifact in aliases.items():
        assert recipes.load_recipe(ROOT, name, aliases).artifact == artifact


def test_a_recipe_as_a_person_writes_it(tmp_path: Path) -> None:
    recipe = recipes.load_recipe(write(tmp_path), "t", {"t": "paper/table"})
    assert [(c.better, c.worse, c.metric) for c in recipe.claim_list()] == [
        ("net/ce-all", "net/bce", "HIT@10"),
        ("net/ce-all", "net/bce", "NDCG@10"),
        ("net/bce", "popularity", "NDCG@10"),
    ]
    assert [s.proven_loss for s in recipe.systems.values()] == ["", "bce", "ce-all", "bce"]
    assert recipe.margin.relative == 0.05
    assert list(recipes.load_datasets(tmp_path, recipe)) == ["small", "large"]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("split: leave-one-out, ranking: full, seen: kept, cold: items without training come last", ""),
        ("split: leave-one-out", "lacks ranking: full or sampled; lacks seen"),
        ("ranking: full, seen: kept", "lacks split: leave-one-out"),
        (
            "split: leave-one-ot, ranking: full, seen: kept",
            "unknown split 'leave-one-ot' (did you mean",
        ),
        ("split: leave-one-out, ranking: Full, seen: kept", "unknown ranking 'Full' (did you mean 'full'"),
        ("split: leave-one-out, rankng: full, seen: kept", "unknown key 'rankng' (did you mean 'ranking'"),
        ("split: leave-one-out, ranking: full, seen: ' '", "seen is empty"),
    ],
)
def test_a_protocol_with_which_nothing_could_be_compared_is_refused(tmp_path: Path, stated: str, message: str) -> None:
    """A mistyped or missing word was compared with no run, without a word."""
    text = RECIPE.replace("split: leave-one-out, ranking: full, seen: left out", stated)
    if message:
        (line,) = refused(tmp_path, text)[1:]
        assert line.startswith("protocol: ")
        assert message in line
    else:
        write(tmp_path, recipe=text)
        assert recipes.load_recipe(tmp_path, "paper/table", {}).protocol["seen"] == "kept"


def test_metrics_of_sampled_ranks_say_so(tmp_path: Path) -> None:
    """The table failed such runs and `status` called them finished."""
    text = RECIPE.replace("ranking: full", "ranking: sampled")
    (_, *lines) = refused(tmp_path, text)
    assert "HIT@10: the ranks are sampled, so name it sampled-HIT@10" in " ".join(lines)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Regression: claims, profiles and commands were checked only after every key and type was right."""
    text = RECIPE.replace("title: A table", "tittle: A table\nmargin: {relative: 5}")
    text = text.replace("seeds: [1, 2]", "seeds: [1, two]").replace("quick: {epochs: 3}", "quick: {epoch: 3}")
    text = text.replace("better: net/ce-all", "better: net/ce-al").replace("metrics: [NDCG@10]", "metrics: [NDGC@10]")
    lines = refused(tmp_path, text.replace("{lr}", "{lrs}"))
    assert lines[0] == "7 problem(s)"
    message = "\n".join(lines)
    assert "title: is missing" in lines
    assert "tittle: unknown key (did you mean 'title'? known: artifact, " in message
    assert "margin.relative: Input should be less than 1, got 5" in lines
    assert any(line.startswith("seeds[1]: ") and line.endswith("got 'two'") for line in lines)
    assert "profiles: quick: unknown option 'epoch' (did you mean 'epochs'? known: epochs, lr, mode)" in message
    assert "command: unknown variable {lrs} in '--lr={lrs}' (did you mean 'lr'? known: " in message
    assert "claims: unknown system 'net/ce-al' (did you mean 'net/ce-all'" in message
    assert "unknown metric 'NDGC@10' (did you mean 'NDCG@10'" in message


def test_an_unknown_key_deep_in_a_file_gets_the_keys_of_its_place(tmp_path: Path) -> None:
    text = RECIPE.replace("label: Net,", "lable: Net,").replace("published: {model: Net,", "published: {modle: Net,", 1)
    message = "\n".join(refused(tmp_path, text))
    assert "systems.net/bce.lable: unknown key (did you mean 'label'? known: about, arguments, checkpoint, " in message
    assert (
        "systems.net/bce.published.modle: unknown key (did you mean 'model'? known: label, loss, model, negatives, t)"
        in message
    )


def test_claims_wait_for_faulty_systems_instead_of_blaming_them(tmp_path: Path) -> None:
    message = refused(tmp_path, RECIPE.replace("label: Net,", ""))
    assert message == ["1 problem(s)", "systems.net/bce.label: is missing"]


@pytest.mark.parametrize("place", ["count.py", "--all", "--no_cuda", "train.py"])
def test_an_unknown_variable_is_found_wherever_a_command_stands(tmp_path: Path, place: str) -> None:
    message = "\n".join(refused(tmp_path, RECIPE.replace(place, '"{epoch}"')))
    assert "unknown variable {epoch} in '{epoch}' (did you mean 'epochs'? " in message


@pytest.mark.parametrize("word", ["{data", "data}", "{}", "{0}", "{data.name}"])
def test_a_word_that_format_cannot_fill_in_is_quoted(tmp_path: Path, word: str) -> None:
    assert repr(word) in "\n".join(refused(tmp_path, RECIPE.replace("train.py", f'"{word}"')))


def test_an_option_may_not_hide_what_the_harness_fills_in(tmp_path: Path) -> None:
    """`options: {seed: 7}` would train every seed of a record with 7."""
    message = refused(tmp_path, RECIPE.replace("mode: full", "seed: 7"))
    assert any("'seed' is filled in by the harness" in line for line in message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: [1, 2]", "seeds: [1, 2, 1]", "seeds: 1 is a duplicate"),
        ("seeds: [1, 2]", "seeds: []", "seeds: is empty"),
        ("metrics: [HIT@10, NDCG@10]", "metrics: [NDCG@10, NDCG@10]", "metrics: NDCG@10 is a duplicate"),
        ("datasets: [small, large]", "datasets: [small, small]", "datasets: small is a duplicate"),
    ],
)
def test_what_would_count_twice_or_never_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert any(line.startswith(message) for line in refused(tmp_path, RECIPE.replace(old, new)))


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """YAML's loader keeps the last of them: a system would vanish from a table without a word."""
    (line, *_) = refused(tmp_path, RECIPE.replace("net/ce-all: {model", "net/bce: {model"))
    assert line.startswith("is not readable: net/bce: duplicate key")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text)[0] == "1 problem(s)"


def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 3" in " ".join(refused(tmp_path, "a: 1\nb: [\n"))


def test_yaml_may_not_make_objects(tmp_path: Path) -> None:
    assert refused(tmp_path, "!!python/object/apply:os.getpid []")[0].startswith("is not readable")


def test_an_unknown_artifact_gets_near_misses_among_artifacts_and_aliases(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(RecipeError, match=re.escape("did you mean 'paper/table'? known: mine, paper/table")):
        recipes.load_recipe(tmp_path, "paper/tabel", {"mine": "paper/table"})


def test_no_file_outside_of_recipes_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(RECIPE)
    with pytest.raises(RecipeError, match="unknown artifact"):
        recipes.load_recipe(write(tmp_path), "../secret", {})


def test_a_recipe_says_the_name_of_its_path(tmp_path: Path) -> None:
    write(tmp_path, recipe=RECIPE.replace("artifact: paper/table", "artifact: paper/other"))
    with pytest.raises(RecipeError, match="is 'paper/other', its path says 'paper/table'"):
        recipes.load_recipe(tmp_path, "paper/table", {})


def test_all_unknown_datasets_are_told_at_once(tmp_path: Path) -> None:
    recipe = recipe_texts.recipe(datasets=["smal", "small", "huge"])
    with pytest.raises(RecipeError, match="unknown dataset 'smal', 'huge'\n  fix: did you mean 'small'"):
        recipes.load_datasets(write(tmp_path), recipe)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"epochs: 7, sha256: {SHA}", "epochs: 7", "Small.pt: give either sha256 or blob"),
        (f"epochs: 7, sha256: {SHA}", f"epochs: 7, sha256: {SHA}, blob: {'a' * 40}", "give either sha256 or blob"),
        (f"name: Small.txt, sha256: {SHA}", "name: Small.txt, sha256: abc", "files[0].sha256: String should match"),
        ("sequences: Small.txt", "sequences: small.txt", "no file 'small.txt' (did you mean 'Small.txt'"),
        ("path: data/Small.txt, ", "", "Small.txt without path, and no generate to make them"),
        ("users: 10", "users: many", "datasets.small.users: "),
        ("checkpoint: {path", "checkpoint: {pth: 1, path", "datasets.small.checkpoint.pth: unknown key (did you mean"),
    ],
)
def test_faulty_datasets_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert DATA.count(old) == 1
    write(tmp_path, data=DATA.replace(old, new))
    with pytest.raises(RecipeError, match=re.escape(message)):
        recipes.load_datasets(tmp_path, recipe_texts.recipe())


def test_a_checkpoint_says_what_pins_it() -> None:
    found = recipe_texts.data()["small"].checkpoint
    assert found is not None
    assert found.content == f"sha256:{SHA}"
    blob = found.model_copy(update={"sha256": None, "blob": "a" * 40})
    assert blob.content == f"blob:{'a' * 40}"


OPTIONS = RECIPE.replace(
    "net/bce: {model: net,", "net/bce: {model: net, loss_options: {k: 4, weighting: summed},"
).replace('"--loss={loss}",', '"--loss={loss}", "--loss_options={loss_options}",')


def with_catalogue(root: Path) -> Path:
    """The project with the committed catalogue of losses."""
    path = root / loss_catalogue.PATH
    path.parent.mkdir()
    path.write_bytes((ROOT / loss_catalogue.PATH).read_bytes())
    return root


def test_options_of_losses_and_places_for_others(tmp_path: Path) -> None:
    text = OPTIONS + "own_loss: [net/ce-all, deep/bce]\n"
    recipe = recipes.load_recipe(write(with_catalogue(tmp_path), recipe=text), "paper/table", {})
    assert recipe.systems["net/bce"].loss_options == {"k": 4, "weighting": "summed"}
    assert recipe.own_loss == ("net/ce-all", "deep/bce")


def test_mistakes_in_options_of_losses_are_told_with_all_others(tmp_path: Path) -> None:
    text = OPTIONS.replace("{k: 4, weighting: summed}", "{kk: 4, weighting: sumed}").replace("label: Deep", "label: 7")
    text = text.replace("net/ce-all: {model: net,", "net/ce-all: {model: net, loss_options: {k: 4},")
    lines = refused(with_catalogue(tmp_path), text)
    assert lines[0] == "1 problem(s)"  # a faulty label stops pydantic before the systems are checked together
    message = "\n".join(refused(tmp_path, text.replace("label: 7", "label: Deep").replace("title: A", "tittle: A")))
    assert "3 problem(s)" in message
    assert "systems: net/bce: bce has no option 'kk' (did you mean 'k'? known: average, " in message
    assert "net/bce: bce: weighting: unknown value 'sumed' (did you mean 'summed'? " in message
    assert "net/ce-all: ce-all has no option 'k' (known: average, form, reserved)" in message


def test_options_of_losses_need_a_word_that_hands_them_on(tmp_path: Path) -> None:
    message = refused(with_catalogue(tmp_path), OPTIONS.replace(' "--loss_options={loss_options}",', ""))
    assert message[1].startswith("command: net/bce has loss_options, and no word of its command has {loss_options}")


def test_a_seeded_system_needs_a_word_that_hands_on_the_seed(tmp_path: Path) -> None:
    """Without one, three seeds shared a key: one record gave ±0.0000 and "supported"."""
    message = refused(tmp_path, RECIPE.replace(' "--seed={seed}",', ""))
    assert message[1].startswith(
        "command: net/bce is seeded, and no word of its command has {seed}; if it is deterministic"
    )
    assert "net/ce-all is seeded" in message[1]
    assert "deep/bce is seeded" in message[1]
    assert "popularity" not in message[1]
    own = RECIPE.replace("label: Net+, ", "label: Net+, command: [python, train.py], ")
    (only,) = refused(tmp_path, own)[1:]
    assert only.startswith("command: net/ce-all is seeded")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("own_loss: [net/ceall]", "own_loss: unknown system 'net/ceall' (did you mean 'net/ce-all'"),
        ("own_loss: [popularity]", "popularity does not train"),
        ("own_loss: [net/ce-all, net/bce]", "own_loss: net is a duplicate"),
        ("own_loss: [net/ce-all, net/ce-all]", "own_loss: net is a duplicate"),
    ],
)
def test_places_that_cannot_take_another_loss_are_refused(tmp_path: Path, line: str, message: str) -> None:
    assert message in "\n".join(refused(with_catalogue(tmp_path), OPTIONS + line + "\n"))


def test_a_place_whose_command_names_no_loss_is_refused(tmp_path: Path) -> None:
    message = "\n".join(refused(tmp_path, RECIPE + "own_loss: [net/ce-all]\n"))
    assert "own_loss: net/ce-all: no word of its command has {loss_options}" in message


def test_losses_that_a_recipe_takes_from_an_overlay_file_are_pinned_by_its_hash() -> None:
    """A proof is the function and the hash of its file, so an edited file must come with an edited recipe."""
    found = 0
    for artifact in recipes.artifacts(ROOT):
        for key, system in recipes.load_recipe(ROOT, artifact, {}).systems.items():
            for word in system.arguments:
                if match := re.fullmatch(r"--loss=harness_overlay/([\w/]+\.py):(\w+)", word):
                    content = (ROOT / "patches/overlay" / match[1]).read_bytes()
                    assert system.proof == f"{match[2]}@{hashlib.sha256(content).hexdigest()[:12]}", (
                        f"{artifact}: {key}"
                    )
                    found += 1
    assert found == 8


def test_every_point_of_the_logs_behind_figure_1_has_its_systems() -> None:
    recipe = recipes.load_recipe(ROOT, "li2023/fig1", {})
    message = [p for p in published.published_numbers(ROOT, recipe) if p.beside == "log" and p.metric == "HIT@10"]
    systems = {key for key in recipe.systems if key != "popularity" and "mlm" not in key}  # no log of mlm-ce
    assert {p.system for p in message} == systems
    assert len(message) == len(systems) == 27
    assert next(p.value for p in message if p.system == "sasrec/bpr-100-as-published") == 0.0132
