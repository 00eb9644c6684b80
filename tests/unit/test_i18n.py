from __future__ import annotations

import builtins
import gettext
from pathlib import Path
from typing import Any

import pytest

from station import i18n
from station.i18n import LANGUAGES, N_, CatalogueMissing, Translator, load
from station.locale import build_catalogues
from station.locale.build_catalogues import compile_catalogues

PO = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Help"
msgstr "{word}"

#, fuzzy
msgid "Back"
msgstr "Mundur"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    messages = tmp_path / "id" / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (messages / "rekam.po").write_text(PO.format(word="Bantuan"), encoding="utf-8")
    return tmp_path


def test_indonesian_is_the_default_and_english_needs_no_catalogue() -> None:
    translate = Translator()
    assert translate.language == "id"
    assert translate("Help") == "Bantuan"
    translate.use("en")
    assert translate("Help") == N_("Help")


def test_values_enter_by_name_and_are_never_formatted_again() -> None:
    translate = Translator("en")
    assert translate("Attempt {n} of {m}", n=1, m="{n}") == "Attempt 1 of {n}"
    translate.use("id")
    assert translate("Attempt {n} of {m}", n=1, m=3) == "Percobaan 1 dari 3"


def test_empty_text_is_not_the_header_of_the_catalogue() -> None:
    assert Translator()("") == ""


def test_numbers_follow_the_language() -> None:
    assert Translator("id").number(1234.5, 1) == "1.234,5"
    assert Translator("en").number(1234.5, 1) == "1,234.5"


def test_unknown_language_is_refused_and_nothing_changes() -> None:
    translate = Translator("en")
    with pytest.raises(ValueError, match="fr"):
        translate.use("fr")
    assert translate.language == "en"
    assert list(LANGUAGES) == ["id", "en"]


def test_missing_compiled_catalogue_is_compiled_in_memory(folder: Path) -> None:
    assert load("id", folder).gettext("Help") == "Bantuan"
    assert not list(folder.rglob("*.mo"))


def test_fuzzy_entries_are_not_shown(folder: Path) -> None:
    assert load("id", folder).gettext("Back") == "Back"


def test_compiled_catalogue_of_an_older_source_is_not_used(folder: Path) -> None:
    (compiled,) = compile_catalogues(folder)
    assert compile_catalogues(folder) == [], "compiling twice changes nothing"
    compiled.with_suffix(".po").write_text(PO.format(word="Pertolongan"), encoding="utf-8")
    assert load("id", folder).gettext("Help") == "Pertolongan"


def test_up_to_date_catalogue_needs_no_build_tools(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (compiled,) = compile_catalogues(folder)
    _without_babel(monkeypatch)
    assert load("id", folder).gettext("Help") == "Bantuan"
    compiled.with_suffix(".po").unlink()
    assert load("id", folder).gettext("Help") == "Bantuan"


def test_without_build_tools_a_stale_catalogue_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_babel(monkeypatch)
    with pytest.raises(CatalogueMissing, match="make setup"):
        load("id", folder)


def test_language_without_any_catalogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueMissing):
        load("id", tmp_path)


def test_hook_and_program_agree_on_the_name_of_the_hash() -> None:
    assert i18n.SOURCE_HASH_ID == build_catalogues.SOURCE_HASH_ID


def test_build_hook_compiles_what_it_finds_in_the_project(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "project"
    (root / "station" / "locale").mkdir(parents=True)
    (folder / "id").rename(root / "station" / "locale" / "id")
    hook = build_catalogues.CustomBuildHook(str(root), {}, None, None, "", "wheel")  # type: ignore[arg-type]
    hook.initialize("standard", {})
    with next(root.rglob("rekam.mo")).open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Help") == "Bantuan"


def _without_babel(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "station.locale.build_catalogues":
            raise ModuleNotFoundError("No module named 'babel'", name="babel")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
