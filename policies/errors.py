"""What can go wrong while policies are read.

    PolicyError
    |- PolicyFileError        one file is wrong: file, line, problem, mend
    |- PolicyLibraryError     files contradict each other (overlapping periods, same id twice)
    |- UnknownPolicy          no policy of that id
    `- NoCriteriaTree         a policy has no tree for that indication and phase

All of them are raised at start-up or for wrong arguments; a chart never raises one.
"""

from __future__ import annotations

from pathlib import Path


class PolicyError(Exception):
    """Anything that keeps a policy from being used."""


class PolicyFileError(PolicyError):
    """A policy or vocabulary file is wrong: says where, what, and how to mend it."""

    def __init__(self, file: Path | str, line: int, problem: str, mend: str) -> None:
        self.file = str(file)
        self.line = line
        self.problem = problem
        self.mend = mend
        super().__init__(f"{self.file}:{line}: {problem}. {mend}.")


class PolicyLibraryError(PolicyError):
    """Two policy files cannot stand beside each other."""


class UnknownPolicy(PolicyError):
    """No policy has this id; the message lists the ids that exist."""


class NoCriteriaTree(PolicyError):
    """The policy has no criteria tree for this indication and phase."""
