"""The recording desk: domain rules, judging, the recording itself, records, and the screens.

What lives here: everything that knows about residents and operators. What may not: any wire
protocol (that is `drivers`), any technician's measure (that is `calibration`), any simulated
device.
"""
