"""The device contract and the drivers of real hardware.

What lives here: `drivers.api` (what a device is), one folder a wire (`sbi`, `serial`, `camera`,
`card`), and what they share (errors, clock, thread, registry, flight recorder). What may not:
anything about residents, workflow or screens, and any simulated device.
"""
