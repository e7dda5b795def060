"""Options that several commands share, and the spec and data they stand for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from autosample.core.config import describe_errors
from autosample.data.options import Format, ReadOptions
from autosample.errors import SpecError

if TYPE_CHECKING:
    from autosample.data.dataset import Dataset
    from autosample.spec import SearchSpec

Reuse = Annotated[
    bool,
    typer.Option(help="Reuse trainings from scratch that earlier searches kept."),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        help="Trials at a time; more than one, asha and tune start a local Ray.",
        min=1,
    ),
]


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Options that say which file is read, and how."""

    file: Annotated[
        Path,
        typer.Argument(help="CSV, TSV, Parquet, JSON lines, LightGCN or .inter file."),
    ]
    test: Annotated[Path | None, typer.Option(help="File of test pairs.")] = None
    valid: Annotated[
        Path | None,
        typer.Option(help="File of validation pairs, like those of the test file."),
    ] = None
    format: Annotated[
        Format | None, typer.Option(help="Format of the file; default: guessed.")
    ] = None
    user: Annotated[
        str | None, typer.Option(help="Column of users: a name, or a position from 0.")
    ] = None
    item: Annotated[
        str | None, typer.Option(help="Column of items: a name, or a position from 0.")
    ] = None
    rating: Annotated[
        str | None, typer.Option(help="Column of ratings, for --min-rating.")
    ] = None
    timestamp: Annotated[
        str | None, typer.Option(help="Column of times: numbers, or ISO 8601 dates.")
    ] = None
    header: Annotated[
        bool | None, typer.Option(help="Whether the first row names the columns.")
    ] = None
    separator: Annotated[
        str | None, typer.Option(help="What separates cells, such as ';' or '::'.")
    ] = None
    missing: Annotated[
        str | None,
        typer.Option(help="Words that mean a missing id, separated by commas."),
    ] = None
    drop_missing: Annotated[
        bool, typer.Option(help="Drop rows in which an id is missing.")
    ] = False
    ordered: Annotated[
        bool, typer.Option(help="Rows, or the items of a line, are in time order.")
    ] = False
    repeats: Annotated[
        str,
        typer.Option(help="Rows that repeat a pair: drop all but the first, or keep."),
    ] = "drop"
    min_rating: Annotated[
        float | None, typer.Option(help="Drop rows with a lower rating.")
    ] = None
    k_core: Annotated[
        int, typer.Option(help="Drop users and items with fewer pairs, repeatedly.")
    ] = 0

    def read_options(self) -> ReadOptions:
        """Check how the file is to be read; raises SpecError."""
        own = asdict(self)
        del own["file"], own["test"], own["valid"]
        if self.missing is not None:
            own["missing"] = words(self.missing)
        try:
            return ReadOptions(**own)
        except ValidationError as error:
            raise SpecError(describe_errors(error)) from error


@dataclass(frozen=True, kw_only=True)
class SpecOptions:
    """Options that say what is searched; they override the fields of a spec file."""

    model: Annotated[
        str | None, typer.Option(help="mf, lightgcn, ...; see `autosample catalogue`.")
    ] = None
    loss: Annotated[str | None, typer.Option(help="bpr, infonce, bsl, ...")] = None
    candidates: Annotated[
        str | None,
        typer.Option(help="Samplers, separated by commas; or `default`, `samplers`."),
    ] = None
    effort: Annotated[
        str | None,
        typer.Option(help="quick, standard or thorough, for the strategy soup."),
    ] = None
    strategy: Annotated[
        str | None, typer.Option(help="soup, race, exhaustive, asha, mixture, ...")
    ] = None
    metric: Annotated[
        str | None, typer.Option(help="Metric that decides, such as ndcg@20.")
    ] = None
    report: Annotated[
        str | None,
        typer.Option(help="Metrics to report, separated by commas: ndcg@10,hit@10."),
    ] = None
    final: Annotated[
        str | None,
        typer.Option(
            help="What the result is trained on: all pairs, or train, for evaluation."
            " Default: all, unless there is a test file."
        ),
    ] = None
    epochs: Annotated[int | None, typer.Option(help="Epochs at most.")] = None
    seed: Annotated[int | None, typer.Option(help="Seed of the search.")] = None
    seeds: Annotated[
        str | None,
        typer.Option(help="Seeds of --verify, exhaustive and audit, such as 0,1,2."),
    ] = None
    spec: Annotated[
        Path | None, typer.Option(help="SearchSpec as JSON; options override it.")
    ] = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of the spec that were given."""
        fields = read_spec(self.spec) if self.spec else {}
        fields.pop("dataset", None)  # the file is the data set
        own = self.own_fields()
        if "training" in own:
            own["training"] = fields.get("training", {}) | own["training"]
        return fields | own

    def own_fields(self) -> dict[str, Any]:
        """Return the fields of the spec that were given as options."""
        return given(
            model=kind_of(self.model),
            loss=kind_of(self.loss),
            candidates=kinds_of(self.candidates),
            strategy=self.own_strategy(),
            metric=self.metric,
            report_metrics=words(self.report),
            final=self.final,
            training=self.training() or None,
            seeds=numbers(self.seeds),
        )

    def own_strategy(self) -> dict[str, Any] | None:
        """Return the strategy that was named, with its effort if that was given."""
        named: dict[str, Any] | None = kind_of(self.strategy)
        if self.effort is None:
            return named
        return (named or {"kind": "soup"}) | {"effort": self.effort}

    def training(self) -> dict[str, Any]:
        """Return the settings of the training that were given."""
        return given(epochs=self.epochs, seed=self.seed)


def open_search(
    source: FileOptions, options: SpecOptions, console: Console
) -> tuple[SearchSpec, Dataset]:
    """Check the spec, read the file, and print what it holds."""
    from autosample.data.dataset import load_dataset
    from autosample.library import make_spec
    from autosample.views.terminal import show_stats

    spec = make_spec(source.file.name, options.fields())
    dataset = load_dataset(
        source.file, source.read_options(), test=source.test, valid=source.valid
    )
    show_stats(console, dataset.stats)
    return spec, dataset


def given(**fields: Any) -> dict[str, Any]:
    """Leave out what was not given, so that the spec's own default holds."""
    return {name: value for name, value in fields.items() if value is not None}


def kind_of(text: str | None) -> Any:
    """Return the spec of a model, loss or strategy with its default settings."""
    return None if text is None else {"kind": text}


def kinds_of(text: str | None) -> Any:
    """Return the specs of samplers that are separated by commas, or the name of a
    list."""
    if text in (None, "default", "samplers"):
        return text
    return [{"kind": kind.strip()} for kind in text.split(",") if kind.strip()]


def words(text: str | None) -> list[str] | None:
    """Return words that are separated by commas."""
    return None if text is None else [word.strip() for word in text.split(",")]


def numbers(text: str | None) -> list[int] | None:
    """Parse integers that are separated by commas; raises SpecError."""
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise SpecError(
            f"seeds must be integers separated by commas, not {text!r}"
        ) from None


def read_spec(path: Path) -> dict[str, Any]:
    """Read the fields of a spec from a JSON file; raises SpecError."""
    try:
        fields = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(fields, dict):
        raise SpecError(f"{path} must hold an object of SearchSpec fields")
    return fields
