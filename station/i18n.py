"""The languages of the screens: English in the source, Bahasa Indonesia from the catalogue.

Texts are marked with `N_` where they are written down before a language is chosen, and with a
translator called `_` where they are shown. Values enter by name and are never markup.
"""

from __future__ import annotations

import gettext
import hashlib
import io
from pathlib import Path
from typing import Final

from station.errors import StationError

DOMAIN: Final = "rekam"
LOCALE_FOLDER: Final = Path(__file__).parent / "locale"
LANGUAGES: Final = {"id": "Bahasa Indonesia", "en": "English"}
"""Code to the language's own name; the source language `en` needs no catalogue."""
DEFAULT_LANGUAGE: Final = "id"
SOURCE_HASH_ID: Final = "sha256 of the source catalogue"
"""Set by `station.locale.build_catalogues`, which cannot be imported without the build tools."""


class CatalogueMissing(StationError):
    """The compiled catalogue is absent or of another version, and nothing here can compile it."""

    code = "CFG-002"


def N_(text: str) -> str:  # noqa: N802  # the name that every gettext tool knows
    """Mark `text` for translation and return it unchanged."""
    return text


class Translator:
    """Gives the present language's wording of an English text."""

    def __init__(self, language: str = DEFAULT_LANGUAGE, folder: Path = LOCALE_FOLDER) -> None:
        self._folder = folder
        self._catalogues: dict[str, gettext.NullTranslations] = {}
        self._language = DEFAULT_LANGUAGE
        self.use(language)

    @property
    def language(self) -> str:
        """Code of the present language."""
        return self._language

    def use(self, language: str) -> None:
        """Change the language.

        Raises:
            ValueError: there is no such language.
            CatalogueMissing: it has no usable catalogue.
        """
        if language not in LANGUAGES:
            raise ValueError(f"no language {language!r}")
        if language not in self._catalogues:
            self._catalogues[language] = load(language, self._folder)
        self._language = language

    def __call__(self, text: str, **values: object) -> str:
        """Translate `text` and put `values` at their names."""
        if not text:
            return ""  # gettext would answer with the header of the catalogue
        return self._catalogues[self._language].gettext(text).format(**values)

    def number(self, value: float, decimals: int = 0) -> str:
        """Write a number as the language does: 1.234,5 in Indonesian, 1,234.5 in English."""
        text = f"{value:,.{decimals}f}"
        return text.translate(_SWAPPED) if self._language == "id" else text


_SWAPPED = str.maketrans(",.", ".,")


def load(language: str, folder: Path = LOCALE_FOLDER) -> gettext.NullTranslations:
    """Open the catalogue of `language`, compiling it in memory when it is not up to date.

    Raises:
        CatalogueMissing: there is none, or Babel, which compiles it, is not installed.
    """
    if language == "en":
        return gettext.NullTranslations()
    compiled = folder / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    source = compiled.with_suffix(".po")
    text = source.read_bytes() if source.exists() else None
    if compiled.exists():
        with compiled.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)
        stated = catalogue.gettext(SOURCE_HASH_ID)
        if text is None or stated == hashlib.sha256(text).hexdigest():
            return catalogue
    if text is None:
        raise CatalogueMissing(f"{compiled.name} for {language}")
    return gettext.GNUTranslations(io.BytesIO(_compile(text, language)))


def _compile(source: bytes, language: str) -> bytes:
    try:
        from station.locale.build_catalogues import catalogue_bytes
    except ModuleNotFoundError as error:
        raise CatalogueMissing(
            f"{DOMAIN}.mo for {language} is not up to date and {error.name} is not installed: "
            "run `make setup`"
        ) from error
    return catalogue_bytes(source, language)
