"""Families of networks: `foo.FAMILY` says all about the family in `foo.py`.

A new one is such a file and its name in `families`; what it can say, `family`
tells. Its cards are a file of `jaxguide.convert.cards`, and its name there.
`recognition` asks the families which of them a file is of.
"""
