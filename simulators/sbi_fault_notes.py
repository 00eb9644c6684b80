"""What the catalogue says of each fault of `sbi_faults`: what happens, what is shown, the codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.injection import FaultNote

NOTES: Final[Mapping[str, FaultNote]] = {
    "wrong-hash": FaultNote(
        "The hash chain does not continue from the hash of the request.",
        "The capture is refused: the chain of captures is broken.",
        ("DEV-222",),
    ),
    "foreign-root": FaultNote(
        "Everything is signed by a key that a stranger's root has issued.",
        "The device is refused: nobody known has certified it.",
        ("DEV-212",),
    ),
    "expired-certificate": FaultNote(
        "The device signs with a key whose certificate ended an hour ago.",
        "The device is refused: the technician has to renew its key.",
        ("DEV-213",),
    ),
    "future-certificate": FaultNote(
        "The device signs with a key whose certificate begins tomorrow.",
        "The device is refused: check the date of this computer.",
        ("DEV-220",),
    ),
    "weak-algorithm": FaultNote(
        "Tokens say `alg: none`.",
        "The device is refused: its signature is no signature.",
        ("DEV-211",),
    ),
    "tampered": FaultNote(
        "The signature of a capture does not match its content.",
        "The capture is refused: its signature is wrong.",
        ("DEV-211",),
    ),
    "foreign-device": FaultNote(
        "The answers name another serial number than the device has.",
        "The answer is refused: another device gave it.",
        ("DEV-214",),
    ),
    "foreign-signer": FaultNote(
        "Captures are signed by another device's key and carry the `digitalId` of this one.",
        "The capture is refused: another device signed it.",
        ("DEV-214",),
    ),
    "foreign-callback": FaultNote(
        "The device says that it wants to be called on another computer.",
        "The device is refused: its address is not on this computer.",
        ("DEV-215",),
    ),
    "foreign-transaction": FaultNote(
        "The capture answers a request that nobody made.",
        "The capture is refused: it belongs to another request.",
        ("DEV-218",),
    ),
    "replayed-answer": FaultNote(
        "The answer to the former capture comes once more, without a new one.",
        "The capture is refused: the device repeated an old answer.",
        (
            "DEV-230",
            "DEV-218",
        ),
    ),
    "clock-behind": FaultNote(
        "The clock of the device is an hour behind.",
        "The capture is refused: check date and time of the computer.",
        ("DEV-220",),
    ),
    "clock-ahead": FaultNote(
        "The clock of the device is an hour ahead.",
        "The capture is refused: check date and time of the computer.",
        ("DEV-220",),
    ),
    "wrong-environment": FaultNote(
        "The answers come from another environment than was asked for.",
        "The device is refused: test and production are mixed.",
        ("DEV-216",),
    ),
    "wrong-purpose": FaultNote(
        "The capture was made for authentication.",
        "The capture is refused: it is not meant for recording.",
        ("DEV-217",),
    ),
    "wrong-spec-version": FaultNote(
        "The answer says that it follows another version of the interface.",
        "The capture is refused: another version of the interface.",
        ("DEV-219",),
    ),
    "unknown-level": FaultNote(
        "The device states a level of trust that does not exist.",
        "The device is refused: its level of trust is not enough.",
        ("DEV-229",),
    ),
    "missing-finger": FaultNote(
        "One item less than was asked for, without an error.",
        "The capture is refused: a finger or an eye is missing.",
        ("DEV-221",),
    ),
    "extra-finger": FaultNote(
        "One item more than was asked for.",
        "The capture is refused: not the fingers that were asked for.",
        ("DEV-221",),
    ),
    "same-finger-twice": FaultNote(
        "The first item comes again in the place of the second.",
        "The capture is refused: one finger came twice.",
        ("DEV-221",),
    ),
    "swapped-hand": FaultNote(
        "Records are labelled with the other hand or eye than their items.",
        "The capture is refused: a picture has another label.",
        ("DEV-225",),
    ),
    "impossible-score": FaultNote(
        "The quality is greater than 100.",
        "The capture is refused: an impossible quality.",
        ("DEV-223",),
    ),
    "broken-record": FaultNote(
        "The record is shorter than it says.",
        "The capture is refused: its record is damaged.",
        ("DEV-224",),
    ),
    "lossy-image": FaultNote(
        "The image has been compressed with losses.",
        "The capture is refused: the device must be set to lossless.",
        ("DEV-226",),
    ),
    "disguised-loss": FaultNote(
        "The record says lossless, the code stream inside is not.",
        "The capture is refused: the device must be set to lossless.",
        ("DEV-226",),
    ),
    "low-resolution": FaultNote(
        "The finger image has 250 pixels per inch.",
        "The capture is refused: wrong resolution.",
        ("DEV-227",),
    ),
    "wrong-size": FaultNote(
        "The record gives its image another size than the image has.",
        "The capture is refused: the picture is not as described.",
        ("DEV-228",),
    ),
    "wrong-type": FaultNote(
        "The image is another format than the record says.",
        "The capture is refused: the picture is not as described.",
        ("DEV-228",),
    ),
    "wrong-person": FaultNote(
        "Somebody else's finger, eye or face is delivered.",
        "The picture; the comparison with the other captures warns.",
    ),
    "wrong-finger": FaultNote(
        "Pictures come under the names of their neighbours, a single one mirrored.",
        "The picture; the comparison with the other captures warns.",
    ),
    "stale-image": FaultNote(
        "The picture of the former capture is delivered in a new answer.",
        "The picture; it does not change with the hand.",
    ),
    "black-picture": FaultNote(
        "Captures and live picture are black.",
        "A black picture; the capture is judged as unusable.",
    ),
    "nothing-detected": FaultNote(
        "The device answers 101: it sees nothing.",
        "Place the finger, eye or face again.",
        ("DEV-231",),
    ),
    "extraction-failed": FaultNote(
        "The device answers 102: it cannot read what it sees.",
        "Wipe the glass, moisten dry fingers.",
        ("DEV-232",),
    ),
    "wrong-orientation": FaultNote(
        "The device answers 105: what lies there is turned.",
        "Place it straight.",
        ("DEV-233",),
    ),
    "tamper-detected": FaultNote(
        "The device answers 103: its casing was opened.",
        "Do not use the device; call the technician.",
        ("DEV-236",),
    ),
    "key-expired": FaultNote(
        "The device answers 107: its key has expired.",
        "Call the technician: the key must be renewed.",
        ("DEV-235",),
    ),
    "server-unreachable": FaultNote(
        "The device answers 104: it does not reach its management server.",
        "Check the network cable.",
        ("DEV-237",),
    ),
    "capture-stopped": FaultNote(
        "The device answers 700: the live picture stopped too early.",
        "Start the capture again.",
        ("DEV-239",),
    ),
    "busy-forever": FaultNote(
        "Left behind by a crashed live picture: everything is refused as busy.",
        "The device is busy; reset it.",
        ("DEV-104",),
    ),
    "not-ready": FaultNote(
        "The device says that it is not ready.",
        "The device is not ready; reset it.",
        ("DEV-234",),
    ),
    "unplug": FaultNote(
        "The service runs, the device behind it was pulled out.",
        "The device is lost; it comes back when it is plugged in.",
        ("DEV-103",),
    ),
    "other-device": FaultNote(
        "Another device of the same model was plugged in instead.",
        "Another device answers in its place; nothing is captured before somebody accepts it.",
        ("DEV-103", "DEV-214"),
    ),
    "service-killed": FaultNote(
        "The service has ended; its port refuses.",
        "The device is lost; it comes back with the service.",
        ("DEV-103",),
    ),
    "service-moved": FaultNote(
        "The service has ended and is back at another port.",
        "The device is lost for a moment and found again.",
        ("DEV-103",),
    ),
    "hang": FaultNote(
        "Requests are accepted and nothing is answered.",
        "Nothing comes in time; then the device is lost.",
        (
            "DEV-201",
            "DEV-204",
        ),
    ),
    "slow": FaultNote(
        "Every answer takes some tenths of a second longer.",
        "Everything works, only slower.",
    ),
    "slow-trickle": FaultNote(
        "Answers come a few bytes at a time and never end in time.",
        "Nothing comes in time; then the device is lost.",
        ("DEV-201",),
    ),
    "late-answer": FaultNote(
        "A capture is answered only after the time that it was given.",
        "Nothing was captured in time.",
        ("DEV-201",),
    ),
    "drop": FaultNote(
        "The connection is reset in the middle of the answer.",
        "The device is lost for a moment and found again.",
        ("DEV-103",),
    ),
    "truncated-json": FaultNote(
        "The JSON ends in its middle, with a length that agrees.",
        "An unreadable answer; try again.",
        ("DEV-202",),
    ),
    "other-json": FaultNote(
        "The answer is JSON of a shape that the interface does not know.",
        "An unreadable answer; try again.",
        ("DEV-202",),
    ),
    "wrong-length": FaultNote(
        "The `Content-Length` names half of the bytes that come.",
        "An unreadable answer; try again.",
        ("DEV-202",),
    ),
    "no-length": FaultNote(
        "The answer has no `Content-Length` and ends with the connection.",
        "Nothing: such an answer is read.",
    ),
    "duplicate-answer": FaultNote(
        "Every answer comes twice in one connection.",
        "Nothing: the second one is left alone.",
    ),
    "stray-bytes": FaultNote(
        "Noise comes before the answer.",
        "An unreadable answer; try again.",
        ("DEV-202",),
    ),
    "http-error": FaultNote(
        "Everything is answered with HTTP 500.",
        "An unreadable answer; try again.",
        ("DEV-202",),
    ),
    "stream-dropped": FaultNote(
        "The live picture breaks off in the middle of a frame.",
        "No live picture, until it can be opened again.",
        ("DEV-201",),
    ),
    "stream-stalled": FaultNote(
        "The live picture stays open and no frame comes any more.",
        "No live picture after two seconds; it is opened again.",
        ("DEV-201",),
    ),
    "stream-repeated": FaultNote(
        "The same frame comes again and again.",
        "A picture that stands still; captures are not concerned.",
    ),
    "frames-dropped": FaultNote(
        "Two frames of three are left out.",
        "A live picture that jerks.",
    ),
    "frames-damaged": FaultNote(
        "Every second frame is cut short inside.",
        "A live picture that jerks.",
    ),
}
