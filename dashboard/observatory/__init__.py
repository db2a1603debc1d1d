"""The simulated observatory: stands alone, reached over HTTP only.

A sky with known sources, the history of INTEGRAL's pointings and a model of ISGRI, behind a server that speaks the
protocols of an MMODA dispatcher and of the INTEGRAL timesystem. What it returns is deterministic, and every product says
ORIGIN = 'SIMULATED'.
"""

import os

# Products are made in several threads: one thread a matrix product, set before numpy is loaded, is 25 % cheaper.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
