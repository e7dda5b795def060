"""A bundle, loaded: recommendations on original ids."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as parse

from autosample.bundle import archive
from autosample.data.dataset import read_pairs
from autosample.data.interactions import Interactions
from autosample.errors import BundleError, DataError, NotFound, SpecError

# They load torch, which takes seconds and which recommending does not need.
if TYPE_CHECKING:
    from autosample.bundle.encoder import Encoder
    from autosample.bundle.negatives import Negatives
    from autosample.models import ModelConfig
    from autosample.samplers import Sampler
    from autosample.trials.recipe import Recipe


UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, pa.ArrowException, SafetensorError,
    DataError,
)  # fmt: skip
"""What files raise whose digests fit and whose content does not."""


class Recommendation(NamedTuple):
    item: Any
    """Original id."""
    score: float
    """Higher is better; comparable for one user only."""


@dataclass(frozen=True)
class Recommender:
    """A trained model with the ids it was trained on."""

    users: pa.Array
    items: pa.Array
    user_embeddings: NDArray[np.float32]
    """(U, D)"""
    item_embeddings: NDArray[np.float32]
    """(I, D)"""
    seen: Interactions | None
    """What users already have; None where the bundle left it out."""
    sampler_json: str
    """The chosen sampler's configuration."""
    recipe_json: str | None = None
    """What the winner was trained with; None in bundles of earlier versions."""
    config_json: str | None = None
    """Settings of the training, those of the model among them."""
    parameters: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Parameters of the model by name, where it reads histories; empty: it knows the
    users it was trained on alone."""

    @cached_property
    def recipe(self) -> Recipe | None:
        """What the winner was trained with: sampler, loss, optimiser and rates. None in
        a bundle of an earlier version. Raises BundleError where a plug-in is not
        installed."""
        from autosample.trials.recipe import parse_recipe  # noqa: PLC0415

        if self.recipe_json is None:
            return None
        try:
            return parse_recipe(self.recipe_json)
        except SpecError as error:
            raise BundleError(
                f"recipe.json is {error}; install the plug-in that it comes from"
            ) from error

    @cached_property
    def model(self) -> ModelConfig | None:
        """Settings of the model; None in a bundle without them. Raises BundleError
        where its plug-in is not installed."""
        from autosample.bundle.encoder import model_of  # noqa: PLC0415

        return None if self.config_json is None else model_of(self.config_json)

    @cached_property
    def sampler(self) -> Sampler:
        """The chosen sampler. Raises BundleError where its plug-in is not installed."""
        from autosample.samplers import parse_sampler  # noqa: PLC0415

        try:
            return parse_sampler(self.sampler_json)
        except SpecError as error:
            raise BundleError(
                f"sampler.json is {error}; install the plug-in that it comes from"
            ) from error

    def recommend(
        self,
        user: Any = None,
        k: int = 10,
        *,
        history: Sequence[Any] | None = None,
        only_new: bool = True,
    ) -> list[Recommendation]:
        """Return the k best items, best first, for a user, or for anybody by `history`:
        the ids of what they did, in time order, for a model that reads it.

        None of them has been seen, unless `only_new` is false; fewer than k where fewer
        are new. Ids of a history that the model does not know are skipped, and their
        number is warned of. Raises NotFound on an unknown user or a history of unknown
        items alone, and SpecError on a k below 1, on both of user and history, and on a
        history for a model that reads none.
        """
        _check(k)
        if user is not None and history is not None:
            raise SpecError("give a user or a history, not both")
        if history is None:
            row = self._row(user)
            scores_I = self.item_embeddings @ self.user_embeddings[row]
            if only_new and self.seen is not None:
                scores_I[self.seen.items_of(row)] = -np.inf
        else:
            rows = self._known_rows(history)
            scores_I = self.item_embeddings @ self._encode(rows)
            if only_new:
                scores_I[rows] = -np.inf
        return self._best(scores_I, k)

    def _best(self, scores_I: NDArray[np.float32], k: int) -> list[Recommendation]:
        k = min(k, int(np.isfinite(scores_I).sum()))
        top = np.argpartition(-scores_I, k - 1)[:k] if k else np.zeros(0, np.int64)
        best = top[np.argsort(-scores_I[top], kind="stable")]
        return [
            Recommendation(self.items[int(item)].as_py(), float(scores_I[item]))
            for item in best
        ]

    def similar_items(self, item: Any, k: int = 10) -> list[Recommendation]:
        """Return the k items closest to one by the cosine of their embeddings.

        Fewer where there are fewer. Raises NotFound on an unknown item, and SpecError
        on a k below 1.
        """
        _check(k)
        row = _row(self.items, item, "item")
        lengths_I = np.linalg.norm(self.item_embeddings, axis=1)
        scores_I = self.item_embeddings @ self.item_embeddings[row]
        scores_I = scores_I / np.maximum(lengths_I * lengths_I[row], 1e-12)
        scores_I[row] = -np.inf
        k = min(k, len(scores_I) - 1)
        return [
            Recommendation(self.items[int(each)].as_py(), float(scores_I[each]))
            for each in np.argsort(-scores_I, kind="stable")[:k]
        ]

    def negatives(self, *, seed: int = 0) -> Negatives:
        """Return the chosen sampler at work on the pairs that the bundle knows, for a
        training loop of one's own; ids are rows of the embeddings.

        Raises SpecError on a sampler that makes embeddings, and BundleError where the
        bundle left the pairs out.
        """
        if self.seen is None:
            raise BundleError(
                "this bundle was written without its training pairs; make"
                " autosample.Negatives of your own"
            )
        from autosample.bundle.negatives import Negatives  # noqa: PLC0415

        return Negatives(self.sampler, self.seen, seed=seed)

    def _known_rows(self, history: Sequence[Any]) -> NDArray[np.int64]:
        """Return the rows of the items that the model knows, in their order."""
        if isinstance(history, str | bytes):
            raise SpecError(
                f"a history is a list of ids in time order, not {history!r}"
            )
        found = []
        for item in history:
            try:
                found.append(_row(self.items, item, "item"))
            except NotFound:
                continue
        if not found:
            raise NotFound(
                f"none of the {len(history)} items of the history is among the"
                f" {len(self.items)} trained on"
            )
        if len(found) < len(history):
            warnings.warn(
                f"{len(history) - len(found)} of {len(history)} items of the history"
                " are not among those trained on, and were skipped",
                stacklevel=3,
            )
        return np.array(found, np.int64)

    def _encode(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the row of a query after a history of items: (D,)."""
        if self._encoder is None:
            raise SpecError(
                "this model knows the users it was trained on and reads no histories;"
                " search with a model that does, such as sasrec"
            )
        return self._encoder.encode(rows)

    @cached_property
    def _encoder(self) -> Encoder | None:
        from autosample.bundle.encoder import Encoder  # noqa: PLC0415

        if not self.parameters or self.config_json is None:
            return None
        return Encoder(self.config_json, self.parameters, len(self.items))

    def _row(self, user: Any) -> int:
        return _row(self.users, user, "user")


