"""What every answer has in common: the JSON object itself, whose known fields are attributes too.

An answer is a `dict`, as it came: fields that this version does not know are in it, it can be
dumped as JSON, and a web framework can pass it on. Its known fields are also attributes with types:
`accepted.trace_id`; times are aware datetimes there, and objects inside are answers themselves.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from asyncnotify.api import FINAL_STATUSES


class Answer(dict[str, Any]):
    """A JSON object of the API. `required` are the fields without which it is something else.

    A known field that is absent, because the system there is older, is None as an attribute.
    """

    required: ClassVar[tuple[str, ...]] = ()

    if not TYPE_CHECKING:  # with it every misspelt attribute would pass for one of type Any

        def __getattr__(self, name: str) -> object:
            made_of = _makers(type(self)).get(name)
            if made_of is None:
                raise AttributeError(f"{type(self).__name__} has no field {name!r}")
            value = self.get(name)
            return None if value is None else made_of(value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_makers(type(self))]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, handler: Callable[[object], object]) -> object:
        """Let FastAPI take it for what it is where a view says that it returns one."""
        return handler(dict[str, Any])

    @classmethod
    def fields(cls) -> frozenset[str]:
        """Return the names of the fields that are attributes."""
        return frozenset(_makers(cls))


class HasStatus(Answer):
    """An answer that says where a notification is."""

    status: str

    @property
    def is_final(self) -> bool:
        """Tell whether it has ended: sent, delivered, failed, cancelled or expired."""
        return self.get("status") in FINAL_STATUSES


Entry = TypeVar("Entry", bound=Answer)


class Page(Answer, Generic[Entry]):
    """One page of a list. `next_cursor`, given as `cursor`, gets the next one; None: it's the last.

    `page["items"]` are the JSON objects, `page.entries` the same with their types.
    """

    required = ("items",)
    entry: ClassVar[type[Answer]]
    next_cursor: str | None

    @property
    def entries(self) -> list[Entry]:
        """Return what is on this page."""
        return [self.entry(each) for each in self["items"]]  # type: ignore[misc]


@cache
def _makers(answer: type[Answer]) -> dict[str, Callable[[Any], Any]]:
    return {
        name: _maker(hint)
        for name, hint in get_type_hints(answer).items()
        if "ClassVar" not in str(hint)
    }


def _maker(hint: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - a type, as annotations have it
    # Each field has one type, and most may be None.
    [kind] = {*(get_args(hint) if isinstance(hint, UnionType) else (hint,))} - {NoneType}
    if kind is datetime:
        return datetime.fromisoformat
    [item] = get_args(kind) if get_origin(kind) is list else (kind,)
    if not (isinstance(item, type) and issubclass(item, Answer)):
        return _as_it_is
    return item if item is kind else _each_as(item)


def _each_as(answer: type[Answer]) -> Callable[[list[Any]], list[Answer]]:
    return lambda values: [answer(each) for each in values]


def _as_it_is(value: Any) -> Any:  # noqa: ANN401
    return value
