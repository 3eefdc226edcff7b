"""Which columns would tell who is who: by their name and by what is in them.

Text is refused in doubt: its frequent values would go into the genesis. A number column gives a
mean and a scale only, so there only what numbers records does: nearly unique whole numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from peerd.tasks.columns import Column
from peerd.tasks.identifier_words import COMMON, FLAGS, GIVEN, MEASURES, suspicious_name

_LOOKED_AT = 2000  # distinct values: enough to know the kind of a column
_MANY = 20
_MONTH = r"[^\W\d_]{3,10}\.?"
_TIME = r"\d{1,2}:\d{2}(:\d{2})?([.,]\d+)?(\s?[AaPp]\.?[Mm]\.?)?(Z|[+-]\d{2}:?\d{2})?"
_DAY = (
    r"(\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}|\d{4}[./-]\d{1,2}([./-]\d{1,2})?"
    rf"|\d{{1,2}}[. -]+{_MONTH},?[ -]+\d{{2,4}}|{_MONTH}\s+\d{{1,2}},?\s+\d{{4}})"
)
_STREET = (
    r"(stra(ss|ß)e|str\.|weg|platz|allee|gasse|street|st\.|road|rd\.?|avenue|ave\.?|lane|drive"
    r"|boulevard|blvd|rue|chemin|place|calle|avenida|plaza|carrer|via|viale|piazza|corso|straat"
    r"|laan|plein|gracht)"
)
_PATTERNS = {
    "e-mail addresses": r"[^\s@]+@[^\s@]+\.\w+",
    "dates or times": rf"({_DAY}([T ,]+{_TIME})?|{_TIME})",
    "web addresses": r"https?://.*",
    "network addresses": r"(\d{1,3}\.){3}\d{1,3}|([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}",
    "UUIDs or hashes": r"\{?[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?|[0-9a-fA-F]{24,}",
    "account numbers": r"[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?",
    "phone numbers": r"(\+|00?)\d[\d\s()/.-]{5,18}\d|\(?\d{2,5}\)?[\s/-]+\d{3,4}[\s-]+\d{3,5}",
    "postal addresses": rf"(?i:(?=.*\d).*(\b{_STREET}|{_STREET}(\s|,|$)).*)",
    "long numbers": r"(?!(\d{4} ?[-–] ?\d{4}|\d{5} ?[-–] ?\d{5})$).*\d[\d -]{6,}\d.*",
}
_COMPILED = {what: re.compile(pattern) for what, pattern in _PATTERNS.items()}
_TITLE = re.compile(r"(?i)(dr|prof|mr|mrs|ms|herr|frau|mme|mlle|sr|sra|sig|dhr|mevr)\.?\s+\w.*")
# A family name among the most frequent ones, and one or two signs behind it.
_HAN_OR_HANGUL = re.compile(
    "([王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林罗羅高郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹"
    "彭曾肖萧田董潘袁蔡蒋蔣余于杜叶葉程魏苏蘇吕丁任卢姚沈钟鐘姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱"
    "侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常]|[김이박최정강조윤장임한오서신권황안송류홍전"
    "고문손양배백허남심노하곽성차주우구민진])[\u4e00-\u9fff\uac00-\ud7a3]{1,2}"
)
_PARTICLES = frozenset(
    ("van", "von", "der", "den", "de", "la", "le", "du", "di", "da", "del", "dos", "zu", "el")
)
# How terms end, and names of people seldom do: Atrial Fibrillation, Major Depressive Disorder
_TERM = re.compile(
    r"(?i)\w(tions?|itis|osis|a?emia|(carcin|melan|lymph|aden|glauc|sarc|myel|gli)oma|asthma"
    r"|pathy|ism|ology|ectomy|ness|ture|order|isease)\b"
)
_ROMAN = re.compile(r"[IVX]+|[A-Z]")


def suspicion(column: Column, *, number: bool) -> str | None:
    """Why ``column`` looks like an identifier, in words that hold none of its values; or None."""
    if not column.distinct or _is_flag(column):
        return None
    if (named := name_suspicion(column, number=number)) is not None:
        return named
    return _number_suspicion(column) if number else text_suspicion(column)


def name_suspicion(column: Column, *, number: bool) -> str | None:
    """By the column's name alone."""
    if suspicious_name(words_of(column.name), column.distinct, number=number):
        return "its name says that it identifies"
    return None


def text_suspicion(column: Column) -> str | None:
    """By what is in a column of text."""
    texts = column.texts(~column.missing)[:_LOOKED_AT]
    for what, pattern in _COMPILED.items():
        if _matching(texts, pattern) >= 0.2:
            return f"it holds {what}"
    if people_suspicion(texts):
        return "it holds names as of persons"
    if _numbered(texts):
        return "it holds record numbers"
    if _free_text(texts):
        return "it holds free text"
    if column.distinct >= 10 and column.present >= _MANY:
        once = int((column.counts[~column.missing] == 1).sum())
        if column.distinct > 0.5 * column.present or once > 0.3 * column.present:
            return f"{column.distinct} of {column.present} values are different: nearly unique text"
    if column.distinct > 1000:
        return f"it has {column.distinct} different texts"
    return None


