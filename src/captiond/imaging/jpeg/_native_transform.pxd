# cython: language_level=3
# C types for block_transform.py, which Cython compiles to the module _native_transform.
from cython cimport double, int, locals, longlong

cdef bytes _ROOM
cdef int[::1] _NATURAL, _SORTED
cdef double[::1] _FROM_FREQUENCY, _EVEN, _ODD
cdef double _TIE
cdef int _MAX_AC
cdef const unsigned char[::1] _SIZES

@locals(blocks=list, lines="double[::1]", coefficients="double[::1]", inverses="double[::1]", at=Py_ssize_t, start=Py_ssize_t, index=Py_ssize_t)
cpdef encode_blocks(const unsigned char[::1] samples, Py_ssize_t width, const unsigned short[::1] quantisation)
@locals(x=Py_ssize_t, y=Py_ssize_t)
cdef bint _is_flat(const unsigned char[::1] samples, Py_ssize_t start, Py_ssize_t width) noexcept
@locals(x=Py_ssize_t, y=Py_ssize_t, u=Py_ssize_t, v=Py_ssize_t, left=int, right=int, above=double, even=double, odd=double)
cdef int _transform(const unsigned char[::1] samples, Py_ssize_t start, Py_ssize_t width, double[::1] lines, double[::1] coefficients) noexcept
cdef int _round(double coefficient) noexcept
@locals(symbols=list, run=int, index=Py_ssize_t, value=int, size=int)
cdef list _code(double[::1] coefficients)
@locals(lines="double[::1]", coefficients="double[::1]", index=Py_ssize_t, at=Py_ssize_t, dc=longlong, symbols=list, samples="unsigned char[::1]")
cpdef bytes decode_blocks(list blocks, Py_ssize_t across, const unsigned short[::1] quantisation)
@locals(position=int, entry=int, size=int, value=int, at=Py_ssize_t)
cdef int _dequantise(list symbols, double[::1] coefficients, const unsigned short[::1] quantisation) except -1
@locals(x=Py_ssize_t, y=Py_ssize_t, u=Py_ssize_t, v=Py_ssize_t, factor=double)
cdef int _transform_back(unsigned char[::1] samples, Py_ssize_t start, Py_ssize_t width, double[::1] lines, double[::1] coefficients) noexcept
