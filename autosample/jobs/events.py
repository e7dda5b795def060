"""What happens to a job: the events of its search, and two of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    NonNegativeInt,
    PositiveInt,
    create_model,
)

from autosample.core.config import Config
from autosample.core.events import Event, Optional, StoredEvent, read_event
from autosample.core.progress import Stage
from autosample.jobs.state import Failure, JobState


class StateChanged(Event):
    """The job has come to another state."""

    kind: Literal["state"] = "state"
    state: JobState
    """The new state."""
    attempt: Optional[PositiveInt] = None
    """Number of the attempt that begins; only where a worker has taken the job."""
    reason: Optional[Literal["lost"]] = None
    """Why the state changed, where the job's worker was lost."""
    failure: Optional[Failure] = None
    """Why the job has failed."""


class WebhookCalled(Event):
    """The job's webhook was called to report its end."""

    kind: Literal["webhook"] = "webhook"
    delivered: bool = Field(validation_alias=AliasChoices("delivered", "well"))
    """Whether the call was answered with success."""
    answer: str = Field(validation_alias=AliasChoices("answer", "told"))
    """The status that came back, or why none did."""
    call: PositiveInt = Field(validation_alias=AliasChoices("call", "try"))
    """Number of the call, from 1."""


JobEvent = StateChanged | WebhookCalled | StoredEvent
"""What the table of events holds."""

StagedEvent = tuple[Stage | None, JobEvent]
"""An event and the stage of the search in which it happened; None: in no stage."""

JOB_KINDS: Mapping[str, type[JobEvent]] = {
    event.model_fields["kind"].default: event for event in get_args(JobEvent)
}
"""Classes of a job's events by kind."""


def data_of(event: JobEvent, stage: Stage | None) -> dict[str, Any]:
    """Return an event as it is stored beside its kind; `stage` comes first."""
    data = event.model_dump(mode="json", exclude={"kind"})
    return data if stage is None else {"stage": stage.value, **data}


def with_new_names(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a stored event, with the names that its fields have today."""
    if kind == "epoch":  # Most events are epochs, and no field of theirs was renamed.
        return data
    event = read_event(kind, data, JOB_KINDS)
    stage = Stage(data["stage"]) if "stage" in data else None
    return data if event is None else data_of(event, stage)


class EventRow(Config):
    """Something that happened to a job, as stored."""

    id: NonNegativeInt
    """Number of the event, growing with time; `Last-Event-ID` and `after` take it."""
    kind: str
    """What kind of event it is; decides the fields of `data`."""
    time: datetime
    """When it was stored."""
    data: dict[str, Any]
    """The fields of the event."""

    @property
    def stage(self) -> Stage | None:
        """The search's stage; None for an event that is the job's own."""
        return Stage(self.data["stage"]) if "stage" in self.data else None

    @property
    def event(self) -> JobEvent | None:
        """The event; None if this version does not understand it."""
        return read_event(self.kind, self.data, JOB_KINDS)


class _Schema(BaseModel, frozen=True, extra="forbid"):
    """Base of classes that exist for the API's schema alone."""


def _row_class(event: type[JobEvent]) -> Any:
    """Return the class of one kind's rows: as `EventRow`, with typed `data`."""
    kind, fields = event.model_fields["kind"].annotation, _fields(event)
    del fields["kind"]
    if event in get_args(StoredEvent):
        where = Field(description="The search's stage in which it happened.")
        fields = {"stage": (Stage, where)} | fields
    name, about = event.__name__, event.__doc__
    data = create_model(f"{name}Data", __base__=_Schema, __doc__=about, **fields)
    row = _fields(EventRow)
    row |= {"kind": (kind, row["kind"][1]), "data": (data, row["data"][1])}
    return create_model(f"{name}Row", __base__=_Schema, __doc__=about, **row)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Return fields as `create_model` takes them."""
    return {name: (each.annotation, each) for name, each in model.model_fields.items()}


AnyRow: Any = Annotated[
    reduce(or_, map(_row_class, JOB_KINDS.values())), Field(discriminator="kind")
]
"""A row of any kind: what the API's schema says of `EventRow`."""
