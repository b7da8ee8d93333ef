# cython: language_level=3
# C types for entropy_encoder.py, which Cython compiles to the module _native_encoder.
from cython cimport final, int, locals, longlong, uint, ulonglong

cdef int _LENGTH_BITS, _LENGTH, _MAX_CODE_BITS, _SYMBOLS, _UNIT_BITS, _COEFFICIENTS, _ROOM, _BLOCK_UNITS
cdef unsigned long long _ONE
cdef unsigned int _ONES
cdef const unsigned short[::1] _NUMBERS

@locals(numbers="unsigned int[::1]", word=uint, at=Py_ssize_t, bits=int)
cpdef make_codes(bytes definition)
@locals(found=list, at=Py_ssize_t, index=Py_ssize_t, block=tuple, symbols=list, entry=uint)
cpdef list find_unwritable(const int[::1] plan, const unsigned int[::1] codes, list blocks)
@locals(count=Py_ssize_t, symbols=list)
cdef Py_ssize_t _count_codes(list blocks) except -1

@final
cdef class EntropyEncoder:
    cdef const int[::1] _plan
    cdef const unsigned int[::1] _codes
    cdef long long[::1] _predictors
    cdef object _units, _room
    cdef unsigned int[::1] _new
    cdef Py_ssize_t _plan_size, _filled
    cdef unsigned long long _buffer
    cdef int _bits

    @locals(at=Py_ssize_t, bits=int, buffer=ulonglong, code=uint, component=Py_ssize_t, difference=longlong, entry=uint, filled=Py_ssize_t, size=int, symbol=uint, symbols=list, table=Py_ssize_t, units="unsigned int[::1]", value=longlong)
    cpdef write(self, list blocks)
    @locals(at=Py_ssize_t, base=Py_ssize_t, last=int)
    cpdef write_grey(self, const int[::1] coefficients, int component, const long long[::1] black, Py_ssize_t mcus)
    cdef int _flush(self) except -1
    @locals(component=Py_ssize_t, difference=longlong, size=int)
    cdef int _put_dc(self, Py_ssize_t at, long long value) except -1
    @locals(positions="unsigned char[64]", count=Py_ssize_t, index=Py_ssize_t, at=int, last=int, buffer=ulonglong, bits=int, filled=Py_ssize_t, symbol=uint, size=int, number=uint, code=uint, full=int)
    cdef int _put_ac(self, Py_ssize_t table, const int[::1] coefficients, Py_ssize_t base) except -1
    @locals(code=uint)
    cdef inline int _put(self, Py_ssize_t index, int size, unsigned long long number) except -1
    cpdef size(self)
    @locals(padding=int)
    cpdef bytes finish(self)
