# cython: language_level=3
# C types for progressive_encoder.py, which Cython compiles to the module _native_progressive_encoder.
from cython cimport bint, final, int, locals, longlong, uint, ulonglong

cdef int _ZERO_RUN, _MAX_RUN, _MAX_SIZE, _RAW_BITS, _LENGTH_BITS, _LENGTH, _UNIT_BITS
cdef unsigned int _RAW
cdef unsigned long long _ONE

@final
cdef class ProgressiveEncoder:
    cdef readonly object counts
    cdef const unsigned char[::1] _available
    cdef int[::1] _coefficients
    cdef const int[::1] _lasts
    cdef unsigned int[::1] _counts
    cdef unsigned int[::1] _symbols
    cdef Py_ssize_t _written
    cdef long long _run
    cdef bytearray _run_bits, _block_bits

    @locals(at=longlong)
    cpdef resume_run(self, long long blocks, const unsigned char[::1] data, long long start, long long end)
    @locals(predicted="long long[::1]", at=Py_ssize_t, index=Py_ssize_t, value=longlong, difference=longlong, size=int, bits=longlong)
    cpdef write_dc(self, const int[::1] order, const int[::1] plan, object predictors, int low)
    @locals(index=Py_ssize_t)
    cpdef refine_dc(self, const int[::1] order, int low)
    @locals(index=Py_ssize_t, base=Py_ssize_t, end=Py_ssize_t, at=Py_ssize_t, zeros=int, magnitude=longlong, size=int, bits=longlong)
    cpdef write_ac(self, const int[::1] order, int start, int last, int low)
    @locals(index=Py_ssize_t, base=Py_ssize_t, end=Py_ssize_t, at=Py_ssize_t, newest=Py_ssize_t, zeros=int, value=longlong, magnitude=longlong)
    cpdef refine_ac(self, const int[::1] order, int start, int last, int low)
    @locals(words="unsigned int[::1]", count=Py_ssize_t, buffer=ulonglong, bits=int, index=Py_ssize_t, entry=uint, size=int, symbol=uint, code=uint, padding=int, rest=ulonglong)
    cpdef bytes finish(self, const unsigned int[::1] codes, unsigned long long first, int first_bits)
    @locals(value=longlong, magnitude=longlong, wanted=int, has_zero_run=bint, nearest=longlong, size=int, candidate=longlong)
    cdef int _fit(self, Py_ssize_t at, int zeros, int low) except -1
    cdef int _put(self, unsigned int symbol, unsigned int size, unsigned int bits) except -1
    @locals(size=int, number=uint, bit=int)
    cdef int _put_bits(self, bytearray bits) except -1
    @locals(longer=longlong)
    cdef int _extend_run(self) except -1
    @locals(size=int)
    cdef int _end_run(self) except -1

@locals(size=int)
cdef int _count_bits(long long magnitude) noexcept
