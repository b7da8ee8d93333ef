# cython: language_level=3
# C types for entropy_decoder.py, which Cython compiles to the module _native.
from cython cimport final, int, locals, longlong, uint, ulonglong

cdef int _FF, _RST0, _STARTS
cdef long long _ONE
cdef unsigned long long _MASK_64
cdef unsigned int _INVALID, _ONES, _LOWEST, _HIGHEST

@final
cdef class EntropyDecoder:
    cdef readonly str fault
    cdef readonly Py_ssize_t mcu, at, end
    cdef const unsigned char[::1] _data
    cdef const unsigned long long[::1] _words
    cdef const int[::1] _plan
    cdef const unsigned int[::1] _tables
    cdef const unsigned short[::1] _steps
    cdef const int[::1] _order
    cdef unsigned long long[::1] _starts
    cdef long long[::1] _predictors
    cdef Py_ssize_t _size, _blocks, _interval, _mcus, _plan_size, _restarts, _interval_end
    cdef unsigned long long _buffer
    cdef bint _predicts
    cdef long long _bits, _padding

    @locals(at=Py_ssize_t, bits=int)
    cpdef position(self)
    @locals(at=Py_ssize_t, last=Py_ssize_t, end=Py_ssize_t)
    cdef bint _decode(self, Py_ssize_t mcus, list blocks) except -1
    @locals(component=Py_ssize_t, symbols=list)
    cdef inline bint _decode_block(self, Py_ssize_t at, list blocks) except -1
    @locals(bits=int, buffer=ulonglong, longer=ulonglong, index=ulonglong, entry=uint, ones=longlong, number=longlong)
    cdef inline bint _decode_dc(self, Py_ssize_t component, size_t table) except -1
    @locals(bits=int, buffer=ulonglong, longer=ulonglong, index=ulonglong, entry=uint, passed=int)
    cdef inline bint _skip_ac(self, size_t table) except -1
    @locals(at=Py_ssize_t, buffer=ulonglong, word=ulonglong, bits=Py_ssize_t, run=uint, block=Py_ssize_t, mask=ulonglong, lowest=ulonglong, own=Py_ssize_t, following=Py_ssize_t, table=Py_ssize_t, is_dc=Py_ssize_t, passed=size_t, after=size_t, entry=size_t, count=Py_ssize_t, complete=Py_ssize_t)
    cdef int _pass(self, Py_ssize_t last) except -1
    @locals(pairs=ulonglong, low=ulonglong, halves=ulonglong, word=ulonglong, shift=int)
    cdef inline unsigned long long _load_word(self, Py_ssize_t at) noexcept
    @locals(longer=ulonglong)
    cdef inline unsigned int _find(self, size_t table, unsigned long long buffer) except? 0
    @locals(at=Py_ssize_t, index=Py_ssize_t, buffer=ulonglong, entry=uint, ones=longlong, number=longlong)
    cdef int _add_differences(self, Py_ssize_t count) except -1
    @locals(bits=int, buffer=ulonglong, longer=ulonglong, index=ulonglong, entry=uint, passed=int, symbol=uint)
    cdef bint _read_ac(self, size_t table, list symbols) except -1
    cdef bint _fail_ac(self, unsigned int entry) except -1
    @locals(at=Py_ssize_t, word=ulonglong)
    cdef inline unsigned long long _load(self) except? 0
    cdef bint _is_marker(self, Py_ssize_t at) except -1
    @locals(at=Py_ssize_t)
    cdef bint _finish_interval(self) except -1
    @locals(at=Py_ssize_t)
    cdef bint _restart(self) except -1
    @locals(component=Py_ssize_t)
    cdef int _reset(self) except -1
    cdef bint _fail(self, str fault) except -1
