"""Fixtures that several rooms share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pricelm.core.protocols import Silence
from tests.generated_listings import ROLE_NAMES, listings_frame
from tests.postgres import PostgresServer

TINY_WORDS = (
    "red green blue old new small large wooden cup lamp chair sofa table wine cheese apple box of and for "
    "with pack bottle brand pro mini set"
)


def tiny_tokenizer() -> Any:
    """Return a lower-casing WordPiece tokenizer that knows a few words and can spell the rest."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, *TINY_WORDS.split()])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def write_tiny_backbone(folder: Path, model_type: str = "bert", **options: Any) -> Path:
    """Write a two-layer, width-16 encoder with random weights, as a Hugging Face folder."""
    import torch
    from transformers import AutoConfig, AutoModel

    tokenizer = tiny_tokenizer()
    size: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 66,
        "initializer_range": 0.3,
        "pad_token_id": 0,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModel.from_config(AutoConfig.for_model(model_type, **(size | options)))
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a two-layer, width-16 BERT: a backbone that tunes in a second. Do not write into it."""
    return write_tiny_backbone(tmp_path_factory.mktemp("tiny_backbone"))


@pytest.fixture(scope="session")
def make_backbone() -> Callable[..., Path]:
    """Return a function that writes a tiny backbone of any supported type into a folder."""
    return write_tiny_backbone


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test run."""
    # not below pytest's own folder, which every start of pytest closes to the user that the server runs as
    with tempfile.TemporaryDirectory(prefix="pricelm-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder) / "data")
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    yield server.new_database()
    server.take_back()
