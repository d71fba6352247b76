"""The engine: tokens into ONNX Runtime, log prices and embeddings out. It knows no torch."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricelm.core.errors import BundleError
from pricelm.language.batching import token_budget_batches
from pricelm.serving.cache import CacheStatistics, TextCache
from pricelm.serving.export_folder import ExportedCopy
from pricelm.serving.options import ServingOptions

if TYPE_CHECKING:
    from pricelm.language.tokens import TokenizedTexts

INPUTS = ("token_ids", "token_mask")
LOG_PRICE, EMBEDDING = "log_price", "unit_state"


class OnnxCopy:
    """One tuned copy of a backbone in ONNX Runtime.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the export.
    copy : ExportedCopy
        Its files in there.
    precision : str
        Which of its graphs.
    threads : int
        Threads for one call.

    Raises
    ------
    BundleError
        If a file is not what it should be.
    """

    def __init__(self, folder: Path, copy: ExportedCopy, precision: str, threads: int) -> None:
        self._max_length = copy.max_length
        self._threads = threads
        # The scale of a product in int8 is that of the largest number in the batch: a neighbor would count.
        self._alone = precision == "int8"
        self._readers = (
            ThreadPoolExecutor(threads, thread_name_prefix="pricelm-int8") if self._alone else None
        )
        self._tokenizer = _read_tokenizer(folder / copy.tokenizer, copy.pad_id)
        self._session = open_session(folder / copy.graphs[precision], threads)
        # A tokenizer is told its length before each use, and refuses to be told while another thread uses it.
        self._reading = threading.Lock()

    def encode(self, texts: Sequence[str]) -> TokenizedTexts:
        """Tokenize texts, cut as in training."""
        with self._reading:
            return self._tokenizer.encode(texts, self._max_length)

    def run(self, tokens: TokenizedTexts, output: str, token_budget: int) -> np.ndarray:
        """Return one output of one text or more, shape (n_texts, ...).

        In fp32 texts of similar length are read together, at most ``token_budget`` positions at once; in
        int8 every text is read by itself, several at a time.
        """
        batches = list(token_budget_batches(tokens.lengths, 1 if self._alone else token_budget))
        parts = list(self._read(tokens, output, batches))
        values = np.empty((len(tokens), *parts[0].shape[1:]), dtype=parts[0].dtype)
        for rows, part in zip(batches, parts, strict=True):
            values[rows] = part
        return values

    def _read(
        self, tokens: TokenizedTexts, output: str, batches: Sequence[np.ndarray]
    ) -> Iterable[np.ndarray]:
        def read(rows: np.ndarray) -> np.ndarray:
            found: np.ndarray = self._session.run(
                [output], dict(zip(INPUTS, tokens.padded(rows), strict=True))
            )[0]
            return found

        if self._readers is None or len(batches) == 1:
            return map(read, batches)
        # a task for each thread and not for each text: handing over takes time that a text is short of
        shares = [batches[start :: self._threads] for start in range(min(self._threads, len(batches)))]
        parts = list(self._readers.map(lambda share: [read(rows) for rows in share], shares))
        return [parts[n % len(shares)][n // len(shares)] for n in range(len(batches))]


class OnnxEngine:
    """The tuned copies of a language member, averaged, behind a memory of texts seen before.

    It stands in for the ``LanguageRegressor`` of a member; every method may be called from several threads.

    Parameters
    ----------
    copies : sequence of OnnxCopy
        The copies.
    options : ServingOptions
        Token budget and size of the memory.

    Attributes
    ----------
    history_ : list
        Empty: an export does not remember its training.
    """

    def __init__(self, copies: Sequence[OnnxCopy], options: ServingOptions) -> None:
        self._copies = list(copies)
        self._token_budget = options.token_budget
        self._cache = TextCache(options.cached_texts)
        self.history_: list[dict[str, Any]] = []

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return log prices, the mean of all copies, shape (n_texts,), float64."""
        prices = self._cache.look_up(texts)
        missing = [int(row) for row in np.flatnonzero(np.isnan(prices))]
        unknown = list(dict.fromkeys(texts[row] for row in missing))
        if unknown:
            scored = self._score(unknown)
            self._cache.store(unknown, scored)
            # taken from here and not from the cache, which may hold less than what was asked for
            known = dict(zip(unknown, scored, strict=True))
            prices[missing] = [known[texts[row]] for row in missing]
        return prices

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors of the first copy, shape (n_texts, hidden_size), float32."""
        copy = self._copies[0]
        return copy.run(copy.encode(texts), EMBEDDING, self._token_budget)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return how many tokens of each text are read, shape (n_texts,), int64."""
        return self._copies[0].encode(texts).lengths

    def save(self, folder: Path) -> None:
        """Refuse: a served model cannot be saved again."""
        raise BundleError(
            f"a served model cannot be saved to {folder}: copy the folder of its bundle instead"
        )

    def statistics(self) -> CacheStatistics:
        """Return what the memory of texts has done so far."""
        return self._cache.statistics()

    def _score(self, texts: Sequence[str]) -> np.ndarray:
        values = [copy.run(copy.encode(texts), LOG_PRICE, self._token_budget) for copy in self._copies]
        return np.asarray(np.mean(values, axis=0, dtype=np.float64))


def open_session(file: Path, threads: int) -> Any:
    """Open a graph in ONNX Runtime on the CPU.

    Parameters
    ----------
    file : pathlib.Path
        The graph.
    threads : int
        Threads for one call.

    Returns
    -------
    onnxruntime.InferenceSession
        The session.

    Raises
    ------
    BundleError
        If it is no readable graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # threads that spin while they wait take the cores from the rest of a service
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # warnings go to stderr and speak of the optimizer's own doings
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a class of its own for every status
        raise BundleError(
            f"expected an ONNX graph in {file}, got {type(error).__name__}: {str(error)[:200]}; "
            "run 'pricelm export' again"
        ) from error


def _read_tokenizer(file: Path, pad_id: int) -> Any:
    from tokenizers import Tokenizer

    from pricelm.language.tokens import TextTokenizer

    try:
        return TextTokenizer(Tokenizer.from_file(str(file)), pad_id, unknown_id=None)
    except Exception as error:  # the Rust side raises bare Exception
        raise BundleError(
            f"expected a tokenizer in {file}, got {error}; run 'pricelm export' again"
        ) from error
