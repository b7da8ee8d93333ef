# cython: language_level=3
# C types for decoder_table.py, which Cython compiles to the module _native_table.
from cython cimport int, locals, uint

cdef int _BLOCK_END, _ZERO_RUN, _WINDOW_BITS, _WINDOWS, _SHORT_BITS, _SHORT, _STEP_BITS, _STEPS, _MOST, _NO_STEP, _STEP_END
cdef unsigned int _INVALID

@locals(counts=bytes, longer=Py_ssize_t, entries="unsigned int[::1]", at=Py_ssize_t, symbols=Py_ssize_t, bits=int, width=int, symbol=int, size=int, run=int, index=Py_ssize_t)
cpdef make_table(bytes definition, object valid)
@locals(rests="unsigned short[::1]", numbers="unsigned short[::1]", width=int, window=uint)
cpdef make_steps(const unsigned int[::1] dc, const unsigned int[::1] ac)
@locals(bits=uint, longer=uint, entry=uint, size=uint, passed=uint, rest=uint, run=uint)
cdef unsigned int _make_step(const unsigned int[::1] table, unsigned short[::1] rests, int width, unsigned int window, unsigned int is_ac) noexcept
