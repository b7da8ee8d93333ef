# cython: language_level=3
# C types for block_transform.py, which Cython compiles to the module _native_transform.
from cython cimport double, int, locals, longlong

cdef bytes _ROOM
cdef int[::1] _NATURAL, _TRANSPOSED
cdef double[::1] _FROM_FREQUENCY, _SCALES
cdef double _TIE, _HALF, _EIGHTH, _DIFFERENCE, _SUM

@locals(numbers="int[::1]", block="double[64]", inverses="double[64]", quantised="int[64]", at=Py_ssize_t, base=Py_ssize_t, row=Py_ssize_t, mcu=Py_ssize_t, line=Py_ssize_t, start=Py_ssize_t)
cpdef transform_blocks(const unsigned char[::1] samples, Py_ssize_t width, Py_ssize_t across, Py_ssize_t down, const unsigned short[::1] quantisation)
@locals(x=Py_ssize_t, y=Py_ssize_t)
cdef bint _is_flat(const unsigned char[::1] samples, Py_ssize_t start, Py_ssize_t width) noexcept
@locals(x=Py_ssize_t, y=Py_ssize_t)
cdef int _load(const unsigned char[::1] samples, Py_ssize_t start, Py_ssize_t width, double* block) noexcept
@locals(transposed="double[64]", at=Py_ssize_t, x=Py_ssize_t, y=Py_ssize_t)
cdef int _transform(double* block, double* inverses, int* quantised) noexcept
@locals(x=Py_ssize_t, a=double, b=double, c=double, d=double, e=double, f=double, g=double, h=double, outer=double, inner=double, low=double, middle=double, high=double, shared=double)
cdef int _transform_columns(double* block) noexcept
cdef int _round(double coefficient) noexcept
@locals(lines="double[::1]", coefficients="double[::1]", index=Py_ssize_t, at=Py_ssize_t, dc=longlong, symbols=list, samples="unsigned char[::1]")
cpdef bytes decode_blocks(list blocks, Py_ssize_t across, const unsigned short[::1] quantisation)
@locals(position=int, entry=int, size=int, value=int, at=Py_ssize_t)
cdef int _dequantise(list symbols, double[::1] coefficients, const unsigned short[::1] quantisation) except -1
@locals(x=Py_ssize_t, y=Py_ssize_t, u=Py_ssize_t, v=Py_ssize_t, factor=double)
cdef int _transform_back(unsigned char[::1] samples, Py_ssize_t start, Py_ssize_t width, double[::1] lines, double[::1] coefficients) noexcept
