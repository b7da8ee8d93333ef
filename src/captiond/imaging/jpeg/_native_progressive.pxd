# cython: language_level=3
# C types for progressive.py, which Cython compiles to the module _native_progressive.
from cython cimport bint, int, locals, longlong, uint, ulonglong

cdef int _ZERO_RUN
cdef unsigned int _INVALID
cdef unsigned long long _ONE, _MASK_64, _DE_BRUIJN
cdef long long _MAX_DC
cdef int[::1] _INDEXES

@locals(first_kept=longlong, low=int, values="long long[::1]", at=longlong, index=Py_ssize_t, mcu=longlong, block=Py_ssize_t, pair=ulonglong, window=uint, table=Py_ssize_t, longer=uint, entry=uint, value=longlong)
cpdef read_dc(const unsigned int[::1] words, long long size, Py_ssize_t mcus, const int[::1] plan, const unsigned int[::1] tables, tuple kept, const int[::1] order, int[::1] coefficients, long long[::1] state)
@locals(index=Py_ssize_t)
cpdef refine_dc(const unsigned int[::1] words, long long first, int low, const int[::1] order, int[::1] coefficients)
@locals(first=longlong, end=longlong, start=int, last=int, is_refinement=bint, first_kept=longlong, low=int, longer=uint, at=longlong, skipped=longlong, run_block=longlong, run_at=longlong, run_end=longlong, base=longlong, block=longlong, known=ulonglong, position=int, entry=uint, pair=ulonglong, window=uint, run=int, bits=int, value_end=longlong, passed=int)
cpdef read_ac(const unsigned int[::1] words, long long size, unsigned long long[::1] nonzero, tuple blocks, tuple band, const unsigned int[::1] tables, tuple kept, const int[::1] order, int[::1] coefficients, long long[::1] state)
@locals(component=int)
cdef int _keep_predictors(long long[::1] state, long long at, long long[::1] values) except -1
cdef int _keep_run(long long[::1] state, long long at, long long block, long long skipped, long long run_block, long long run_at, long long run_end) except -1
@locals(zeros=ulonglong, _=int)
cdef int _skip_zeros(unsigned long long known, int position, int last, int run) noexcept
@locals(count=int)
cdef int _count_known(unsigned long long known, int position, int last) noexcept
@locals(position=int, index=longlong)
cdef int _correct(const unsigned int[::1] words, long long at, long long size, unsigned long long known, int first, int end, int low, int[::1] coefficients, long long base) except -1
cdef int _read_bit(const unsigned int[::1] words, long long at) except -1
@locals(at=longlong, pair=ulonglong)
cdef int _read_bits(const unsigned int[::1] words, long long end, int bits) except -1
@locals(number=int)
cdef int _read_number(const unsigned int[::1] words, long long end, int bits) except? -99999
