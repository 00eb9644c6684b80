"""The operator's screens (Textual): they show a `StationView` and send commands, nothing else.

What lives here: the application, one screen a file, the widgets, the drawings and the names that
people read. What may not: rules of the recording, devices, files, anything that a run without a
screen would need as well.
"""
