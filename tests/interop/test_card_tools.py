"""Other people's programs at our simulated cards, unmodified, through a real pcscd of our own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.api import CardChannel
from drivers.card.apdu import ApduChannel
from drivers.card.errors import PinBlocked, PinLastTry
from drivers.card.profiles.piv import PivCard
from drivers.card.profiles.piv_login import Challenge, OperatorProof, sign_in
from drivers.card.profiles.piv_trust import OperatorTrust, Reason, Revocation
from drivers.card.reader import PcscReader
from simulators.card import KtpelCard, specimen
from simulators.pcscd import PrivatePcscd, available
from simulators.piv_card import OperatorCard
from simulators.piv_keys import ECC_P256, RSA_2048
from simulators.piv_pki import OperatorAuthority, blank_card
from tests.interop.card_rig import (
    BLANK,
    KTPEL,
    PATIENCE_S,
    PIV,
    children,
    needs,
    run,
    served,
    slot_of,
)
from tests.protocol.card_scene import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.pcsc]

OPERATOR, STATION = "OPERATOR UJI 001", "STATION-UJI-01"
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "operator-card.md"
SECRETS = {
    "PIN": "86420975",
    "PUK": "97531864",
    "MANAGEMENT_KEY": "1f2e3d4c5b6a798897a6b5c4d3e2f1000f1e2d3c4b5a6978",
}


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    """Skip where no pcscd can run; fail the test that leaves a process of its own behind."""
    if (reason := available()) is not None:
        pytest.skip(reason)
    before = children()
    yield
    assert wait_until(lambda: children() <= before, 2.0), "a process is still running"


@pytest.fixture(scope="module")
def authority() -> OperatorAuthority:
    return OperatorAuthority.make(datetime.now(UTC))


@pytest.fixture(scope="module")
def ecc_card(authority: OperatorAuthority) -> OperatorCard:
    return authority.card(OPERATOR, datetime.now(UTC), algorithm=ECC_P256)


@pytest.fixture(scope="module")
def rsa_card(authority: OperatorAuthority) -> OperatorCard:
    return authority.card(OPERATOR, datetime.now(UTC), algorithm=RSA_2048)


def reader_of(daemon: PrivatePcscd, name: str) -> PcscReader:
    settings = {"reader": slot_of(name), "service_socket": str(daemon.socket_path)}
    return PcscReader("reader", PcscReader.Settings.model_validate(settings))


async def operator_proof(
    daemon: PrivatePcscd, trust: OperatorTrust, pin: str, name: str = PIV
) -> OperatorProof:
    reader = reader_of(daemon, name)
    await reader.connect()
    try:
        challenge = Challenge.make(STATION, datetime.now(UTC))
        return await sign_in(reader, bytearray(pin.encode()), challenge, trust)
    finally:
        await reader.close()


@needs("opensc-tool", "pcsc_scan")
def test_opensc_and_pcsc_scan_see_readers_and_cards(ecc_card: OperatorCard) -> None:
    ktpel = KtpelCard(specimen())
    with served({KTPEL: ktpel, PIV: ecc_card}) as daemon:
        readers = run("opensc-tool", "--list-readers")
        assert re.search(rf"Yes\s+{slot_of(KTPEL)}", readers)
        assert re.search(rf"Yes\s+{slot_of(PIV)}", readers)
        for name, card in ((KTPEL, ktpel), (PIV, ecc_card)):
            told = run("opensc-tool", "--reader", slot_of(name), "--atr").strip()
            assert bytes.fromhex(told.replace(":", "")) == card.atr
        named = run("opensc-tool", "--reader", slot_of(PIV), "--name")
        assert "Personal Identity Verification Card" in named
        listed = run("pcsc_scan", "-r", "-t", "5")
        assert slot_of(KTPEL) in listed
        assert slot_of(PIV) in listed
        scanned = run("pcsc_scan", "-c", "-n", "-t", "5")
        assert ktpel.atr.hex(" ").upper() in scanned
        assert ecc_card.atr.hex(" ").upper() in scanned
        assert scanned.count("Card inserted") == 2
        assert "APDU: 00 A4 04 00" in daemon.log()


@needs("opensc-tool")
def test_opensc_reads_the_free_files_of_the_ktpel() -> None:
    content = specimen()
    commands = ["FF:CA:00:00:00", "00:A4:00:00:02:7F:0A", "00:A4:00:00:02:6F:F2", "00:B0:00:00:02"]
    with served({KTPEL: KtpelCard(content)}):
        sent = [part for command in commands for part in ("--send-apdu", command)]
        told = run("opensc-tool", "--reader", slot_of(KTPEL), *sent)
    assert told.count("SW1=0x90, SW2=0x00") == len(commands)
    assert content.uid.hex(" ").upper() in told
    assert len(content.photo).to_bytes(2, "big").hex(" ").upper() in told


@needs("yubico-piv-tool")
def test_yubico_piv_tool_knows_the_card(authority: OperatorAuthority, tmp_path: Path) -> None:
    card = authority.card(OPERATOR, datetime.now(UTC))
    tool = ("yubico-piv-tool", "-r", slot_of(PIV))
    with served({PIV: card}) as daemon:
        status = run(*tool, "-a", "status")
        assert OPERATOR in status
        assert "ECCP256" in status
        assert "PIN tries left:\t3" in status
        assert "Successfully verified PIN" in run(*tool, "-a", "verify-pin", "-P", "123456")
        run(*tool, "-a", "verify-pin", "-P", "654321", status=1)
        assert "PIN tries left:\t2" in run(*tool, "-a", "status")
        file = tmp_path / "9a.pem"
        run(*tool, "-a", "read-certificate", "-s", "9a", "-o", file)
        read = x509.load_pem_x509_certificate(file.read_bytes())
        assert read.public_bytes(Encoding.DER) == asyncio.run(certificate_on(daemon, PIV))


async def certificate_on(daemon: PrivatePcscd, name: str) -> bytes:
    """What our own driver reads from slot 9A."""

    def work(channel: CardChannel) -> bytes:
        card = PivCard(ApduChannel(channel), channel.device)
        card.select()
        return card.certificate()

    reader = reader_of(daemon, name)
    await reader.connect()
    try:
        async with reader.session() as session:
            return await session.run(work)
    finally:
        await reader.close()


@needs("pkcs11-tool", "openssl")
@pytest.mark.parametrize(
    ("card", "options"),
    [
        ("ecc_card", ["--mechanism", "ECDSA-SHA256", "--signature-format", "openssl"]),
        ("rsa_card", ["--mechanism", "SHA256-RSA-PKCS"]),
    ],
)
def test_pkcs11_tool_signs_and_openssl_verifies(
    card: str, options: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    text, signature = tmp_path / "text", tmp_path / "signature"
    text.write_bytes(b"enrolment packet")
    with served({PIV: request.getfixturevalue(card)}) as daemon:
        files: list[str | Path] = ["--input-file", text, "--output-file", signature]
        run("pkcs11-tool", "--login", "--pin", "123456", "--id", "01", "--sign", *options, *files)
        key = public_key(asyncio.run(certificate_on(daemon, PIV)), tmp_path)
    verify: list[str | Path] = [
        "openssl",
        "dgst",
        "-sha256",
        "-verify",
        key,
        "-signature",
        signature,
        text,
    ]
    assert "Verified OK" in run(*verify)
    text.write_bytes(b"another packet")
    assert "Verification failure" in run(*verify, status=1)


@needs("openssl")
@pytest.mark.parametrize("card", ["ecc_card", "rsa_card"])
def test_openssl_verifies_what_an_operator_signed_at_our_driver(
    card: str, authority: OperatorAuthority, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    now = datetime.now(UTC)
    revoked = authority.revocation_list([], now)
    trust = OperatorTrust((authority.certificate,), (revoked,), revocation_required=True)
    with served({PIV: request.getfixturevalue(card)}) as daemon:
        proof = asyncio.run(operator_proof(daemon, trust, "123456"))
    assert proof.is_accepted
    signed, signature = tmp_path / "signed", tmp_path / "signature"
    signed.write_bytes(proof.signed)
    signature.write_bytes(proof.signature)
    key = public_key(proof.certificate_der, tmp_path)
    told = run("openssl", "dgst", "-sha256", "-verify", key, "-signature", signature, signed)
    assert "Verified OK" in told
    ca, crl = tmp_path / "ca.pem", tmp_path / "list.pem"
    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    crl.write_bytes(revoked.public_bytes(Encoding.PEM))
    chain: list[str | Path] = [
        "-crl_check",
        "-CAfile",
        ca,
        "-CRLfile",
        crl,
        "-purpose",
        "sslclient",
    ]
    assert "OK" in run("openssl", "verify", *chain, tmp_path / "certificate.pem")


def public_key(der: bytes, folder: Path) -> Path:
    """Write certificate.pem, and key.pem by openssl; return the latter."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))
    key.write_text(run("openssl", "x509", "-in", certificate, "-noout", "-pubkey"))
    return key