def people_suspicion(texts: list[str]) -> bool:
    """Whether these different texts look like names of people."""
    if _matching(texts, _TITLE) >= 0.2:
        return True
    if len(texts) >= 3 and _matching(texts, _HAN_OR_HANGUL) >= 0.6:
        return True
    known = _share(texts, lambda text: bool(set(words_of(text)) & GIVEN))
    if len(texts) >= 3 and known >= 0.25:
        return True
    if 0 < len(texts) < 3 and known == 1:
        return all(_like_a_person(text, False) for text in texts)
    if len({text.split()[0] for text in texts if text.split()}) * 2 < len(texts) < 10:
        return False  # "Region North", "Region South"
    many = len(texts) >= _MANY
    return len(texts) >= 3 and _share(texts, lambda text: _like_a_person(text, many)) >= 0.6


def words_of(text: str) -> list[str]:
    """Lower-case words without accents, of a name in any style: patientID, Straße, last_name."""
    split = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    plain = unicodedata.normalize("NFKD", split.casefold())
    return re.findall(r"[a-z]+", "".join(each for each in plain if not unicodedata.combining(each)))


def _is_flag(column: Column) -> bool:
    if column.distinct > 4:
        return False
    return all(text.casefold() in FLAGS for text in column.texts(~column.missing))


def _share(texts: list[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, texts)) / len(texts) if texts else 0.0


def _matching(texts: list[str], pattern: re.Pattern[str]) -> float:
    return _share(texts, lambda text: bool(pattern.fullmatch(text)))


def _like_a_person(text: str, many: bool) -> bool:
    """Two words and more with capitals. Of ``many`` different texts, initials and small letters do:
    few categories have as many values of two words.
    """
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not 2 <= len(words) <= 5 or any(each.isdigit() for each in text):
        return False
    named = [word for word in words if word.casefold() not in _PARTICLES]
    if len(named) < 2 or set(words_of(text)) & COMMON or _TERM.search(text):
        return False
    if any(_ROMAN.fullmatch(word) for word in named):
        return many or "," in text  # else "Type A", "Stage II"
    return all(word[0].isalpha() and (many or word[0].isupper()) for word in named)


def _numbered(texts: list[str]) -> bool:
    """P0001, P0002 …: the same letters in front of as many digits; or many digits in each."""
    parts = [re.fullmatch(r"(\D*)(\d{3,})", text) for text in texts]
    forms = [(each[1], len(each[2])) for each in parts if each]
    if len(texts) >= _MANY and len(forms) > 0.9 * len(texts) and len(set(forms)) <= 3:
        return True
    return len(texts) >= _MANY and _share(texts, lambda text: bool(re.search(r"\d{5}", text))) > 0.5


def _free_text(texts: list[str]) -> bool:
    words = sum(len(text.split()) for text in texts) / max(1, len(texts))
    return (words >= 4 and len(texts) > 12) or (words >= 6 and len(texts) > 5)


def _number_suspicion(column: Column) -> str | None:
    used = ~np.isnan(column.numbers)
    values, counts = np.unique(column.numbers[used]), column.counts[used]
    rows, distinct = int(counts.sum()), len(values)
    if not distinct or column.distinct < 2 or (values != np.floor(values)).any():
        return None  # of numbers of twenty digits many are the same float
    magnitude = np.abs(values)
    if magnitude.max() >= 1e12 and np.median(magnitude) >= 1e11:
        return "it holds numbers of twelve digits and more"
    if set(words_of(column.name)) & MEASURES:
        return None
    if rows >= _MANY and distinct >= _MANY and _nearly_unique(values, rows):
        return f"{distinct} of {rows} whole numbers are different"
    if distinct >= 5 and _like_dates(values):
        return "it holds dates"
    return "it holds whole numbers of one width" if _one_width(magnitude, rows) else None


def _nearly_unique(values: NDArray[np.float64], rows: int) -> bool:
    """A small range is filled by chance: ages of 25 people may all be different."""
    if values.max() - values.min() + 1 == len(values) == rows:
        return True
    if np.abs(values).max() < 1000:
        return len(values) == rows and rows >= 50
    return len(values) >= 0.9 * rows


def _like_dates(values: NDArray[np.float64]) -> bool:
    """20240131, all of them."""
    year, month, day = values // 10000, values // 100 % 100, values % 100
    fit = (year >= 1850) & (year <= 2150) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return bool(fit.mean() > 0.95)


def _one_width(magnitude: NDArray[np.float64], rows: int) -> bool:
    digits = np.floor(np.log10(np.maximum(magnitude, 1))).astype(np.int64) + 1
    width = int(np.bincount(digits).argmax())
    if (digits == width).mean() < 0.98 or (magnitude % 100 == 0).mean() > 0.9:
        return False  # amounts are often round
    if width >= 7:
        return len(magnitude) >= 5
    if width >= 5:
        return len(magnitude) > 50 and len(magnitude) > 0.05 * rows
    return False
