"""A trained model that the tests of services and commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pricelm.core.protocols import Silence
from tests.generated_listings import ROLE_NAMES, listings_frame


class Notes(Silence):
    """A progress display that remembers what it was told."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.said: list[str] = []
        self.steps = 0

    def start(self, task: str, total: int) -> None:
        self.tasks.append(task)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.steps += steps

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def notes() -> Notes:
    """Remembers tasks, lines and steps."""
    return Notes()


@pytest.fixture(scope="session")
def fast_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model without a language member, trained on made-up listings. Do not write into it."""
    from pricelm.services.training import TrainingOptions, TrainingRequest, train_model

    folder = tmp_path_factory.mktemp("fast_bundle")
    listings_frame(160).to_csv(folder / "listings.csv", index=False)
    options = TrainingOptions(preset="fast", test_share=0.2)
    request = TrainingRequest(
        folder / "listings.csv", folder / "model", roles=dict(ROLE_NAMES), options=options
    )
    return train_model(request).bundle
