"""The keys: one meaning each on every screen, and which of them work now."""

from __future__ import annotations

from collections.abc import Mapping

from textual.binding import ActiveBinding, Binding, BindingType

from station.i18n import N_

Bindings = list[BindingType]

_ORDER = {"enter": 0, **{f"f{number}": number for number in range(1, 13)}, "escape": 20}
_FACES = {"escape": "Esc", "enter": "Enter"}


def key(name: str, action: str, description: str, *, show: bool = True) -> Binding:
    """Bind a key with priority, so that a field with the focus does not take it."""
    return Binding(name, action, description, show=show, priority=True)


COMMON: Bindings = [
    key("f1", "help", N_("Help")),
    key("f2", "language", N_("Language")),
    key("ctrl+q", "close", N_("Close the program"), show=False),
    Binding("tab", "app.focus_next", "", show=False),
    Binding("shift+tab", "app.focus_previous", "", show=False),
]
"""What every screen binds, dialogues too: they do not see the bindings of the application."""


def shown_keys(active_bindings: Mapping[str, ActiveBinding]) -> list[tuple[str, str]]:
    """The keys that work now as (face, English description), in the order of the keyboard."""
    seen: dict[str, str] = {}
    for name, active in active_bindings.items():
        binding = active.binding
        if binding.show and active.enabled and binding.description:
            seen.setdefault(name, binding.description)
    ordered = sorted(seen.items(), key=lambda item: _ORDER.get(item[0], 15))
    return [(_FACES.get(name, name.capitalize()), text) for name, text in ordered]
