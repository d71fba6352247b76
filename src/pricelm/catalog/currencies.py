"""Currencies as shops write them: signs, codes and words, and the ISO 4217 code that each stands for."""

from __future__ import annotations

import re
import unicodedata

_CODES = """
AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GEL HKD HUF IDR ILS INR ISK JOD JPY KES
KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH
USD UYU VND ZAR
"""
_COMMA_CODES = "ARS BGN BRL CLP COP CZK DKK EUR HUF IDR ISK NOK PLN RON RSD RUB SEK TRY UAH UYU VND"
ISO_CODES = frozenset(_CODES.split())
# Where a comma before cents is the custom, "1.234 €" is a thousand and not one.
COMMA_CURRENCIES = frozenset(_COMMA_CODES.split())
# "¥" alone is read as yuan: the yen says so with JP¥, 円 or JPY. "$" alone is the US dollar.
_SIGNS = {
    "$": "USD",
    "US$": "USD",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "HK$": "HKD",
    "NT$": "TWD",
    "NZ$": "NZD",
    "S$": "SGD",
    "R$": "BRL",
    "MX$": "MXN",
    "DOLLAR": "USD",
    "DOLLARS": "USD",
    "美元": "USD",
    "€": "EUR",
    "EURO": "EUR",
    "EUROS": "EUR",
    "欧元": "EUR",
    "£": "GBP",
    "英镑": "GBP",
    "¥": "CNY",
    "CN¥": "CNY",
    "RMB": "CNY",
    "RMB¥": "CNY",
    "CNY¥": "CNY",
    "元": "CNY",
    "块": "CNY",
    "人民币": "CNY",
    "人民币元": "CNY",
    "JP¥": "JPY",
    "JPY¥": "JPY",
    "円": "JPY",
    "日元": "JPY",
    "₹": "INR",
    "RS": "INR",
    "RS.": "INR",
    "港币": "HKD",
    "台币": "TWD",
    "ZŁ": "PLN",
    "₽": "RUB",
    "РУБ": "RUB",
    "РУБ.": "RUB",
    "₩": "KRW",
    "₺": "TRY",
    "TL": "TRY",
    "₫": "VND",
    "฿": "THB",
    "₴": "UAH",
    "₪": "ILS",
    "KČ": "CZK",
    "FT": "HUF",
    "FR.": "CHF",
}
# Signs of several currencies: money, but of which country is not said.
_UNDECIDED = frozenset({"KR", "KR."})


def currency_code(text: str) -> str | None:
    """Return the ISO code of a currency sign, code or word.

    Parameters
    ----------
    text : str
        For example ``"$"``, ``"Rs."``, ``"usd"`` or ``"元"``.

    Returns
    -------
    str or None
        The code; ``""`` for a sign of several currencies ("kr") and for empty text; None for anything else.

    Examples
    --------
    >>> currency_code("Rs."), currency_code("￥"), currency_code("kr"), currency_code("apples")
    ('INR', 'CNY', '', None)
    """
    word = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if word in ISO_CODES:
        return word
    if not word or word in _UNDECIDED:
        return ""
    return _SIGNS.get(word)


def currency_in_name(column: str) -> str:
    """Return the currency that a column's name tells, or ``""``.

    Examples
    --------
    >>> currency_in_name("price_cny"), currency_in_name("Price (₪)"), currency_in_name("price")
    ('CNY', 'ILS', '')
    """
    for word in re.split(r"[\s_()\[\]/.:-]+", column):
        code = currency_code(word)
        if code:
            return code
    return ""
