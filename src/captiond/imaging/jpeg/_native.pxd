# cython: language_level=3
# C types for entropy_decoder.py, which Cython compiles to the module _native.
from cython cimport final, int, locals, longlong, uint, ulonglong

cdef int _FF, _RST0
cdef long long _ONE
cdef unsigned long long _MASK_64
cdef unsigned int _INVALID, _ONES, _LOWEST, _HIGHEST

@final
cdef class EntropyDecoder:
    cdef readonly str fault
    cdef readonly Py_ssize_t mcu, at, end
    cdef const unsigned char[::1] _data
    cdef const int[::1] _plan
    cdef const unsigned int[::1] _tables
    cdef long long[::1] _predictors
    cdef Py_ssize_t _size, _interval, _mcus, _plan_size, _restarts, _interval_end
    cdef unsigned long long _buffer
    cdef long long _bits, _padding

    @locals(at=Py_ssize_t, bits=int)
    cpdef position(self)
    @locals(at=Py_ssize_t)
    cdef bint _decode(self, Py_ssize_t mcus, list blocks) except -1
    @locals(component=Py_ssize_t, symbols=list)
    cdef inline bint _decode_block(self, Py_ssize_t at, list blocks) except -1
    @locals(bits=int, buffer=ulonglong, longer=ulonglong, index=ulonglong, entry=uint, ones=longlong, number=longlong)
    cdef inline bint _decode_dc(self, Py_ssize_t component, size_t table) except -1
    @locals(bits=int, buffer=ulonglong, longer=ulonglong, index=ulonglong, entry=uint, passed=int)
    cdef inline bint _skip_ac(self, size_t table) except -1
    @locals(bits=int, buffer=ulonglong, longer=ulonglong, index=ulonglong, entry=uint, passed=int, after=int)
    cdef inline bint _step_ac(self, size_t table, size_t steps) except -1
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
