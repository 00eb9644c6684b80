"""The open test application of a simulated card: its files, and who vouches for them.

Layout: `drivers.card.profiles.open_lds`. The document signer and its authority are published test
keys.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import Final

import numpy as np
from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from drivers.card import tlv
from drivers.card.chip_content import decode_signature_image
from drivers.card.profiles import open_lds
from drivers.card.profiles.open_lds_sod import LDS_SECURITY_OBJECT, TAG, LdsSecurityObject
from drivers.sbi.iso19794.face import FaceDataType, FaceRecord
from drivers.sbi.iso19794.images import declared_size
from simulators.ktpel_card_content import CardContent
from simulators.test_keys import DOCUMENT_SIGNER, signer_certificate

# ICAO 9303-10 table 37: version 0101, facial features, format owner 0101, format type 0008
_FACE_HEADER: Final = bytes.fromhex("800201018101028702010188020008")
_ONE: Final = bytes.fromhex("020101")
_SIGNATURE_JPEG_QUALITY: Final = 90


def open_files(content: CardContent) -> dict[int, bytes]:
    """Return the files of the application: EF.COM, EF.SOD, DG2, DG7 and DG13."""
    groups = {2: build_face(content.photo), 7: build_signature(content.signature)}
    groups[13] = open_lds.build_biodata(content.biodata_text)
    tags = (open_lds.TAG_DG2, open_lds.TAG_DG7, open_lds.TAG_DG13)
    return {
        open_lds.EF_COM: open_lds.build_common(tags),
        open_lds.EF_SOD: build_security_object(groups),
        **{0x0100 | number: group for number, group in groups.items()},
    }


def build_face(photo: bytes) -> bytes:
    """Return DG2 around a JPEG."""
    width, height = declared_size("JPEG", photo)
    record = FaceRecord(width, height, photo, FaceDataType.JPEG).to_bytes()
    template = tlv.build(0xA1, _FACE_HEADER) + tlv.build(open_lds.TAG_RECORD, record)
    templates = _ONE + tlv.build(open_lds.TAG_TEMPLATE, template)
    return tlv.build(open_lds.TAG_DG2, tlv.build(open_lds.TAG_TEMPLATES, templates))


def build_signature(signature: bytes) -> bytes:
    """Return DG7: the signature image as a grey JPEG."""
    from PIL import Image

    encoded = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(decode_signature_image(signature)))
    picture.save(encoded, "JPEG", quality=_SIGNATURE_JPEG_QUALITY)
    return tlv.build(open_lds.TAG_DG7, _ONE + tlv.build(open_lds.TAG_PICTURE, encoded.getvalue()))


def build_security_object(
    groups: Mapping[int, bytes],
    certificate: x509.Certificate | None = None,
    key: ec.EllipticCurvePrivateKey = DOCUMENT_SIGNER,
) -> bytes:
    """Return EF.SOD over data groups, by the test document signer or by another one."""
    content = _listed_hashes(groups)
    attributes = cms.CMSAttributes(
        [
            {"type": "content_type", "values": [LDS_SECURITY_OBJECT]},
            {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
        ]
    )
    signer = certificate or signer_certificate()
    embedded = asn1_x509.Certificate.load(signer.public_bytes(serialization.Encoding.DER))
    identifier = {"issuer": embedded.issuer, "serial_number": embedded.serial_number}
    signer_info = {
        "version": "v1",
        "sid": cms.SignerIdentifier("issuer_and_serial_number", identifier),
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
    }
    signed_data = {
        "version": "v3",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {
            "content_type": LDS_SECURITY_OBJECT,
            "content": core.ParsableOctetString(content),
        },
        "certificates": [embedded],
        "signer_infos": [signer_info],
    }
    message = cms.ContentInfo({"content_type": "signed_data", "content": signed_data})
    return tlv.build(TAG, message.dump())


def _listed_hashes(groups: Mapping[int, bytes]) -> bytes:
    listed = [
        {"number": number, "value": hashlib.sha256(group).digest()}
        for number, group in sorted(groups.items())
    ]
    content = {"version": 0, "algorithm": {"algorithm": "sha256"}, "hashes": listed}
    return bytes(LdsSecurityObject(content).dump())
