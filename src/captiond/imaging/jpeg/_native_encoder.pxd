# cython: language_level=3
# C types for entropy_encoder.py, which Cython compiles to the module _native_encoder.
from cython cimport final, int, locals, longlong, uint, ulonglong

cdef int _LENGTH_BITS, _LENGTH, _UNIT_BITS
cdef unsigned long long _ONE

@final
cdef class EntropyEncoder:
    cdef const int[::1] _plan
    cdef const unsigned int[::1] _codes
    cdef long long[::1] _predictors
    cdef object _units
    cdef Py_ssize_t _plan_size
    cdef unsigned long long _buffer
    cdef int _bits

    @locals(at=Py_ssize_t, bits=int, buffer=ulonglong, code=uint, component=Py_ssize_t, difference=longlong, entry=uint, size=int, symbol=uint, symbols=list, table=Py_ssize_t, value=longlong)
    cpdef write(self, list blocks)
    cpdef size(self)
    @locals(padding=int)
    cpdef bytes finish(self)