@needs("yubico-piv-tool")
def test_a_blocked_pin_is_unblocked_by_another_program(authority: OperatorAuthority) -> None:
    trust = OperatorTrust((authority.certificate,))
    tool = ("yubico-piv-tool", "-r", slot_of(PIV))
    with served({PIV: authority.card(OPERATOR, datetime.now(UTC))}) as daemon:
        for _ in range(2):
            run(*tool, "-a", "verify-pin", "-P", "654321", status=1)
        with pytest.raises(PinLastTry):
            asyncio.run(operator_proof(daemon, trust, "123456"))
        run(*tool, "-a", "verify-pin", "-P", "654321", status=1)
        with pytest.raises(PinBlocked):
            asyncio.run(operator_proof(daemon, trust, "123456"))
        run(*tool, "-a", "unblock-pin", "-P", "12345678", "-N", "135724")
        assert asyncio.run(operator_proof(daemon, trust, "135724")).is_accepted


@needs("yubico-piv-tool", "pkcs11-tool", "openssl")
def test_the_commands_of_the_documentation_make_an_operator_card(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    *making, unblocking, revoking = blocks
    with served({BLANK: blank_card()}) as daemon:
        for block in (*making, unblocking):
            shell(block, tmp_path)
        files = (tmp_path / "ca.pem",), (tmp_path / "operators.crl",)
        trust = OperatorTrust.load(*files)
        proof = asyncio.run(operator_proof(daemon, trust, SECRETS["PIN"], BLANK))
        assert proof.is_accepted
        assert proof.certificate.name == "OPERATOR 001"
        assert proof.certificate.revocation is Revocation.NOT_REVOKED
        shell(revoking, tmp_path)
        trust = OperatorTrust.load(*files)
        late = asyncio.run(operator_proof(daemon, trust, SECRETS["PIN"], BLANK))
        assert late.reasons == (Reason.REVOKED,)


def shell(script: str, folder: Path) -> None:
    """Run a documented block as it stands."""
    environment = {**os.environ, **SECRETS, "READER": slot_of(BLANK)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
