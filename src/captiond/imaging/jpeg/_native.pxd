# cython: language_level=3
# C types for entropy_decoder.py, which Cython compiles to the module _native.
from cython cimport final, int, locals, longlong, uint, ulonglong

cdef int _WINDOW_BITS, _STEP_BITS, _COEFFICIENTS, _BLOCK_END, _ESCAPE, _WORD_BITS, _FF, _RST0
cdef unsigned int _ONES, _LOWEST, _HIGHEST
cdef unsigned long long _MASK_64

@final
cdef class EntropyDecoder:
    cdef readonly str fault
    cdef readonly Py_ssize_t mcu, at, end
    cdef const unsigned char[::1] _data
    cdef const int[::1] _plan
    cdef const unsigned short[::1] _tables
    cdef unsigned short[::1] _steps
    cdef long long[::1] _predictors
    cdef Py_ssize_t _size, _interval, _mcus, _plan_size, _restarts, _interval_end
    cdef unsigned long long _buffer
    cdef long long _bits, _padding

    @locals(at=Py_ssize_t, bits=longlong)
    cpdef position(self)
    @locals(at=Py_ssize_t)
    cdef bint _decode(self, Py_ssize_t mcus, list blocks)
    @locals(component=Py_ssize_t, symbols=list)
    cdef inline bint _decode_block(self, Py_ssize_t at, list blocks)
    @locals(bits=longlong, buffer=ulonglong, entry=uint, size=int, number=longlong)
    cdef inline bint _decode_dc(self, Py_ssize_t component, Py_ssize_t table)
    @locals(bits=longlong, buffer=ulonglong, steps=Py_ssize_t, passed=int, window=uint, step=uint, entry=uint)
    cdef inline bint _skip_ac(self, Py_ssize_t table)
    @locals(bits=longlong, buffer=ulonglong, entry=uint, symbol=uint, size=int, passed=int)
    cdef bint _read_ac(self, Py_ssize_t table, list symbols)
    @locals(width=int, passed=int, entry=uint, symbol=uint, end=int, run=int)
    cdef unsigned int _make_step(self, Py_ssize_t table, unsigned int window)
    @locals(at=Py_ssize_t, word=uint)
    cdef inline unsigned long long _load(self, unsigned long long buffer)
    cdef bint _is_marker(self, Py_ssize_t at)
    @locals(at=Py_ssize_t)
    cdef bint _finish_interval(self)
    @locals(at=Py_ssize_t)
    cdef bint _restart(self)
    @locals(component=Py_ssize_t)
    cdef void _reset(self)
    cdef bint _fail(self, str fault)
