"""What is installed into the operating system, checked by its own tools where they exist."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from hatchling.builders.wheel import WheelBuilder

from station.commands.system_files import Written, contents, next_steps, run, write

ROOT = Path(__file__).parents[2]
RULES = PurePosixPath("etc/udev/rules.d/70-rekam.rules")
UNIT = PurePosixPath("etc/systemd/system/rekam@.service")

MATCH_KEYS = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "KERNEL", "TEST"}
KEYS_WITH_NAME = {"ATTR", "ATTRS", "ENV"}
ASSIGN_KEYS = {"GOTO", "LABEL", "MODE", "GROUP", "SYMLINK"}
TOKEN = re.compile(r'([A-Z]+)(?:\{([^{}"]+)\})?(==|!=|\+=|=)"([^"]*)"')


def rule_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def tokens(line: str) -> list[tuple[str, str, str, str]]:
    """Key, name in braces, operator and value of every part of a rule; anything else is an error.

    Source: udev(7), the keys and operators that our rules use.
    """
    found = []
    for part in line.split(", "):
        match = TOKEN.fullmatch(part)
        assert match, f"no rule: {part}"
        key, name, operator, value = match[1], match[2] or "", match[3], match[4]
        assert key in MATCH_KEYS | KEYS_WITH_NAME | ASSIGN_KEYS, f"unknown key: {part}"
        assert bool(name) == (key in KEYS_WITH_NAME), f"a name too few or too many: {part}"
        matching = operator in ("==", "!=")
        assert not (matching and key in ASSIGN_KEYS), f"cannot be compared: {part}"
        assert matching or key not in MATCH_KEYS | {"ATTRS"}, f"cannot be assigned: {part}"
        assert operator != "+=" or key == "SYMLINK", f"cannot be added to: {part}"
        found.append((key, name, operator, value))
    return found


@pytest.fixture(scope="module")
def rules() -> str:
    return contents()[RULES].decode("ascii")


def test_every_rule_is_well_formed(rules: str) -> None:
    for line in rule_lines(rules):
        parts = tokens(line)
        assigned = [part for part in parts if part[2] in ("=", "+=")]
        assert assigned, f"matches and does nothing: {line}"
        first = parts.index(assigned[0])
        assert parts[first:] == assigned, f"a match behind an assignment: {line}"


@pytest.mark.parametrize(
    "broken",
    [
        'SUBSYSTEM=="tty" GOTO="x"',
        'SUBSYSTEM="tty"',
        'ATTRS{idVendor}="1a86"',
        'ENV=="x"',
        'BOGUS=="x"',
        'MODE=="0660"',
        'GROUP+="dialout"',
        'SUBSYSTEM=="tty',
    ],
)
def test_broken_rules_are_found(broken: str) -> None:
    with pytest.raises(AssertionError):
        tokens(broken)


def test_every_jump_has_its_label_below_it(rules: str) -> None:
    lines = [tokens(line) for line in rule_lines(rules)]
    labels = {parts[0][3]: number for number, parts in enumerate(lines) if parts[0][0] == "LABEL"}
    jumps = [
        (number, value)
        for number, parts in enumerate(lines)
        for key, _, _, value in parts
        if key == "GOTO"
    ]
    assert {label for _, label in jumps} == set(labels)
    assert all(number < labels[label] for number, label in jumps)


def test_bridges_are_the_same_for_the_usb_device_and_its_port(rules: str) -> None:
    named: dict[str, set[tuple[str, str]]] = {"ATTR": set(), "ATTRS": set()}
    for line in rule_lines(rules):
        parts = tokens(line)
        ids = {name: (key, value) for key, name, _, value in parts if name.startswith("id")}
        if len(ids) == 2:
            named[ids["idVendor"][0]].add((ids["idVendor"][1], ids["idProduct"][1]))
    assert named["ATTR"] == named["ATTRS"]
    assert {vendor for vendor, _ in named["ATTR"]} == {"10c4", "1a86", "0403", "067b"}


def test_all_ids_are_hexadecimal_words(rules: str) -> None:
    ids = re.findall(r'ATTRS?\{id(?:Vendor|Product)\}=="([^"]+)"', rules)
    assert ids
    assert all(re.fullmatch(r"[0-9a-f]{4}", word) for value in ids for word in value.split("|"))


def test_the_rules_keep_modem_programs_away_and_devices_awake(rules: str) -> None:
    parts = [part for line in rule_lines(rules) for part in tokens(line)]
    assert ("ENV", "ID_MM_DEVICE_IGNORE", "=", "1") in parts
    assert ("ENV", "ID_MM_PORT_IGNORE", "=", "1") in parts
    assert ("ATTR", "power/control", "=", "on") in parts
    assert {value for key, _, _, value in parts if key == "GROUP"} == {"dialout", "video"}
    assert {value for key, _, _, value in parts if key == "MODE"} == {"0660"}


def udevadm_says(path: Path) -> str:
    """What the parser of the installed udev says of a file, by the best way that it offers."""
    if shutil.which("udevadm") is None:
        pytest.skip("udevadm is not installed")
    verify = subprocess.run(["udevadm", "verify", str(path)], capture_output=True, text=True)
    if "Unknown command verb" not in verify.stderr:  # systemd 254 and later
        return verify.stdout + verify.stderr if verify.returncode else ""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("this udevadm reads system folders only, and we are not root")
    script = (
        "mkdir -p /run/udev/rules.d && mount -t tmpfs rekam /run/udev/rules.d"
        f' && cp "{path}" /run/udev/rules.d/70-rekam.rules'
        " && udevadm test /sys/class/tty/tty 2>&1 | grep 70-rekam.rules"
    )
    seen = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True
    )
    if "Reading rules file" not in seen.stdout:
        pytest.skip("udevadm cannot read rules in a mount namespace of its own here")
    return "\n".join(line for line in seen.stdout.splitlines() if "Reading" not in line)


def test_udev_itself_accepts_the_rules(tmp_path: Path, rules: str) -> None:
    good, broken = tmp_path / "good.rules", tmp_path / "broken.rules"
    good.write_text(rules)
    broken.write_text(rules + '\nBOGUS="x"\n')
    assert udevadm_says(good) == ""
    assert "BOGUS" in udevadm_says(broken)


def unit_settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_is_hardened_and_never_root() -> None:
    found = unit_settings(contents("/opt/rekam/bin")[UNIT].decode())
    assert found["User"] == ["rekam"]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["DevicePolicy"] == ["closed"]
    assert found["Restart"] == ["on-failure"]
    assert found["ExecStart"] == ["/opt/rekam/bin/rekam run --config /etc/rekam/station.toml"]


def test_systemd_itself_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / "rekam").symlink_to("/bin/true")
    unit = tmp_path / "rekam@tty1.service"
    unit.write_bytes(contents(str(tmp_path))[UNIT])
    said = systemd_analyze(unit)
    assert said.returncode == 0
    assert unit.name not in said.stderr
    unit.write_bytes(contents(str(tmp_path / "nowhere"))[UNIT] + b"\n[Service]\nBogus=yes\n")
    said = systemd_analyze(unit)
    assert said.returncode != 0
    assert "Bogus" in said.stderr


def systemd_analyze(unit: Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    return subprocess.run(command, capture_output=True, text=True)


def test_systemd_itself_accepts_the_user(tmp_path: Path) -> None:
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("systemd-sysusers is not installed")
    write(tmp_path)
    file = tmp_path / "etc/sysusers.d/rekam.conf"
    command = ["systemd-sysusers", "--dry-run", str(file)]
    said = subprocess.run(command, capture_output=True, text=True)
    if "unrecognized option" in said.stderr:
        pytest.skip("this systemd-sysusers cannot be asked without writing")
    assert said.returncode == 0
    assert "ignoring" not in said.stderr


def test_files_are_laid_out_as_below_root(tmp_path: Path) -> None:
    written = write(tmp_path, "/opt/rekam/bin")
    assert set(written.values()) == {Written.NEW}
    assert {path.parts[0] for path in written} == {"etc"}
    for path, content in contents("/opt/rekam/bin").items():
        assert (tmp_path / path).read_bytes() == content
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o644


def test_what_a_technician_changed_is_kept(tmp_path: Path) -> None:
    write(tmp_path)
    changed = tmp_path / RULES
    changed.write_text("# ours\n")
    written = write(tmp_path)
    assert written.pop(RULES) is Written.KEPT
    assert set(written.values()) == {Written.SAME}
    assert changed.read_text() == "# ours\n"
    assert changed.with_name("70-rekam.rules.new").read_bytes() == contents()[RULES]


def test_the_command_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 0
    said = capsys.readouterr().out
    assert f"new   {tmp_path / RULES}" in said
    assert "udevadm control --reload" in said


def test_a_folder_to_look_at_starts_no_desk(tmp_path: Path) -> None:
    said = "\n".join(next_steps(tmp_path, tmp_path / "station.toml"))
    assert "rekam@tty1" not in said
    assert "`rekam system-files /`" in said
    assert "udevadm trigger" in said


@pytest.mark.parametrize("is_there", [False, True])
def test_the_desk_is_started_last_and_after_its_configuration(
    tmp_path: Path, is_there: bool
) -> None:
    configuration = tmp_path / "station.toml"
    if is_there:
        configuration.touch()
    *_, before, last = next_steps(Path("/"), configuration)
    assert last.strip() == "systemctl enable --now rekam@tty1"
    assert str(configuration) in before
    assert "rekam doctor" in before
    assert ("write" in before) is not is_there


def test_the_files_are_in_the_wheel() -> None:
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"station/system/{path}" for path in contents()} <= shipped
