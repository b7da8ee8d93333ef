# cython: language_level=3
# C types for coefficients.py, which Cython compiles to the module _native_coefficients.
from cython cimport int, locals, uint

cdef int _ZERO_RUN, _MAX_SIZE, _ONE, _SMALL_BITS, _SMALL
cdef const unsigned char[::1] _SIZES
cdef list _ENTRIES

@locals(numbers="int[::1]", base=Py_ssize_t, position=int, size=int, entry=uint, value=int, symbols=list)
cpdef unpack_blocks(list blocks, int[::1] coefficients)
@locals(blocks=list, symbols=list, base=Py_ssize_t, at=Py_ssize_t, zeros=int, value=int, sign=int, magnitude=uint, size=int, bits=int)
cpdef list pack_blocks(const int[::1] coefficients)
