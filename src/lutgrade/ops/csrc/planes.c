/* A picture of code values (Y, Cb, Cr) through a table to another, in one pass and in float.
 *
 * Chroma is brought to the size of luma and back as video/chroma.py says: along x by the 5/3 wavelet, along y by the
 * local slope and the mean. A row of the coarser chroma is a unit of work, of one or two rows of luma; between its steps
 * only rows of differences (R - Y, B - Y) are kept, so that nothing but the codes leaves the second-level cache. */

#define REAL float
#define INTEGER int32_t
#include <stdlib.h>

#include "forward.h"

typedef struct { /* as in planes.py */
    char *plane[3];                     /* Y, Cb, Cr */
    int64_t stride[3];                  /* from row to row, in bytes */
    float black, neutral;               /* code values */
    float luma_step, red_step, blue_step; /* of Y, R - Y and B - Y in [0, 1] terms, per code */
    int32_t wide;                       /* two bytes a sample */
    float peak;                         /* the greatest code */
} Codes;

typedef struct {
    Codes source, target;
    const float *table;
    float kr, kb, target_kr, target_kb; /* weights of red and blue in luma */
    int64_t height, width;
    int32_t size, tetrahedral, halved_x, halved_y;
    float thresholds[8][8]; /* added before a code is cut to a whole number */
} PlanesJob;

typedef struct { /* rows of differences, `width` padded to whole blocks; index 0 is R - Y, 1 is B - Y */
    float *before[2], *after[2][2], *low[2];
} Rows;

INLINE void load_codes(const Codes *codes, int plane, int64_t row, int64_t column, int64_t n, float zero, float step,
                       float *out) {
    const char *p = codes->plane[plane] + row * codes->stride[plane];
    if (codes->wide) {
        const uint16_t *q = (const uint16_t *)p + column;
        for (int64_t i = 0; i < n; i++) out[i] = ((float)q[i] - zero) * step;
    } else {
        const uint8_t *q = (const uint8_t *)p + column;
        for (int64_t i = 0; i < n; i++) out[i] = ((float)q[i] - zero) * step;
    }
}

INLINE void store_codes(const PlanesJob *job, int plane, int64_t row, int64_t column, int n, float zero, float scale,
                        const float *values) {
    const Codes *codes = &job->target;
    char *p = codes->plane[plane] + row * codes->stride[plane];
    const float *thresholds = job->thresholds[row % 8]; /* a block begins at a multiple of 8 */
    float code[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        float v = values[i] * scale + thresholds[i % 8] + zero;
        v = v > 0 ? v : 0;
        code[i] = v < codes->peak ? v : codes->peak;
    }
    if (codes->wide) {
        uint16_t *q = (uint16_t *)p + column;
        for (int i = 0; i < n; i++) q[i] = (uint16_t)(int32_t)code[i];
    } else {
        uint8_t *q = (uint8_t *)p + column;
        for (int i = 0; i < n; i++) q[i] = (uint8_t)(int32_t)code[i];
    }
}

/* One row of R - Y or B - Y at the size of luma, from rows of chroma. */
INLINE void spread_chroma(const PlanesJob *job, int plane, float step, int64_t row, int second, float *coarse,
                          float *fine) {
    const Codes *from = &job->source;
    const int64_t rows = job->halved_y ? (job->height + 1) / 2 : job->height;
    const int64_t columns = job->halved_x ? (job->width + 1) / 2 : job->width;
    float *to = job->halved_x ? coarse : fine;
    load_codes(from, plane, row, 0, columns, from->neutral, step, to);
    if (job->halved_y && row > 0 && row < rows - 1) { /* a quarter of a row up or down the slope; none at the borders */
        const float slope = second ? 0.125f : -0.125f;
        float near[BLOCK], far[BLOCK];
        for (int64_t column = 0; column < columns; column += BLOCK) {
            const int64_t n = columns - column < BLOCK ? columns - column : BLOCK;
            load_codes(from, plane, row - 1, column, n, 0, step, near);
            load_codes(from, plane, row + 1, column, n, 0, step, far);
            for (int64_t i = 0; i < n; i++) to[column + i] += (far[i] - near[i]) * slope;
        }
    }
    if (!job->halved_x) return;
    coarse[columns] = coarse[columns - 1];
    for (int64_t i = 0; i < columns; i++) { /* `fine` has room for one more than an odd width */
        fine[2 * i] = coarse[i];
        fine[2 * i + 1] = 0.5f * (coarse[i] + coarse[i + 1]);
    }
}

/* Half the columns: one lifting step of the wavelet, mirrored at both ends. `quarter` is scratch. */
INLINE void low_pass(const float *fine, int64_t width, float *quarter, float *low) {
    const int64_t odd = width / 2, even = width - odd;
    if (odd == 0) {
        low[0] = fine[0];
        return;
    }
    for (int64_t i = 0; i < odd - 1; i++)
        quarter[i + 1] = 0.25f * (fine[2 * i + 1] - 0.5f * (fine[2 * i] + fine[2 * i + 2]));
    const float beyond = fine[2 * (even - 1)];
    quarter[odd] = 0.25f * (fine[2 * odd - 1] - 0.5f * (fine[2 * odd - 2] + beyond));
    quarter[0] = quarter[1];
    quarter[odd + 1] = quarter[odd];
    for (int64_t i = 0; i < even; i++) low[i] = fine[2 * i] + (quarter[i] + quarter[i + 1]);
}

