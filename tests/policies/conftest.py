"""What the tests of the core share."""

from __future__ import annotations

import pytest

from policies.library import PolicyLibrary


@pytest.fixture(scope="session")
def library() -> PolicyLibrary:
    """Return the shipped policies."""
    return PolicyLibrary.load()
