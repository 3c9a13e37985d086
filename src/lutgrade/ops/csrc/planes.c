/* A picture of code values (Y, Cb, Cr) through a table to another, in one pass and in float.
 *
 * Chroma is brought to the size of luma and back as video/chroma.py says: along x by the 5/3 wavelet, along y by the
 * local slope and the mean. A row of the coarser chroma is a unit of work, of one or two rows of luma; between its steps
 * only rows of chroma are kept, so that nothing but the codes leaves the second-level cache. */

#define REAL float
#define INTEGER int32_t
#include <stdlib.h>

#include "forward.h"

typedef struct { /* as in planes.py */
    char *plane[3];       /* Y, Cb, Cr */
    int64_t stride[3];    /* from row to row, in bytes */
    float black, neutral; /* code values */
    int32_t wide;         /* two bytes a sample */
    float peak;           /* the greatest code */
} Codes;

typedef struct {
    Codes source, target;
    const float *table; /* from RGB to the target's Y, Cr and Cb, in codes above black and neutral */
    float luma_step, red_step, blue_step; /* of the source's Y, R - Y and B - Y in [0, 1] terms, per code */
    float kr, kb;                         /* its weights of red and blue in luma */
    int64_t height, width;
    int32_t size, tetrahedral, halved_x, halved_y;
    float thresholds[8][8]; /* added before a code is cut to a whole number */
} PlanesJob;

