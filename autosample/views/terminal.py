"""What people see in a terminal: live progress, and the result as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

Json = Mapping[str, Any]


def show_report(console: Console, report: Json) -> None:
    """Print the candidates, the metrics and the verdict."""
    metric = report["spec"]["metric"]
    table = Table("sampler", f"validation {metric} ± 95 %", "against uniform")
    table.add_column("epochs", justify="right")
    for each in report["candidates"]:
        table.add_row(
            *_row(each), style="bold" if each["weight"] == _top(report) else ""
        )
    console.print(table)
    for part in ("valid", "test"):
        told = "  ".join(f"{name} {value:.4f}" for name, value in report[part].items())
        console.print(f"{part:>5}: {told}", highlight=False)
    if report["refit"] is not None:
        metric, refit = report["spec"]["metric"], report["refit"]
        console.print(
            f"refit: the last {refit['epochs']} epochs were over training and"
            f" validation pairs; test"
            f" {metric} before them {refit['test_before'][metric]:.4f}",
            highlight=False,
        )
    if report["tuning"] is not None:
        _show_tuning(console, report["tuning"])
    reach, false = report["reach"], report["false_negatives"]
    told = ", ".join(f"{b['name']} {b['recall']:.4f}" for b in reach["bands"])
    console.print(
        f"recall@{reach['k']} by thirds of the interactions: {told};"
        f" {reach['coverage']:.0%} of the catalogue recommended",
        highlight=False,
    )
    console.print(
        f"false negatives: at least {false['sampler']['mean']:.2%} of what the sampler"
        f" draws (uniform {false['uniform']:.2%})",
        highlight=False,
    )
    console.print(
        Panel(escape(report["verdict"]["text"]), title="Verdict", expand=False)
    )


def _show_tuning(console: Console, tuning: Json) -> None:
    table = Table("", "learning rate", "l2", "validation ± 95 %")
    for name in ("chosen", "chosen_before", "uniform", "uniform_before"):
        each = tuning[name]
        told = _plus_minus(each["valid"]["mean"], each["valid"], ".4f")
        rates = (f"{each['learning_rate']:.3g}", f"{each['l2']:.3g}")
        table.add_row(name.replace("_", ", "), *rates, told)
    console.print(table)
    for name in ("tuning_gain", "sampler_gain", "sampler_gain_before"):
        gap = tuning[name]
        console.print(
            f"{name.replace('_', ' ')}: {_plus_minus(gap['difference'], gap, '+.4f')}",
            highlight=False,
        )


def show_forecast(console: Console, forecast: Json) -> None:
    """Print what a search is likely to cost."""
    table = Table("stage", "likely", "pair-updates")
    for stage in ("search", "retraining", "verification", "likely", "most"):
        told = forecast[stage]
        name = {"likely": "all of it", "most": "at most"}.get(stage, stage)
        table.add_row(name, _time(told["seconds"]), f"{told['pair_updates']:,}")
    console.print(table)
    shown = sorted(forecast["epoch_seconds"].items(), key=lambda each: each[1])
    epochs = ", ".join(f"{name} {seconds:.2f}" for name, seconds in shown)
    console.print(f"seconds per epoch: {epochs}", highlight=False)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def show_stats(console: Console, stats: Json) -> None:
    """Print what was read and what was dropped."""
    dropped = {
        name: stats[name]
        for name in ("below_min_rating", "duplicates", "outside_k_core", "test_dropped")
        if stats[name]
    }
    told = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in dropped.items())
    console.print(
        f"{stats['users']:,} users, {stats['items']:,} items, {stats['pairs']:,} pairs"
        + (f", {stats['test_pairs']:,} test pairs" if stats["test_pairs"] else "")
        + (f" (dropped: {told})" if told else ""),
        highlight=False,
    )


def _top(report: Json) -> float:
    return float(max(each["weight"] for each in report["candidates"]))


def _row(each: Json) -> tuple[str, ...]:
    name, epochs = escape(each["name"]), str(each["epochs"])
    metric, gap = each["metric"], each["versus_uniform"]
    if metric is None:
        return name, escape(each["error"] or "-"), "", epochs
    against = "" if gap is None else _plus_minus(gap["difference"], gap, "+.4f")
    after = each.get("versus_uniform_after")
    if after is not None and after < each["epochs"]:
        against += f" after {after}"
    return name, _plus_minus(metric["mean"], metric, ".4f"), against, epochs


def _plus_minus(value: float, interval: Json, form: str) -> str:
    half = (interval["high"] - interval["low"]) / 2
    return f"{value:{form}} ± {half:.4f}"
