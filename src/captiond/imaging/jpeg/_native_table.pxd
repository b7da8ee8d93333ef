# cython: language_level=3
# C types for decoder_table.py, which Cython compiles to the module _native_table.
from cython cimport int, locals, uint

cdef int _BLOCK_END, _ZERO_RUN, _WINDOW_BITS, _WINDOWS, _SHORT_BITS, _SHORT, _STEP_BITS, _STEPS, _LAST
cdef unsigned int _INVALID

@locals(counts=bytes, longer=Py_ssize_t, entries="unsigned int[::1]", at=Py_ssize_t, symbols=Py_ssize_t, bits=int, width=int, symbol=int, size=int, run=int, index=Py_ssize_t)
cpdef make_table(bytes definition, object valid)
@locals(entries="const unsigned int[::1]", numbers="unsigned int[::1]", longer=uint, step=int, bits=int, passed=int, window=uint, entry=uint, size=int, run=int)
cpdef make_steps(object table)
