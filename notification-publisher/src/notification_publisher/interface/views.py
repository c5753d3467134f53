"""What is shown of the ledger's values: models for the document, made of the values' own fields."""

from dataclasses import fields
from types import GenericAlias
from typing import Any, Final, get_type_hints

from notification_ledger.reading import (
    DeadLetterGroup,
    NotificationRecord,
    StatusChange,
    TimelineEntry,
)
from pydantic import BaseModel, create_model

from notification_publisher.application.explaining import Action, Explanation, Fact

NOT_SHOWN: Final = {"is_dead_letter"}
"""What the ledger knows of a notification for this service alone."""

_IN_THE_FRAME: Final = {"id"}
"""What an event of a stream has beside its data."""


def _fields_of(value: type) -> dict[str, Any]:
    """Return the fields of a dataclass as `create_model` takes them."""
    types = get_type_hints(value)
    return {each.name: (types[each.name], ...) for each in fields(value)}


def _without(shown: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: field for name, field in shown.items() if name not in names}


def _list_of(model: type[BaseModel]) -> Any:  # noqa: ANN401 - a type, known only now
    return GenericAlias(list, (model,))


def _page(name: str, words: str) -> type[BaseModel]:
    items = (_list_of(NotificationView), ...)
    return create_model(name, __doc__=words, items=items, next_cursor=(str | None, ...))


_OPTIONAL: Final = {
    each.name: (get_type_hints(TimelineEntry)[each.name], None)
    for each in fields(TimelineEntry)
    if each.default is None
}

TimelineEntryView = create_model(
    "TimelineEntryView",
    __doc__="One thing that happened to a notification.",
    **(_fields_of(TimelineEntry) | _OPTIONAL),
)
NotificationView = create_model(
    "NotificationView",
    __doc__="A notification: where it is, why, and everything that happened to it.",
    **(
        _without(_fields_of(NotificationRecord), NOT_SHOWN)
        | {"timeline": (_list_of(TimelineEntryView), ...)}
    ),
)
EndedNotificationView = create_model(
    "EndedNotificationView",
    __doc__="A notification that has ended, and what an answer to an accepted one has.",
    __base__=NotificationView,
    status_url=(str, ...),
    segments=(int | None, None),
)
ReplayedNotificationView = create_model(
    "ReplayedNotificationView",
    __doc__="A dead letter that was queued again. "
    "`warning` says why it might reach its user twice.",
    __base__=NotificationView,
    warning=(str | None, ...),
)
NotificationPage = _page(
    "NotificationPage", "Notifications, newest first. `next_cursor` is null on the last page."
)
DeadLetterPage = _page(
    "DeadLetterPage",
    "Notifications that were given up and neither replayed nor deleted, newest first.",
)
DeadLetterGroupView = create_model(
    "DeadLetterGroupView",
    __doc__="Dead letters of one reason on one channel; the times are when they were given up.",
    **_fields_of(DeadLetterGroup),
)
DeadLetterGroupsView = create_model(
    "DeadLetterGroupsView",
    __doc__="Dead letters by reason and channel, the largest group first. `is_complete` is false"
    " where there are so many that only the newest were counted.",
    items=(_list_of(DeadLetterGroupView), ...),
    is_complete=(bool, ...),
)
StatusChangeView = create_model(
    "StatusChangeView",
    __doc__="What a `status` event of a live stream carries.",
    **_without(_fields_of(StatusChange), _IN_THE_FRAME),
)
FactView = create_model(
    "FactView",
    __doc__="A figure on which an explanation rests, as text.",
    **_fields_of(Fact),
)
ExplanationView = create_model(
    "ExplanationView",
    __doc__="Why a notification is where it is. `sentence` is `where`, `why`, `next` and `advice`"
    " in one; `actions` are what can be done with it now.",
    **(
        _fields_of(Explanation)
        | {"facts": (_list_of(FactView), ...), "actions": (GenericAlias(list, (Action,)), ...)}
    ),
)