def _check(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise SpecError(f"k must be an integer of at least 1, not {k!r}")


def _row(ids: pa.Array, id: Any, noun: str) -> int:
    """Return where an id stands."""
    try:
        wanted = pa.scalar(id, ids.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        wanted = None
    # Arrow would take 3.5 for 3.
    known = wanted is not None and wanted.as_py() == id
    row = pc.index(ids, wanted).as_py() if known else -1
    if row < 0:
        raise NotFound(f"{noun} {id!r} is not among the {len(ids)} trained on")
    return int(row)


def load(path: Path | str) -> Recommender:
    """Load a bundle, a folder or a zip, once all its digests have been verified.

    Raises BundleError where it is incomplete or has been altered.
    """
    path = Path(path)
    if path.is_file():
        with tempfile.TemporaryDirectory() as folder:
            archive.unpack(path, Path(folder))
            return _read(Path(folder))
    return _read(path)


def _read(folder: Path) -> Recommender:
    files = archive.verify(folder)["files"]
    try:
        return _parse(folder, has_seen="seen.parquet" in files)
    except UNREADABLE as error:
        raise BundleError(
            f"{folder} does not hold what a bundle does: {error}"
        ) from error


def _parse(folder: Path, *, has_seen: bool) -> Recommender:
    weights = parse((folder / "model.safetensors").read_bytes())
    users, items = (
        pq.read_table(folder / f"{name}.parquet")["id"].combine_chunks()
        for name in ("users", "items")
    )
    embeddings = (weights["users"], weights["items"])
    if [len(table) for table in embeddings] != [len(users), len(items)]:
        raise BundleError("ids and weights do not fit one another")
    for name, table in weights.items():
        if not np.isfinite(table).all():
            raise BundleError(f"the weights of {name} are not all numbers")
    sampler_json = (folder / "sampler.json").read_text("utf-8")
    recipe = folder / "recipe.json"
    recipe_json = recipe.read_text("utf-8") if recipe.exists() else None
    seen = None
    if has_seen:
        shape = (len(users), len(items))
        seen = read_pairs(folder / "seen.parquet", shape, ordered=False)
    prefix = "model."
    return Recommender(
        users,
        items,
        *embeddings,
        seen,
        sampler_json,
        recipe_json,
        (folder / "config.json").read_text("utf-8"),
        {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)},
    )
