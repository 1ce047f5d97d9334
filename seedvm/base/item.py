"""A JSON object of a foreign service, read key by key into Python's types. It refuses to guess: what is missing where it must be, or
has another type, is a SeedvmError that names the key. Files and messages of our own are read by `seedvm.base.typed_json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from seedvm.base.errors import SeedvmError


@dataclass(frozen=True)
class Item:
    """`tree` is what `json.loads` made; `source` says in errors whose answer it is. A null is as good as a missing key."""

    tree: Mapping[str, object]
    source: str

    @classmethod
    def of(cls, tree: object, source: str) -> Item:
        """Of anything that `json.loads` returns; what is no object is refused."""
        if not isinstance(tree, dict):
            raise SeedvmError(
                f"{source}: the answer has an unexpected format", why=f"expected an object, got a {type(tree).__name__}"
            )
        return cls(tree, source)

    def text(self, key: str, default: str | None = None) -> str:
        """A string; a number counts as its digits."""
        value = self._value(key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else self._refuse(key, value, "text")

    def number(self, key: str, default: int | None = None) -> int:
        value = self._value(key, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else self._refuse(key, value, "a number")

    def flag(self, key: str, default: bool | None = False) -> bool:
        value = self._value(key, default)
        return value if isinstance(value, bool) else self._refuse(key, value, "true or false")

    def item(self, key: str) -> Item:
        """An object in this one; a missing one is empty, so that each of its keys is missing."""
        value = self._value(key, {})
        return (
            Item(value, f"{self.source}, {key}") if isinstance(value, dict) else self._refuse(key, value, "an object")
        )

    def items(self, key: str) -> tuple[Item, ...]:
        """The objects of a list that must be there."""
        return tuple(Item.of(one, f"{self.source}, {key}") for one in self._list(key, None))

    def texts(self, key: str) -> tuple[str, ...]:
        """The strings of a list; a missing one is empty."""
        return tuple(one if isinstance(one, str) else self._refuse(key, one, "text") for one in self._list(key, []))

    def has(self, key: str) -> bool:
        return self.tree.get(key) is not None

    def _list(self, key: str, default: object) -> list[object]:
        value = self._value(key, default)
        return value if isinstance(value, list) else self._refuse(key, value, "a list")

    def _value(self, key: str, default: object) -> object:
        value = self.tree.get(key)
        value = default if value is None else value
        if value is None:
            raise SeedvmError(f"{self.source}: the answer has an unexpected format", why=f"it has no {key}")
        return value

    def _refuse(self, key: str, value: object, wanted: str) -> NoReturn:
        raise SeedvmError(
            f"{self.source}: the answer has an unexpected format",
            why=f"{key} must be {wanted}, got {type(value).__name__}",
        )
