/* The kernels in double: float64 images. */

#define REAL double
#define REAL_IS_DOUBLE
#define INTEGER int64_t
#define SUFFIX f64
#include "entry.h"
