"""Every story of the sandbox says what the service really answers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from sandbox.__main__ import export_bundles
from sandbox.patients import Story, stories
from service.check import check
from service.config import Config
from service.engine import Engine
from service.reports import as_json

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the engine of the defaults."""
    return Engine.build(Config())


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the stories' Bundles."""
    folder = tmp_path_factory.mktemp("stories")
    export_bundles(folder, TODAY)
    return folder


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.id)
def test_the_story_is_true(story: Story, engine: Engine, bundles: Path) -> None:
    """The determinations of the first suggested order, and their gaps where named, are those of the index."""
    body = (bundles / f"{story.id}.json").read_bytes()
    found = as_json(check(engine, body, TODAY))
    determinations = [
        {
            "policy": one["policy"]["id"],
            "indication": one["indication"],
            "phase": one["phase"],
            "determination": one["determination"],
            "gaps": one["gaps"],
        }
        for one in found["determinations"]
    ]
    expected = [
        {**one, "gaps": one.get("gaps", determinations[index]["gaps"] if index < len(determinations) else [])}
        for index, one in enumerate(story.expected)
    ]
    assert determinations == expected, json.dumps(found, indent=1)[:6000]