typedef struct { /* rows of chroma, Cr and Cb, `width` padded to whole blocks */
    float *before[2][2], *after[2][2]; /* of each line of luma, at its size */
    float *low[2];                     /* at half of it */
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

INLINE void store_codes(const PlanesJob *job, int plane, int64_t row, int64_t column, int n, float zero,
                        const float *values) {
    const Codes *codes = &job->target;
    char *p = codes->plane[plane] + row * codes->stride[plane];
    const float *thresholds = job->thresholds[row % 8]; /* a block begins at a multiple of 8 */
    const float low = bounds[0], high = codes->peak;
    float code[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        float v = values[i] + thresholds[i % 8] + zero;
        v = v > low ? v : low;
        code[i] = v < high ? v : high;
    }
    if (codes->wide) {
        uint16_t *q = (uint16_t *)p + column;
        for (int i = 0; i < n; i++) q[i] = (uint16_t)(int32_t)code[i];
    } else {
        uint8_t *q = (uint8_t *)p + column;
        for (int i = 0; i < n; i++) q[i] = (uint8_t)(int32_t)code[i];
    }
}

/* Twice the columns: linear interpolation. `coarse` has room for one more, `fine` for one more than an odd width. */
INLINE void spread_columns(float *coarse, int64_t columns, float *fine) {
    coarse[columns] = coarse[columns - 1];
    for (int64_t i = 0; i < columns; i++) {
        fine[2 * i] = coarse[i];
        fine[2 * i + 1] = 0.5f * (coarse[i] + coarse[i + 1]);
    }
}

/* A row of chroma as R - Y or B - Y at the size of luma, for each of the lines of luma that it lies over. */
INLINE void spread_chroma(const PlanesJob *job, int plane, float step, int64_t row, int lines, float *coarse[2],
                          float *fine[2]) {
    const Codes *from = &job->source;
    const int64_t rows = job->halved_y ? (job->height + 1) / 2 : job->height;
    const int64_t columns = job->halved_x ? (job->width + 1) / 2 : job->width;
    float **to = job->halved_x ? coarse : fine;
    load_codes(from, plane, row, 0, columns, from->neutral, step, to[0]);
    if (lines == 2) {
        const int slopes = row > 0 && row < rows - 1; /* none at the borders */
        for (int64_t column = 0; column < columns; column += BLOCK) {
            const int64_t n = columns - column < BLOCK ? columns - column : BLOCK;
            float near[BLOCK], far[BLOCK];
            load_codes(from, plane, row - slopes, column, n, 0, step, near);
            load_codes(from, plane, row + slopes, column, n, 0, step, far);
            for (int64_t i = 0; i < n; i++) { /* a quarter of a row up and down the slope */
                const float middle = to[0][column + i], quarter = 0.125f * (far[i] - near[i]);
                to[0][column + i] = middle - quarter;
                to[1][column + i] = middle + quarter;
            }
        }
    }
    for (int line = 0; line < lines && job->halved_x; line++) spread_columns(coarse[line], columns, fine[line]);
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

/* `n` pixels of a row through the table: their luma is stored, their chroma goes to `after`. */
INLINE void grade_block(const PlanesJob *job, int64_t row, int64_t column, int n, const float *red, const float *blue,
                        float *const after[2], Block *k, int is_tetrahedral) {
    const Codes *from = &job->source;
    const float kg = 1 - job->kr - job->kb, green_red = -job->kr / kg, green_blue = -job->kb / kg;
    float luma[BLOCK];
    load_codes(from, 0, row, column, n, from->black, job->luma_step, luma);
    for (int i = n; i < BLOCK; i++) luma[i] = 0;
    for (int i = 0; i < BLOCK; i++) {
        k->x[0][i] = luma[i] + red[i];
        k->x[1][i] = luma[i] + green_red * red[i] + green_blue * blue[i];
        k->x[2][i] = luma[i] + blue[i];
    }
    locate(k, BLOCK, job->size);
    if (is_tetrahedral) weigh_tetrahedral(k, BLOCK, job->size);
    else weigh_trilinear(k, BLOCK);
    interpolate(job->table, k, BLOCK, job->size, is_tetrahedral);
    store_codes(job, 0, row, column, n, job->target.black, k->y[0]);
    for (int c = 0; c < 2; c++) memcpy(after[c] + column, k->y[1 + c], sizeof k->y[1 + c]);
}

INLINE void grade_row(const PlanesJob *job, int64_t row, float *const before[2], float *const after[2], Block *k,
                      int is_tetrahedral) {
    int64_t column = 0;
    for (; column + BLOCK <= job->width; column += BLOCK)
        grade_block(job, row, column, BLOCK, before[0] + column, before[1] + column, after, k, is_tetrahedral);
    const int rest = (int)(job->width - column);
    if (rest) grade_block(job, row, column, rest, before[0] + column, before[1] + column, after, k, is_tetrahedral);
}

INLINE void store_chroma(const PlanesJob *job, int64_t row, Rows *rows, int lines) {
    const Codes *to = &job->target;
    const int64_t columns = job->halved_x ? (job->width + 1) / 2 : job->width;
    for (int c = 0; c < 2; c++) {
        float *fine = rows->after[0][c];
        if (lines == 2)
            for (int64_t i = 0; i < job->width; i++) fine[i] = 0.5f * (fine[i] + rows->after[1][c][i]);
        if (job->halved_x) low_pass(fine, job->width, rows->before[0][0], rows->low[c]);
        const float *values = job->halved_x ? rows->low[c] : fine;
        for (int64_t column = 0; column < columns; column += BLOCK) {
            const int n = columns - column < BLOCK ? (int)(columns - column) : BLOCK;
            store_codes(job, c == 0 ? 2 : 1, row, column, n, to->neutral, values + column);
        }
    }
}

INLINE void grade_planes(const PlanesJob *job, Rows *rows, int64_t begin, int64_t end) {
    Block k = {0};
    for (int64_t row = begin; row < end; row++) {
        const int64_t first = job->halved_y ? 2 * row : row;
        const int lines = job->halved_y && first + 1 < job->height ? 2 : 1;
        float *red[2] = {rows->before[0][0], rows->before[1][0]}, *blue[2] = {rows->before[0][1], rows->before[1][1]};
        spread_chroma(job, 2, job->red_step, row, lines, rows->low, red);
        spread_chroma(job, 1, job->blue_step, row, lines, rows->low, blue);
        for (int line = 0; line < lines; line++) {
            if (job->tetrahedral) grade_row(job, first + line, rows->before[line], rows->after[line], &k, 1);
            else grade_row(job, first + line, rows->before[line], rows->after[line], &k, 0);
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
    float *scratch = calloc((size_t)(10 * room), sizeof(float));
    if (scratch == NULL) return 1;
    Rows rows;
    for (int line = 0; line < 2; line++) {
        for (int c = 0; c < 2; c++) {
            rows.before[line][c] = scratch + (2 * line + c) * room;
            rows.after[line][c] = scratch + (4 + 2 * line + c) * room;
        }
        rows.low[line] = scratch + (8 + line) * room;
    }
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) grade_planes_avx2(job, &rows, begin, end);
    else grade_planes_portable(job, &rows, begin, end);
#else
    grade_planes_portable(job, &rows, begin, end);
#endif
    free(scratch);
    return 0;
}
