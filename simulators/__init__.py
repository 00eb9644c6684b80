"""The hardware of a recording desk, made of software, for CI, demonstrations and training.

What lives here: synthetic residents (`people`), the one scene that all simulated devices look at
(`scene`), and simulators that speak each device's own wire (a loopback port, a pseudo terminal, a
video stream, a card behind PC/SC), so that the real drivers run against them. What may not: fake
drivers, imports of `station` or `calibration`, personal data of anybody real, listeners outside
127.0.0.1.
"""
