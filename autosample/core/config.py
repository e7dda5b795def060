"""The base of every setting a user can write."""

from pydantic import BaseModel


class Config(
    BaseModel,
    frozen=True,
    extra="forbid",
    use_attribute_docstrings=True,
    # Unions that plug-ins add to are complete only once everything is imported.
    defer_build=True,
):
    """Settings of one part: checked on arrival, never changed, stored as JSON."""

    @property
    def label(self) -> str:
        """The kind and every setting that is not its default, for tables and logs."""
        kind = str(getattr(self, "kind", type(self).__name__.lower()))
        set_here = {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if name != "kind"
            and getattr(self, name) != field.get_default(call_default_factory=True)
        }
        if not set_here:
            return kind
        inner = ", ".join(f"{name}={_short(value)}" for name, value in set_here.items())
        return f"{kind}({inner})"


def _short(value: object) -> str:
    return value.label if isinstance(value, Config) else str(value)
