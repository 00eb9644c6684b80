"""Devices behind the MOSIP Secure Biometric Interface (SBI 0.9.5): slap scanner and iris camera.

What lives here: the wire (`link`, `stream`, `protocol`), trust (`jws`, `chain`, `checks`), what is
kept of it (`evidence`), the client of one service (`discovery`, `client`), the two drivers
(`scanner`, `iris`) and the records they deliver (`iso19794`). What may not: judging of pictures,
anything about residents or workflow, and the simulated service, which only shares `protocol` and
`iso19794`.
"""
