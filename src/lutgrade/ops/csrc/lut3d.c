/* The kernels in float, for every dtype but float64, and what needs no arithmetic. */

#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#include <sys/mman.h>
#endif

#define REAL float
#define INTEGER int32_t
#define SUFFIX f32
#include "entry.h"

/* Fresh memory in pages of 4 KB costs more than the kernel itself; asks for large ones, before the first touch. */
void lut3d_prepare(char *output, int64_t bytes) {
#ifdef __linux__
    const uintptr_t page = 1 << 21, end = (uintptr_t)output + (uintptr_t)bytes;
    const uintptr_t first = ((uintptr_t)output + page - 1) / page * page, last = end / page * page;
    if (first < last) madvise((void *)first, last - first, MADV_HUGEPAGE);
#else
    (void)output, (void)bytes;
#endif
}
