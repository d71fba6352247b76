"""What the console says, in each of its languages: one catalogue of texts a language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pricelm.services.console_users import LANGUAGES

_FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Words:
    """The texts of one language.

    Parameters
    ----------
    language : str
        ``"en"`` or ``"zh"``.
    texts : mapping
        Key to text.

    Examples
    --------
    >>> read_words("en")("login.button")
    'Log in'
    >>> read_words("zh")("login.button")
    '登录'
    """

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text with values filled in; an unknown key is a defect and raises."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def or_as_it_is(self, key: str, text: str) -> str:
        """Return the text of a key that may be missing: states and actions come from the store."""
        return self.texts.get(key, text)


@cache
def read_words(language: str) -> Words:
    """Return the texts of a language, English for one that the console does not speak."""
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    return Words(chosen, json.loads((_FOLDER / f"{chosen}.json").read_text(encoding="utf-8")))


def preferred_language(accepted: str) -> str:
    """Return the language for somebody who is not logged in, by what the browser prefers.

    Examples
    --------
    >>> preferred_language("zh-CN,zh;q=0.9,en;q=0.8"), preferred_language("fr")
    ('zh', 'en')
    """
    for one in accepted.lower().split(","):
        code = one.strip().partition(";")[0].partition("-")[0]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]
