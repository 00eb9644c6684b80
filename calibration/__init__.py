"""The technician's checks: measure a device against limits that name their source.

What lives here: `measures` (arrays in, numbers out) and what is built on them. What may not: access
to devices (a caller brings pictures and stamps), screens, residents, imports of simulators or of
the station.
"""
