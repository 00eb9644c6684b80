"""What the operator is told of devices: one sentence what happened, one what to do, for every code.

The same rules hold as for all messages (`station.messages`, which collects them).
"""

from __future__ import annotations

from collections.abc import Mapping

from station.guidance import Text
from station.i18n import N_

_CALL = N_("Call the supervisor and read out the code")
_RECONNECT = N_("Check the cable, then try again")

DEVICES: Mapping[str, Text] = {
    "DEV-000": Text(N_("The device reports an error"), _CALL),
    "DEV-101": Text(N_("The device is not connected"), _RECONNECT),
    "DEV-102": Text(N_("The device was not found or did not answer"), _RECONNECT),
    "DEV-103": Text(N_("The device was disconnected"), N_("Plug it in again, then try again")),
    "DEV-104": Text(
        N_("The device is busy"), N_("Wait a moment; close other programs that use it")
    ),
    "DEV-105": Text(
        N_("Another device answers than before"), N_("Look which one it is; F6 accepts it")
    ),
    "DEV-201": Text(
        N_("Nothing was captured in time"), N_("Ask the resident again, then press F5")
    ),
    "DEV-202": Text(
        N_("The device gave an unreadable answer"), N_("Press F5 again; if it stays, replug it")
    ),
    "DEV-203": Text(
        N_("The answer of the device cannot be trusted"),
        N_("Do not use this device; call the technician"),
    ),
    "DEV-204": Text(N_("The device hangs"), N_("Unplug it, wait five seconds, plug it in again")),
    "DEV-205": Text(N_("The device refused the request"), N_("Press F5 again; then reset it")),
    "DEV-261": Text(N_("The picture of the camera stands still"), _RECONNECT),
    "DEV-262": Text(
        N_("The camera repeats an old picture"),
        N_("Unplug it, wait five seconds, plug it in again"),
    ),
    "DEV-263": Text(N_("The pictures of the camera arrive broken"), _RECONNECT),
    "DEV-264": Text(N_("The camera refuses one of its settings"), N_("Call the technician")),
    "DEV-241": Text(
        N_("The finger module repeats an old picture"),
        N_("Lift the finger and place it again; then reset the module"),
    ),
    "DEV-242": Text(
        N_("The finger module mixes up the pixels"),
        N_("Do not use this module; call the technician"),
    ),
    "DEV-243": Text(
        N_("The finger module is locked by a password"),
        N_("Do not use this module; call the technician"),
    ),
    "DEV-244": Text(
        N_("The finger module does not become free"),
        N_("Unplug the module, wait five seconds, plug it in again"),
    ),
    "DEV-245": Text(
        N_("This finger template belongs to another module"),
        N_("Enrol the finger anew on this module"),
    ),
    "DEV-246": Text(
        N_("The finger module's library is not as expected"),
        N_("Do not use its stored fingers; call the technician"),
    ),
    "DEV-211": Text(
        N_("The signature of the device's answer is wrong"),
        N_("Do not use this device; call the technician"),
    ),
    "DEV-212": Text(
        N_("The device is certified by nobody known to this desk"),
        N_("Do not use this device; call the technician"),
    ),
    "DEV-213": Text(
        N_("The key of the device has expired"),
        N_("Call the technician: the device's key must be renewed"),
    ),
    "DEV-214": Text(
        N_("Another device answered than the one of this desk"),
        N_("Unplug devices that do not belong here; then call the technician"),
    ),
    "DEV-215": Text(
        N_("The device gives an address outside this computer"),
        N_("Do not use this device; call the technician"),
    ),
    "DEV-216": Text(
        N_("Test and production are mixed at this device"),
        N_("Call the technician: device and desk differ in environment"),
    ),
    "DEV-217": Text(
        N_("The device did not capture for a recording"),
        N_("Call the technician: a registration device is needed"),
    ),
    "DEV-218": Text(
        N_("The answer belongs to another request"),
        N_("Press F5 again; if it stays, do not use this device"),
    ),
    "DEV-219": Text(
        N_("The device speaks another version of the interface"),
        N_("Call the technician: the device's software must fit this desk"),
    ),
    "DEV-220": Text(
        N_("The clocks of device and computer differ"),
        N_("Check the date and time of this computer, then press F5"),
    ),
    "DEV-221": Text(
        N_("Not exactly the fingers or eyes that were asked for"),
        N_("Place them again as shown, then press F5"),
    ),
    "DEV-222": Text(
        N_("The chain of captures of the device is broken"),
        N_("Press F5 again; if it stays, replug the device"),
    ),
    "DEV-223": Text(
        N_("The device reports an impossible quality"),
        N_("Press F5 again; if it stays, call the technician"),
    ),
    "DEV-224": Text(
        N_("The record of the capture is damaged"),
        N_("Press F5 again; if it stays, call the technician"),
    ),
    "DEV-225": Text(
        N_("A picture is labelled as another finger or eye"),
        N_("Press F5 again; if it stays, call the technician"),
    ),
    "DEV-226": Text(
        N_("The picture was compressed with losses"),
        N_("Call the technician: the device must deliver lossless pictures"),
    ),
    "DEV-227": Text(
        N_("The picture has the wrong resolution"),
        N_("Call the technician: the device must deliver 500 or 1000 ppi"),
    ),
    "DEV-228": Text(
        N_("The picture is not what its record says"),
        N_("Press F5 again; if it stays, call the technician"),
    ),
    "DEV-229": Text(
        N_("The device is not trusted enough for this desk"),
        N_("Call the technician: another device is needed here"),
    ),
    "DEV-230": Text(
        N_("The device repeated an old answer"),
        N_("Press F5 again; if it stays, do not use this device"),
    ),
    "DEV-231": Text(
        N_("The device saw nothing to capture"),
        N_("Place finger, eyes or face again, then press F5"),
    ),
    "DEV-232": Text(
        N_("The device could not make out the picture"),
        N_("Wipe the glass, moisten dry fingers, then press F5"),
    ),
    "DEV-233": Text(
        N_("What lies on the device is turned"),
        N_("Place it straight, then press F5"),
    ),
    "DEV-234": Text(
        N_("The device is not ready"),
        N_("Reset the device; if it stays, unplug it for five seconds"),
    ),
    "DEV-235": Text(
        N_("The device has no valid key or registration"),
        N_("Call the technician: the device's key must be renewed"),
    ),
    "DEV-236": Text(
        N_("The device reports that it was opened"),
        N_("Do not use this device; call the technician"),
    ),
    "DEV-237": Text(
        N_("The device does not reach its own server"),
        N_("Check the network cable, then press F5"),
    ),
    "DEV-238": Text(
        N_("The device does not accept this request"),
        N_("Call the technician: settings and device do not fit"),
    ),
    "DEV-239": Text(
        N_("The live picture stopped before the capture was done"),
        N_("Press F5 to start again"),
    ),
    "DEV-301": Text(N_("This model cannot do that"), N_("Call the technician")),
    "DEV-401": Text(N_("The capture was cancelled"), N_("Press F5 to start again")),
    "DEV-501": Text(N_("There is no card on the reader"), N_("Place the card, then press F5")),
    "DEV-502": Text(
        N_("The card was moved while it was read"), N_("Leave the card still, then press F5")
    ),
    "DEV-503": Text(
        N_("The card cannot be read"), N_("Turn or wipe the card; otherwise type the NIK")
    ),
    "DEV-504": Text(
        N_("The smart-card service does not run"),
        N_("Technician: start pcscd, see `rekam doctor`"),
    ),
    "DEV-505": Text(
        N_("The card reader is not plugged in"),
        N_("Plug the card reader in; check its cable"),
    ),
    "DEV-506": Text(
        N_("This user may not use the card reader"),
        N_("Technician: install the polkit rule of the station"),
    ),
    "DEV-507": Text(
        N_("Another program uses the card reader"),
        N_("Close the other program, then press F5"),
    ),
    "DEV-508": Text(
        N_("The card gives no sign of life"),
        N_("Turn the card over and put it in the middle of the reader"),
    ),
    "DEV-509": Text(
        N_("The card answers the reader wrongly"),
        N_("Wipe the card and try again; otherwise type the NIK"),
    ),
    "DEV-510": Text(
        N_("The card stopped answering"),
        N_("Lift the card, wait a moment, put it back"),
    ),
    "DEV-511": Text(
        N_("The reader must be empty for a moment"),
        N_("Lift the card, wait a moment, put it back"),
    ),
    "DEV-512": Text(
        N_("Another program reset the card"),
        N_("Close the other program, then press F5"),
    ),
    "DEV-513": Text(
        N_("Another card lies there than at the start"),
        N_("Ask for the right card, then press F5"),
    ),
    "DEV-514": Text(
        N_("Several card readers fit the configured name"),
        N_("Technician: write the full name of the reader"),
    ),
    "DEV-515": Text(
        N_("The smart-card library is not installed"),
        N_("Technician: install libpcsclite1 and pcscd"),
    ),
    "DEV-516": Text(
        N_("The access module (SAM) does not answer"),
        N_("Go on without biodata; have the SAM slot checked"),
    ),
    "DEV-531": Text(
        N_("This card is no operator card"), N_("Place the operator's own card on the reader")
    ),
    "DEV-532": Text(
        N_("The PIN is wrong"), N_("Type the PIN again and watch the tries that are left")
    ),
    "DEV-533": Text(
        N_("The PIN of the operator card is blocked"),
        N_("Ask the technician to unblock it with the PUK"),
    ),
    "DEV-534": Text(
        N_("One PIN try is left, so the PIN was not sent"),
        N_("Be sure of the PIN, then confirm the last try; or ask for the PUK"),
    ),
    "DEV-535": Text(
        N_("A PIN has six to eight characters"), N_("Type the PIN of the operator card again")
    ),
    "DEV-536": Text(
        N_("The operator card holds no certificate"),
        N_("Have a certificate put on the card by the technician"),
    ),
    "DEV-537": Text(
        N_("The operator card gives an unreadable answer"),
        N_("Wipe the card and try once more; then use another card"),
    ),
    "DEV-538": Text(
        N_("The operator card refuses to sign"),
        N_("Type the PIN again; if it stays, have the card issued anew"),
    ),
    "DEV-522": Text(N_("The SAM refused to go on"), N_("Press F5 again; otherwise type the NIK")),
    "DEV-523": Text(
        N_("The SAM does not accept its opening data"),
        N_("Type the NIK; do not replug the reader; call the technician"),
    ),
    "DEV-524": Text(
        N_("The opening data of the SAM cannot be used"), N_("Type the NIK; call the technician")
    ),
    "DEV-525": Text(
        N_("The card could not prove that it is genuine"),
        N_("Compare with the family card; call the supervisor"),
    ),
    "DEV-526": Text(
        N_("The exchange with the card was changed on its way"),
        N_("Keep the card; call the supervisor"),
    ),
    "DEV-527": Text(
        N_("The certificates that vouch for cards cannot be used"), N_("Call the technician")
    ),
    "DEV-901": Text(N_("Fault in the driver of the device"), _CALL),
}