/* One row of luma through the table; its differences go to `after`. */
INLINE void grade_row(const PlanesJob *job, int64_t row, float *const before[2], float *const after[2], Block *k,
                      int is_tetrahedral) {
    const Codes *from = &job->source, *to = &job->target;
    const float kg = 1 - job->kr - job->kb, green_red = -job->kr / kg, green_blue = -job->kb / kg;
    const float wr = job->target_kr, wb = job->target_kb, wg = 1 - wr - wb;
    for (int64_t column = 0; column < job->width; column += BLOCK) {
        const int n = job->width - column < BLOCK ? (int)(job->width - column) : BLOCK, padded = (n + 3) / 4 * 4;
        float luma[BLOCK] = {0};
        load_codes(from, 0, row, column, n, from->black, from->luma_step, luma);
        const float *red = before[0] + column, *blue = before[1] + column;
        for (int i = 0; i < BLOCK; i++) {
            k->x[0][i] = luma[i] + red[i];
            k->x[1][i] = luma[i] + green_red * red[i] + green_blue * blue[i];
            k->x[2][i] = luma[i] + blue[i];
        }
        locate(k, padded, job->size);
        if (is_tetrahedral) weigh_tetrahedral(k, padded, job->size);
        else weigh_trilinear(k, padded);
        interpolate(job->table, k, padded, job->size, is_tetrahedral);
        for (int i = 0; i < BLOCK; i++) {
            luma[i] = wr * k->y[0][i] + wg * k->y[1][i] + wb * k->y[2][i];
            after[0][column + i] = k->y[0][i] - luma[i];
            after[1][column + i] = k->y[2][i] - luma[i];
        }
        store_codes(job, 0, row, column, n, to->black, 1 / to->luma_step, luma);
    }
}

INLINE void store_chroma(const PlanesJob *job, int64_t row, Rows *rows, int lines) {
    const Codes *to = &job->target;
    const int64_t columns = job->halved_x ? (job->width + 1) / 2 : job->width;
    for (int c = 0; c < 2; c++) {
        float *fine = rows->after[0][c];
        if (lines == 2)
            for (int64_t i = 0; i < job->width; i++) fine[i] = 0.5f * (fine[i] + rows->after[1][c][i]);
        if (job->halved_x) low_pass(fine, job->width, rows->before[0], rows->low[c]);
        const float *values = job->halved_x ? rows->low[c] : fine;
        const float scale = 1 / (c == 0 ? to->red_step : to->blue_step);
        for (int64_t column = 0; column < columns; column += BLOCK) {
            const int n = columns - column < BLOCK ? (int)(columns - column) : BLOCK;
            store_codes(job, c == 0 ? 2 : 1, row, column, n, to->neutral, scale, values + column);
        }
    }
}

INLINE void grade_planes(const PlanesJob *job, Rows *rows, int64_t begin, int64_t end) {
    const Codes *from = &job->source;
    Block k = {0};
    for (int64_t row = begin; row < end; row++) {
        const int64_t first = job->halved_y ? 2 * row : row;
        const int lines = job->halved_y && first + 1 < job->height ? 2 : 1;
        for (int line = 0; line < lines; line++) {
            spread_chroma(job, 2, from->red_step, row, line, rows->low[0], rows->before[0]);
            spread_chroma(job, 1, from->blue_step, row, line, rows->low[0], rows->before[1]);
            if (job->tetrahedral) grade_row(job, first + line, rows->before, rows->after[line], &k, 1);
            else grade_row(job, first + line, rows->before, rows->after[line], &k, 0);
        }
        store_chroma(job, row, rows, lines);
    }
}

static void grade_planes_portable(const PlanesJob *job, Rows *rows, int64_t begin, int64_t end) {
    grade_planes(job, rows, begin, end);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void grade_planes_avx2(const PlanesJob *job, Rows *rows, int64_t begin,
                                                                  int64_t end) {
    grade_planes(job, rows, begin, end);
}
#endif

/* What a job takes here: another size in Python means that the library was built from other sources. */
int64_t lut3d_planes_job_bytes(void) { return (int64_t)sizeof(PlanesJob); }

/* Rows [begin, end) of chroma, with the luma that lies over them. Returns 0, or 1 where there was no memory. */
int32_t lut3d_planes(const PlanesJob *job, int64_t begin, int64_t end) {
    const int64_t room = (job->width + BLOCK - 1) / BLOCK * BLOCK + BLOCK;
    float *scratch = calloc((size_t)(8 * room), sizeof(float));
    if (scratch == NULL) return 1;
    Rows rows = {{scratch, scratch + room},
                 {{scratch + 2 * room, scratch + 3 * room}, {scratch + 4 * room, scratch + 5 * room}},
                 {scratch + 6 * room, scratch + 7 * room}};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) grade_planes_avx2(job, &rows, begin, end);
    else grade_planes_portable(job, &rows, begin, end);
#else
    grade_planes_portable(job, &rows, begin, end);
#endif
    free(scratch);
    return 0;
}
