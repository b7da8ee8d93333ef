# cython: language_level=3
# C types for decoder_table.py, which Cython compiles to the module _native_table.
from cython cimport int, locals, uint

cdef int _BLOCK_END, _ZERO_RUN, _WINDOW_BITS, _WINDOWS, _SHORT_BITS, _SHORT, _STEP_BITS, _STEPS, _MOST, _NO_STEP, _STEP_END
cdef unsigned int _INVALID

@locals(counts=bytes, longer=Py_ssize_t, entries="unsigned int[::1]", at=Py_ssize_t, symbols=Py_ssize_t, bits=int, width=int, symbol=int, size=int, run=int, index=Py_ssize_t)
cpdef make_table(bytes definition, object valid)
@locals(width=int)
cpdef make_steps(object dc, object ac)
@locals(longer=uint, window=uint, bits=uint, entry=uint, size=uint, passed=uint, step=uint, rests=uint, index=uint, rest=uint, run=uint, is_room=bint)
cdef int _fill(unsigned short[::1] steps, Py_ssize_t at, int width, const unsigned int[::1] table, unsigned short[::1] shorter) except -1
