"""An interpreter of the tests, as it starts: for those that import torch or Lightning it halves the seconds of that.

Imported by the tests and by their scripts, and run by their kernels, into whose names it puts none.
"""

import atexit
import gc

# Garbage is looked for after every 10,000 new objects and not after 700: imports make hundreds of thousands, all to stay.
gc.set_threshold(10_000)
# At the end Python looks through all of them once more; what has been frozen it passes by.
atexit.register(gc.freeze)
del atexit, gc
