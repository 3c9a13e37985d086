/* The passes over an image, and the functions that Python calls. */

#include "backward.h"

/* Asks for the next block: the hardware's own look-ahead stops at the end of each page of 4 KB. */
INLINE void prefetch_next(const View *view, int64_t item, const char *p) {
    const int64_t channel = view->stride[1], column = view->stride[3], bytes = BLOCK * item * column;
    const int runs = column == 1 ? 3 : column == 3 && channel == 1 ? 1 : 0;
    for (int c = 0; c < runs; c++, p += item * channel)
        for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(p + bytes + line);
}

INLINE void forward_block(const Job *job, const REAL *table, Block *k, char *graded, int n, int padded) {
    if (job->tetrahedral) interpolate(table, k, padded, job->size, 1);
    else interpolate(table, k, padded, job->size, 0);
    store(&job->graded, job->dtype, graded, n, k->y);
}

INLINE void backward_block(const Job *job, const REAL *table, Block *k, const char *graded, char *gradient,
                           REAL *table_gradient, int n, int padded) {
    load(&job->graded, job->dtype, graded, n, k->y);
    spread(k, padded);
    if (table_gradient) {
        if (job->tetrahedral) scatter(table_gradient, k, padded, job->size, 1);
        else scatter(table_gradient, k, padded, job->size, 0);
    }
    if (gradient) {
        if (job->tetrahedral) slope_tetrahedral(table, k, padded, job->size);
        else slope_trilinear(table, k, padded, job->size);
        to_input_units(k, n, job->size);
        store(&job->gradient, job->dtype, gradient, n, k->slope);
    }
}

/* One pass over the blocks [begin, end), counted along rows, rows along images. */
INLINE void run(const Job *job, REAL *table_gradient, int64_t begin, int64_t end, int backward) {
    const int64_t item = item_size(job->dtype), across = (job->width + BLOCK - 1) / BLOCK;
    Block k;
    for (int64_t block = begin; block < end; block++) {
        int64_t line = block / across, image = line / job->height, row = line % job->height;
        int64_t column = block % across * BLOCK;
        int n = job->width - column < BLOCK ? (int)(job->width - column) : BLOCK, padded = (n + 7) / 8 * 8;
        const REAL *table = job->table + image * job->table_stride;
        char *source = address(&job->image, item, image, row, column);
        char *graded = address(&job->graded, item, image, row, column);
        char *gradient = job->gradient.data ? address(&job->gradient, item, image, row, column) : NULL;
        prefetch_next(&job->image, item, source);
        prefetch_next(&job->graded, item, graded);
        if (gradient) prefetch_next(&job->gradient, item, gradient);
        load(&job->image, job->dtype, source, n, k.x);
        locate(&k, padded, job->size);
        if (job->tetrahedral) weigh_tetrahedral(&k, padded, job->size);
        else weigh_trilinear(&k, padded);
        if (backward) backward_block(job, table, &k, graded, gradient, table_gradient, n, padded);
        else forward_block(job, table, &k, graded, n, padded);
    }
}

/* What Python calls. A build moves between machines, so AVX2 is chosen when it runs, not when it is compiled. */

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define EXPORT(name) NAMED(lut3d_##name, SUFFIX)

static void run_portable(const Job *job, REAL *table_gradient, int64_t begin, int64_t end, int backward) {
    run(job, table_gradient, begin, end, backward);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void run_avx2(const Job *job, REAL *table_gradient, int64_t begin,
                                                         int64_t end, int backward) {
    run(job, table_gradient, begin, end, backward);
}
#define RUN (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? run_avx2 : run_portable)
#else
#define RUN run_portable
#endif

/* How many blocks a job has; the passes below take ranges of them. */
int64_t EXPORT(blocks)(const Job *job) { return job->batch * job->height * ((job->width + BLOCK - 1) / BLOCK); }

void EXPORT(forward)(const Job *job, int64_t begin, int64_t end) { RUN(job, NULL, begin, end, 0); }

/* `table_gradient`, packed as the table, is zeroed here and is this call's alone; NULL when it is not wanted. */
void EXPORT(backward)(const Job *job, REAL *table_gradient, int64_t begin, int64_t end) {
    if (table_gradient) memset(table_gradient, 0, sizeof(REAL) * 4 * job->size * job->size * job->size);
    RUN(job, table_gradient, begin, end, 1);
}

/* Planes [3, nodes] to nodes of four, the last one 0; nodes [begin, end). */
void EXPORT(pack)(const REAL *planes, REAL *packed, int64_t nodes, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
        vec4 node = {planes[i], planes[nodes + i], planes[2 * nodes + i], 0};
        store4(packed + 4 * i, node);
    }
}

/* Sums `parts` packed gradients in their order, nodes [begin, end), into planes [3, nodes]. */
void EXPORT(unpack_sum)(const REAL *packed, int64_t parts, REAL *planes, int64_t nodes, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
        vec4 sum = load4(packed + 4 * i);
        for (int64_t part = 1; part < parts; part++) sum += load4(packed + 4 * (part * nodes + i));
        for (int c = 0; c < 3; c++) planes[c * nodes + i] = sum[c];
    }
}
