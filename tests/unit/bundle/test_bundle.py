"""A bundle is whole, verified, loaded, and the same bytes from the same inputs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

import autosample
from autosample.bundle import archive
from autosample.bundle.write import write
from autosample.data.options import ReadOptions
from autosample.data.synthetic import Synthetic
from autosample.errors import BundleError, NotFound, SpecError
from autosample.library import Result
from autosample.models import export
from autosample.samplers import DNS, UniformSampler

FILES = {
    "README.md", "config.json", "environment.json", "items.parquet", "manifest.json",
    "metrics.json", "model.safetensors", "recipe.json", "report.html", "sampler.json",
    "seen.parquet", "trace.json", "users.parquet",
}  # fmt: skip
CLOCKS = {"trace.json", "environment.json", "manifest.json"}
SMALL: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    "training": {"epochs": 4},
    "strategy": {"kind": "race", "warmup": 1, "rungs": [{"epochs": 1, "keep": 1}]},
}


def run(model: str = "mf") -> Result:
    dataset = Synthetic(users=80, items=60, pairs_per_user=10).build().dataset
    return autosample.search(dataset, model={"kind": model}, **SMALL)


@pytest.fixture(scope="module")
def result() -> Result:
    return run()


@pytest.fixture
def folder(result: Result, tmp_path: Path) -> Path:
    result.save(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_it_has_the_files_it_promises(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == FILES
    assert archive.verify(folder)["schema"] == archive.SCHEMA


def test_the_same_inputs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    run().save(tmp_path / "again")
    for name in FILES - CLOCKS:
        ours, theirs = (
            (folder / name).read_bytes(),
            (tmp_path / "again" / name).read_bytes(),
        )
        assert ours == theirs, name


TAMPER: dict[str, Callable[[Path], object]] = {
    "a changed byte": lambda d: _flip(d / "model.safetensors"),
    "a changed sampler": lambda d: (d / "sampler.json").write_text('{"kind":"dns"}'),
    "a missing file": lambda d: (d / "seen.parquet").unlink(),
    "a strange file": lambda d: (d / "extra.txt").write_text("hello"),
    "a changed manifest": lambda d: _flip(d / "manifest.json"),
    "no manifest": lambda d: (d / "manifest.json").unlink(),
    "a changed clock": lambda d: (d / "trace.json").write_text("{}"),
}


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("change", TAMPER)
def test_any_change_is_refused(folder: Path, change: str) -> None:
    TAMPER[change](folder)
    with pytest.raises(BundleError):
        autosample.load(folder)


@pytest.mark.parametrize("model", ["mf", "lightgcn"])
def test_it_recommends_what_the_model_ranks_highest_and_is_new(
    model: str, tmp_path: Path
) -> None:
    result = run(model)
    loaded = result.save(tmp_path / "bundle")
    outcome = result.outcome
    exported = export(outcome.model, outcome.known)
    known = outcome.known
    for row in (0, 17, 40):
        scores = exported["items"] @ exported["users"][row]
        scores[torch.from_numpy(known.items_of(row).astype(np.int64))] = -torch.inf
        best = [
            outcome.dataset.items[i].as_py() for i in scores.topk(5).indices.tolist()
        ]
        user = outcome.dataset.users[row].as_py()
        assert [each.item for each in loaded.recommend(user, 5)] == best


def test_seen_items_return_only_when_asked_for(folder: Path, result: Result) -> None:
    loaded = autosample.load(folder)
    user = loaded.users[0].as_py()
    known = set(result.outcome.known.items_of(0).tolist())
    seen = {loaded.items[item].as_py() for item in known}
    every = loaded.recommend(user, 1000)
    assert not seen & {each.item for each in every}
    assert len(every) == len(loaded.items) - len(seen)
    assert len(loaded.recommend(user, 1000, only_new=False)) == len(loaded.items)


@pytest.mark.parametrize("user", [10**9, "no such user", None, 3.5, 2**70])
def test_an_unknown_user_is_named(folder: Path, user: object) -> None:
    with pytest.raises(NotFound, match="is not among the 80"):
        autosample.load(folder).recommend(user)


def test_a_zip_loads_as_its_folder_does(folder: Path, tmp_path: Path) -> None:
    archive.pack(folder, tmp_path / "b.zip")
    user = autosample.load(folder).users[3].as_py()
    ours = autosample.load(tmp_path / "b.zip").recommend(user)
    assert ours == autosample.load(folder).recommend(user)
    first = (tmp_path / "b.zip").read_bytes()
    archive.pack(folder, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == first


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_text("no")
    with pytest.raises(BundleError, match="not a readable zip"):
        autosample.load(tmp_path / "b.zip")


def test_strings_as_ids_come_back_as_strings(tmp_path: Path) -> None:
    dataset = Synthetic(users=60, items=40, pairs_per_user=8).build().dataset
    users = [f"u{user}" for user in dataset.train.users_E]
    items = [f"i{item}" for item in dataset.train.items_E]
    named = autosample.from_arrays(users, items)
    loaded = autosample.search(named, **SMALL).save(tmp_path / "b")
    found = loaded.recommend("u0", 3)
    assert all(isinstance(each.item, str) for each in found)
    assert len(found) == 3


def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    result = run()
    next(result.outcome.model.parameters()).data[0, 0] = torch.nan
    with pytest.raises(BundleError, match="not all numbers"):
        result.save(tmp_path / "bundle")


def test_a_folder_in_use_is_left_alone(result: Result, folder: Path) -> None:
    with pytest.raises(BundleError, match="is not empty"):
        result.save(folder)
    autosample.load(folder)


def test_seen_pairs_can_be_left_out(result: Result, tmp_path: Path) -> None:
    write(result.outcome, tmp_path / "b", seen=False)
    loaded = autosample.load(tmp_path / "b")
    assert loaded.seen is None
    assert loaded.recommend(loaded.users[0].as_py(), 3)


def test_the_chosen_sampler_is_rebuilt(folder: Path) -> None:
    assert autosample.load(folder).sampler in (UniformSampler(), DNS(pool=4))


def test_without_its_plug_in_it_recommends_and_names_what_the_sampler_needs(
    folder: Path,
) -> None:
    _replace(folder, "sampler.json", b'{"kind": "elsewhere"}')
    loaded = autosample.load(folder)
    assert loaded.recommend(loaded.users[0].as_py(), 3)
    with pytest.raises(BundleError, match="install the plug-in that it comes from"):
        _ = loaded.sampler


def test_recommending_does_not_load_torch(folder: Path) -> None:
    code = (
        "import sys, autosample\n"
        f"model = autosample.load({str(folder)!r})\n"
        "assert model.recommend(model.users[0].as_py(), 3)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_zip_of_which_any_byte_is_hit_is_refused_and_nothing_else(
    folder: Path, tmp_path: Path
) -> None:
    archive.pack(folder, tmp_path / "b.zip")
    sound = (tmp_path / "b.zip").read_bytes()
    ends = [*range(0, 64), *range(len(sound) - 1200, len(sound))]
    for at in [*ends[::7], *range(64, len(sound), len(sound) // 60)]:
        damaged = bytearray(sound)
        damaged[at] ^= 0xFF
        (tmp_path / "bad.zip").write_bytes(damaged)
        # Dates and the like may be hit without harm.
        with suppress(BundleError):
            autosample.load(tmp_path / "bad.zip")


def test_a_zipped_folder_loads_and_so_does_one_that_a_desktop_has_seen(
    folder: Path, tmp_path: Path
) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        for path in folder.iterdir():
            packed.write(path, f"bundle/{path.name}")
        packed.writestr("__MACOSX/bundle/._README.md", "x")
    ours, theirs = autosample.load(folder), autosample.load(tmp_path / "b.zip")
    assert (ours.item_embeddings == theirs.item_embeddings).all()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        zeros = bytes(64 << 20)
        for name in range(5):
            packed.writestr(f"{name}", zeros)
    with pytest.raises(BundleError, match="5 files of 320 MiB, and a bundle of its"):
        archive.unpack(tmp_path / "b.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b", "a\\b"])
def test_names_that_reach_outside_are_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(BundleError, match="no plain file name"):
        archive.unpack(tmp_path / "b.zip", tmp_path)


def test_weights_that_are_no_numbers_are_not_whole(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["users"][3, 1] = torch.nan
    _replace(folder, "model.safetensors", save(weights))
    with pytest.raises(BundleError, match="weights of users are not all numbers"):
        autosample.load(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "items.parquet", "seen.parquet"])
def test_files_whose_digest_fits_and_whose_content_does_not_are_refused(
    name: str, folder: Path
) -> None:
    _replace(folder, name, b"nonsense")
    with pytest.raises(BundleError, match="does not hold what a bundle does"):
        autosample.load(folder)


def _replace(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of a bundle, and write the manifest that fits."""
    (folder / "manifest.json").unlink()
    (folder / name).write_bytes(content)
    manifest = archive.manifest_of(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("k", [0, -1, 2.5, True, None])
def test_a_k_below_one_is_refused(k: Any, folder: Path) -> None:
    loaded = autosample.load(folder)
    with pytest.raises(SpecError, match="k must be an integer of at least 1"):
        loaded.recommend(loaded.users[0].as_py(), k)
    with pytest.raises(SpecError, match="k must be an integer of at least 1"):
        loaded.similar_items(loaded.items[0].as_py(), k)


def test_text_is_utf8_whatever_the_locale(folder: Path, tmp_path: Path) -> None:
    code = f"""
import autosample, io, pathlib
plain = io.open
def opened(file, mode="r", buffering=-1, encoding=None, *rest, **more):
    if "b" not in mode and encoding in (None, "locale"):
        encoding = "ascii"
    return plain(file, mode, buffering, encoding, *rest, **more)
io.open = pathlib.io.open = opened
rows = [(u, i) for u in range(30) for i in range(20) if (u + i) % 3]
data = autosample.from_arrays([f"ü{{u}}" for u, _ in rows], [i for _, i in rows])
uniform = [{{"kind": "uniform"}}]
found = autosample.search(data, candidates=uniform, training={{"epochs": 1}})
found.save({str(tmp_path / "b")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "ü0" in autosample.load(tmp_path / "b").users.to_pylist()


def test_a_copy_elsewhere_is_as_good(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    autosample.load(tmp_path / "copy")


def test_what_a_sampler_has_learned_is_in_the_bundle(tmp_path: Path) -> None:
    """DENS learns four gates; they are those of the best pass, and the model loads."""
    dataset = Synthetic(users=80, items=60, pairs_per_user=10).build().dataset
    candidates = [{"kind": "dens", "pool": 4}]
    found = autosample.search(dataset, **(SMALL | {"candidates": candidates}))
    found.save(tmp_path / "bundle")
    tensors = load_file(tmp_path / "bundle" / "model.safetensors")
    names = [name for name in tensors if name.startswith("sampler.")]
    gates = {name.rsplit(".", 1)[1]: tensors[name] for name in names}
    assert set(gates) == {"item", "user", "negative", "positive"}
    for name, tensor in found.outcome.sampler_state.items():
        assert torch.equal(tensors[f"sampler.{name}"], tensor)
        assert tensor.shape == (64, 64)
    loaded = autosample.load(tmp_path / "bundle")
    assert len(loaded.recommend(dataset.users[0].as_py(), k=3)) == 3


def test_a_bundle_of_schema_1_from_an_earlier_version_still_loads() -> None:
    loaded = autosample.load(Path(__file__).parent / "schema-1.zip")
    assert loaded.sampler == DNS(pool=4)
    best = loaded.recommend(18, k=3)
    assert [item for item, _ in best] == [12, 5, 11]
    assert best[0].score == pytest.approx(0.190415, abs=1e-6)


def test_a_bundle_of_a_later_schema_is_refused_by_its_number(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["schema"] = archive.SCHEMA + 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="schema 3 is not known here, only 1 and 2"):
        autosample.load(folder)


def test_what_was_seen_keeps_its_order_and_its_repeats(tmp_path: Path) -> None:
    users, items = np.repeat(np.arange(30), 8), np.arange(240) * 7 % 11
    options = ReadOptions(ordered=True, repeats="keep")
    dataset = autosample.from_arrays(
        np.append(users, users), np.append(items, items), options=options
    )
    result = autosample.search(dataset, metric="ndcg@5", report_metrics=[], **SMALL)
    result.save(tmp_path / "bundle")
    seen = autosample.load(tmp_path / "bundle").seen
    known = result.outcome.known
    assert seen is not None
    assert (seen.ordered, seen.repeats) == (True, True)
    assert seen.items_E.tolist() == known.items_E.tolist()
    assert seen.counts_I.tolist() == known.counts_I.tolist()
