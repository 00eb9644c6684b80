"""Devices on a serial line: the R30x single-finger module and, later, its kin.

What lives here: the wire format (`packet`, `commands`, `parameters`, `picture`: pure, shared with
the simulator), the line (`port`, `link`, `opening`), the commands (`module`), one scanner class a
module family (`r30x`) with its `settings`, what is more than one command (`library`), and recorded
conversations (`wire_file`, `recording`). What may not: anything about other wires, our own matching
or enrolment policy, and simulated modules.
"""
