"""Rules of KTP-el recording as values: the NIK, the biodata, the plan of a recording.

What lives here: what the law and the site profile say, without I/O, images or devices. What may
not: numpy, OpenCV, files, clocks; whoever calls passes those in.
"""
