"""Devices behind the MOSIP Secure Biometric Interface (SBI 0.9.5 and 1.0): scanner, iris, face.

What lives here: the wire (`versions`, `protocol`, `requests`, `codes`, `link`, `stream`), trust
(`jws`, `trust`, `chain`, `checks`, `errors`), what is kept of it (`evidence`), the client of one
service (`discovery`, `finding`, `client`), the three drivers and the records they deliver
(`iso19794`). What may not: judging of pictures, anything about residents or workflow, and the
simulated service, which only shares the words of the wire and `iso19794`.
"""
