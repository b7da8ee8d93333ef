# cython: language_level=3
# C types for progressive.py, which Cython compiles to the module _native_progressive.
from cython cimport bint, int, locals, longlong, uint, ulonglong

cdef int _ZERO_RUN, _LAST
cdef unsigned int _INVALID
cdef unsigned long long _ONE

@locals(at=longlong, size=longlong, mcu=longlong, index=Py_ssize_t, table=Py_ssize_t, entry=uint, longer=uint, window=uint)
cpdef skip_dc(const unsigned char[::1] data, Py_ssize_t mcus, const int[::1] offsets, const unsigned int[::1] tables)
@locals(at=longlong, size=longlong, first=longlong, end=longlong, block=longlong, start=int, last=int, is_refinement=bint, skipped=longlong, known=ulonglong, passed=ulonglong, is_known=int, position=int, entry=uint, longer=uint, window=uint, run=int, bits=int)
cpdef skip_ac(const unsigned char[::1] data, unsigned long long[::1] nonzero, tuple blocks, tuple band, const unsigned int[::1] tables)
