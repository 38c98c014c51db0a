"""YAML with places: every value knows its file and line, so that an error can say where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path

import yaml

from policies.errors import PolicyFileError

_PLAIN = re.compile(r"-?\d+(\.\d+)?")


class Place:
    """One value of a YAML file with the line it stands on. Reads raise PolicyFileError."""

    def __init__(self, node: yaml.Node, file: Path, at: str = "") -> None:
        self._node = node
        self._file = file
        self._at = at

    @classmethod
    def of(cls, file: Path) -> Place:
        """Return the root of a file."""
        try:
            node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = f"not YAML: {error.problem}"
            raise PolicyFileError(
                file, line, problem, "Mend the syntax; an editor with YAML support shows it"
            ) from error
        if node is None:
            raise PolicyFileError(file, 1, "the file is empty", "Write the policy, or remove the file")
        return cls(node, file)

    @property
    def line(self) -> int:
        """Return the line, counted from 1."""
        return self._node.start_mark.line + 1

    def wrong(self, problem: str, mend: str) -> PolicyFileError:
        """Return the error that names this place."""
        where = f"{self._at}: " if self._at else ""
        return PolicyFileError(self._file, self.line, f"{where}{problem}", mend)

    @property
    def is_mapping(self) -> bool:
        """Return whether this is a mapping."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_null(self) -> bool:
        """Return whether this is null."""
        return isinstance(self._node, yaml.ScalarNode) and self._node.tag == "tag:yaml.org,2002:null"

    def mapping(self, required: tuple[str, ...] = (), optional: tuple[str, ...] | None = None) -> dict[str, Place]:
        """Return the members by key. With `optional` given, any other key is refused."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.wrong("a mapping is expected here", "Write `key: value` lines")
        members: dict[str, Place] = {}
        for key, value in self._node.value:
            name = str(key.value)
            place = Place(value, self._file, f"{self._at}/{name}".lstrip("/"))
            if name in members:
                raise Place(key, self._file, self._at).wrong(f"`{name}` stands twice", "Keep one of the two")
            if optional is not None and name not in required and name not in optional:
                known = ", ".join((*required, *optional))
                raise Place(key, self._file, self._at).wrong(f"`{name}` is not known here", f"Use one of: {known}")
            members[name] = place
        for name in required:
            if name not in members:
                raise self.wrong(f"`{name}` is missing", f"Add `{name}:`")
        return members

    def items(self) -> Iterator[Place]:
        """Yield the members of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.wrong("a list is expected here", "Write `- ` lines or `[a, b]`")
        for index, node in enumerate(self._node.value):
            yield Place(node, self._file, f"{self._at}[{index}]")

    def text(self) -> str:
        """Return a non-empty text; numbers and dates are taken as they are written."""
        if not isinstance(self._node, yaml.ScalarNode) or self.is_null or not self._node.value.strip():
            raise self.wrong("a text is expected here", "Write it, in quotes if it holds a colon")
        return " ".join(str(self._node.value).split())

    def word(self, *known: str) -> str:
        """Return one of the known words."""
        word = self.text()
        if word not in known:
            raise self.wrong(f"`{word}` is not known", f"Use one of: {', '.join(known)}")
        return word

    def number(self) -> Fraction:
        """Return an exact number."""
        word = self.text()
        if not _PLAIN.fullmatch(word):
            raise self.wrong(f"`{word}` is no number", "Write digits, with a point for decimals")
        return Fraction(word)

    def boolean(self) -> bool:
        """Return true or false."""
        return self.word("true", "false") == "true"

    def day(self) -> date | None:
        """Return a day, or None for null."""
        if self.is_null:
            return None
        try:
            return date.fromisoformat(self.text())
        except ValueError:
            raise self.wrong(f"`{self.text()}` is no date", "Write YYYY-MM-DD, or null") from None

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(item.text() for item in self.items())

    def plain(self) -> object:
        """Return the value as plain Python data: mappings, lists, texts, exact numbers, booleans, None."""
        if isinstance(self._node, yaml.MappingNode):
            return {key: value.plain() for key, value in self.mapping().items()}
        if isinstance(self._node, yaml.SequenceNode):
            return [item.plain() for item in self.items()]
        if self.is_null:
            return None
        if self._node.tag == "tag:yaml.org,2002:bool":
            return self._node.value.lower() == "true"
        if self._node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
            return Fraction(self._node.value)
        return self.text()


def optional_text(members: Mapping[str, Place], key: str, default: str = "") -> str:
    """Return the member's text, or the default where it is absent."""
    return members[key].text() if key in members else default
