"""What these tests pay with raises Python's limit of recursion for the whole process; other tests hold on to it."""

import sys

_limit = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401

sys.setrecursionlimit(_limit)
