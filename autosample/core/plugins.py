"""Registries of what a spec may name, built in or from installed packages.

A package adds a sampler, model, loss, optimiser, schedule or strategy by an entry point
that names its class, in the group `autosample.samplers`, `autosample.models`,
`autosample.losses`, `autosample.optimizers`, `autosample.schedules` or
`autosample.strategies`.
A request names a `kind`; code is never loaded by what a request says.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from autosample.core.config import Config
from autosample.errors import PluginError

T = TypeVar("T", bound=Config)


class Registry(Generic[T]):
    """All classes of one group; as an annotation, their union discriminated by `kind`.

    Schemas are built on first use, not on import: a plug-in may import what it extends.
    """

    def __init__(
        self, group: str, base: type[T], own: Callable[[], tuple[type[T], ...]]
    ) -> None:
        self.group, self.base, self._own = group, base, own

    @cached_property
    def all(self) -> tuple[type[T], ...]:
        """Return our own classes, then those of installed packages by name.

        A plug-in that cannot be used is left out, with a warning that says why.
        """
        found = {kind_of(each): each for each in self._own()}
        points = entry_points(group=f"autosample.{self.group}")
        for point in sorted(points, key=lambda point: point.name):
            try:
                made = self._load(point, found)
            except PluginError as error:
                warnings.warn(str(error), RuntimeWarning, stacklevel=2)
            else:
                found[kind_of(made)] = made
        return tuple(found.values())

    def _load(self, point: EntryPoint, found: dict[str, type[T]]) -> type[T]:
        where = f"plug-in {point.name} = {point.value} in autosample.{self.group}"
        try:
            made = point.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(f"{where} cannot be loaded: {error}") from error
        if not (isinstance(made, type) and issubclass(made, self.base)):
            raise PluginError(f"{where} is no subclass of {self.base.__name__}")
        if inspect.isabstract(made):
            missing = ", ".join(sorted(made.__abstractmethods__))
            raise PluginError(f"{where} does not define {missing}")
        kind = made.model_fields["kind"].default
        if not isinstance(kind, str) or kind in found:
            said = "is taken" if isinstance(kind, str) else "must be a string"
            raise PluginError(f"{where}: the default of its kind, {kind!r}, {said}")
        return made

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        choices = {kind_of(each): handler.generate_schema(each) for each in self.all}
        return core_schema.tagged_union_schema(choices, discriminator="kind")


def kind_of(config: type[Config]) -> str:
    """Return the name by which a spec asks for it."""
    return str(config.model_fields["kind"].default)
