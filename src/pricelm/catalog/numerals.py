"""Numbers written in words or Chinese numerals, as listings use them with a unit."""

from __future__ import annotations

NUMBER_WORDS = {
    "one": 1.0,
    "two": 2.0,
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "nine": 9.0,
    "ten": 10.0,
    "eleven": 11.0,
    "twelve": 12.0,
}
_CHINESE_DIGITS = dict(
    zip("零〇一二两俩三四五六七八九", (0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_CHINESE_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}


def chinese_number(numeral: str) -> float:
    """Return the value of a Chinese numeral below a hundred million, or of digits written one by one.

    Examples
    --------
    >>> chinese_number("二十四"), chinese_number("两百五十"), chinese_number("半"), chinese_number("五零零")
    (24.0, 250.0, 0.5, 500.0)
    """
    if numeral == "半":
        return 0.5
    if not any(character in _CHINESE_POWERS for character in numeral):
        return float("".join(str(_CHINESE_DIGITS[character]) for character in numeral))
    total, digit = 0, 0
    for character in numeral:
        if character == "万":
            total, digit = max(total + digit, 1) * 10_000, 0
        elif character in _CHINESE_POWERS:
            total, digit = total + max(digit, 1) * _CHINESE_POWERS[character], 0
        else:
            digit = _CHINESE_DIGITS[character]
    return float(total + digit)
