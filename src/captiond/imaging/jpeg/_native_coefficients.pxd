# cython: language_level=3
# C types for coefficients.py, which Cython compiles to the module _native_coefficients.
from cython cimport int, locals, uint

cdef int _ZERO_RUN, _MAX_SIZE

@locals(numbers="int[::1]", base=Py_ssize_t, position=int, size=int, entry=uint, value=int, symbols=list)
cpdef unpack_blocks(list blocks, int[::1] coefficients)
@locals(blocks=list, symbols=list, base=Py_ssize_t, at=Py_ssize_t, zeros=int, value=int, size=int)
cpdef list pack_blocks(const int[::1] coefficients)
