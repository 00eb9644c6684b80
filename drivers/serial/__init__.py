"""Devices on a serial line: the R30x single-finger module and, later, its kin.

What lives here: the packet codec (`packet`, `commands`: pure, shared with the simulator), the link
that owns the port (`link`) and one scanner class a module family (`r30x`). What may not: anything
about other wires, matching or enrolment policy, and simulated modules.
"""
