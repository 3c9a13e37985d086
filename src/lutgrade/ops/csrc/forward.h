/* A block of pixels through a table, in one arithmetic type.
 *
 * Included with REAL (float or double), INTEGER (of its width) and SUFFIX (f32 or f64) defined. A table is packed to four
 * REAL a node (R, G, B, 0), red fastest, so that one vector load brings a node and one of twice the width brings two red
 * neighbours. What is the same for all pixels of a block (dtype, layout, interpolation) is decided once a block; the
 * loops inside a block are written for the compiler's vectoriser, the table look-ups with its vector types. */

#include <stddef.h>

#include "pixels.h"

typedef REAL vec4 __attribute__((vector_size(4 * sizeof(REAL))));
typedef REAL vec8 __attribute__((vector_size(8 * sizeof(REAL))));

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define SHUFFLE8 SHUFFLE
#define JOIN(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7)
#else
typedef INTEGER mask4 __attribute__((vector_size(4 * sizeof(REAL))));
typedef INTEGER mask8 __attribute__((vector_size(8 * sizeof(REAL))));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (mask4){__VA_ARGS__})
#define SHUFFLE8(a, b, ...) __builtin_shuffle(a, b, (mask8){__VA_ARGS__})
#define JOIN(a, b) ((vec8){a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]})
#endif

typedef struct {
    View image;      /* [B, 3, H, W] */
    View graded;     /* the output, or the gradient that came in for it */
    View gradient;   /* of the image; without data where it is not wanted */
    const REAL *table;
    int64_t table_stride; /* from image to image in REAL, 0 when one table serves all */
    int64_t batch, height, width;
    int32_t size, dtype, tetrahedral;
} Job;

typedef struct {
    REAL x[3][BLOCK];        /* the input */
    REAL frac[3][BLOCK];     /* where it lies in its cell, per axis */
    REAL rest[3][BLOCK];     /* 1 - frac */
    int32_t base[BLOCK];     /* the cell's first node, in REAL from the table's start */
    int32_t second[BLOCK];   /* tetrahedral: the node after a step along the axis of the largest fraction, */
    int32_t third[BLOCK];    /* and after one along the middle axis as well */
    REAL weight[4][BLOCK];   /* trilinear: of the cell's four red edges; tetrahedral: of the four nodes */
    REAL y[3][BLOCK];        /* the output, or the gradient that came in */
    REAL twice[BLOCK][8];    /* that gradient as R, G, B, 0, R, G, B, 0 */
    REAL slope[3][BLOCK];    /* the gradient that goes out */
} Block;

INLINE vec4 load4(const REAL *p) { vec4 v; memcpy(&v, p, sizeof v); return v; }
INLINE vec8 load8(const REAL *p) { vec8 v; memcpy(&v, p, sizeof v); return v; }
INLINE void store4(REAL *p, vec4 v) { memcpy(p, &v, sizeof v); }
INLINE void store8(REAL *p, vec8 v) { memcpy(p, &v, sizeof v); }
INLINE void add4(REAL *p, vec4 v) { v += load4(p); memcpy(p, &v, sizeof v); }
INLINE vec4 low_half(vec8 v) { vec4 h; memcpy(&h, &v, sizeof h); return h; }
INLINE vec4 high_half(vec8 v) { vec4 h; memcpy(&h, (char *)&v + sizeof h, sizeof h); return h; }

/* Four pixels (R, G, B, 0) to their planes, or four planes to their pixels. */
INLINE void transpose(const vec4 from[4], vec4 to[4]) {
    vec4 ab01 = SHUFFLE(from[0], from[1], 0, 4, 1, 5), ab23 = SHUFFLE(from[0], from[1], 2, 6, 3, 7);
    vec4 cd01 = SHUFFLE(from[2], from[3], 0, 4, 1, 5), cd23 = SHUFFLE(from[2], from[3], 2, 6, 3, 7);
    to[0] = SHUFFLE(ab01, cd01, 0, 1, 4, 5);
    to[1] = SHUFFLE(ab01, cd01, 2, 3, 6, 7);
    to[2] = SHUFFLE(ab23, cd23, 0, 1, 4, 5);
    to[3] = SHUFFLE(ab23, cd23, 2, 3, 6, 7);
}

/* The same in each half. */
INLINE void transpose8(const vec8 from[4], vec8 to[4]) {
    vec8 ab01 = SHUFFLE8(from[0], from[1], 0, 8, 1, 9, 4, 12, 5, 13);
    vec8 ab23 = SHUFFLE8(from[0], from[1], 2, 10, 3, 11, 6, 14, 7, 15);
    vec8 cd01 = SHUFFLE8(from[2], from[3], 0, 8, 1, 9, 4, 12, 5, 13);
    vec8 cd23 = SHUFFLE8(from[2], from[3], 2, 10, 3, 11, 6, 14, 7, 15);
    to[0] = SHUFFLE8(ab01, cd01, 0, 1, 8, 9, 4, 5, 12, 13);
    to[1] = SHUFFLE8(ab01, cd01, 2, 3, 10, 11, 6, 7, 14, 15);
    to[2] = SHUFFLE8(ab23, cd23, 0, 1, 8, 9, 4, 5, 12, 13);
    to[3] = SHUFFLE8(ab23, cd23, 2, 3, 10, 11, 6, 7, 14, 15);
}

/* Where the pixels are */

/* Read where values are clamped: between constants, GCC compares and masks instead of taking minimum and maximum. */
static const volatile REAL bounds[2] = {0, 1};

INLINE char *address(const View *view, int64_t item, int64_t image, int64_t row, int64_t column) {
    return view->data + item * (image * view->stride[0] + row * view->stride[2] + column * view->stride[3]);
}

INLINE int64_t item_size(int dtype) { return dtype == U8 ? 1 : dtype == F64 ? 8 : dtype == F32 ? 4 : 2; }

INLINE void load(const View *view, int dtype, const char *p, int n, REAL (*x)[BLOCK]) {
    int64_t channel = view->stride[1], column = view->stride[3];
#ifdef REAL_IS_DOUBLE
    (void)dtype;
    load_f64((const double *)p, channel, column, n, x);
#else
    switch (dtype) {
    case U8: load_u8((const uint8_t *)p, channel, column, n, x); break;
    case U16: load_u16((const uint16_t *)p, channel, column, n, x); break;
    case F16: load_f16((const uint16_t *)p, channel, column, n, x); break;
    case BF16: load_bf16((const uint16_t *)p, channel, column, n, x); break;
    default: load_f32((const float *)p, channel, column, n, x);
    }
#endif
    for (int c = 0; c < 3; c++) /* the look-ups take eight pixels at a time */
        for (int i = n; i < (n + 7) / 8 * 8; i++) x[c][i] = 0;
}

INLINE void store(const View *view, int dtype, char *p, int n, REAL (*x)[BLOCK]) {
    int64_t channel = view->stride[1], column = view->stride[3];
#ifdef REAL_IS_DOUBLE
    (void)dtype;
    store_f64((double *)p, channel, column, n, x);
#else
    switch (dtype) {
    case U8: store_u8((uint8_t *)p, channel, column, n, x); break;
    case U16: store_u16((uint16_t *)p, channel, column, n, x); break;
    case F16: store_f16((uint16_t *)p, channel, column, n, x); break;
    case BF16: store_bf16((uint16_t *)p, channel, column, n, x); break;
    default: store_f32((float *)p, channel, column, n, x);
    }
#endif
}

/* Which cell, and where in it. The comparisons send NaN to 0, and the last node belongs to the last cell. */
INLINE void locate(Block *k, int n, int size) {
    const REAL low = bounds[0], high = bounds[1];
    for (int i = 0; i < n; i++) {
        int32_t cell[3];
        for (int c = 0; c < 3; c++) {
            REAL x = k->x[c][i];
            x = x > low ? x : low;
            x = x < high ? x : high;
            x *= size - 1;
            cell[c] = (int32_t)x < size - 2 ? (int32_t)x : size - 2;
            k->frac[c][i] = x - (REAL)cell[c];
        }
        k->base[i] = 4 * ((cell[2] * size + cell[1]) * size + cell[0]);
    }
}

INLINE void weigh_trilinear(Block *k, int n) {
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < 3; c++) k->rest[c][i] = 1 - k->frac[c][i];
        k->weight[0][i] = k->rest[2][i] * k->rest[1][i];
        k->weight[1][i] = k->rest[2][i] * k->frac[1][i];
        k->weight[2][i] = k->frac[2][i] * k->rest[1][i];
        k->weight[3][i] = k->frac[2][i] * k->frac[1][i];
    }
}

/* The tetrahedron is named by the order of the fractions, ties in the order red, green, blue. */
INLINE void weigh_tetrahedral(Block *k, int n, int size) {
    const int red = 4, green = 4 * size, blue = 4 * size * size;
    for (int i = 0; i < n; i++) {
        REAL r = k->frac[0][i], g = k->frac[1][i], b = k->frac[2][i];
        REAL high = r > g ? r : g, low = r > g ? g : r;
        REAL largest = high > b ? high : b, smallest = low < b ? low : b;
        REAL middle = high < b ? high : b;
        middle = low > middle ? low : middle;
        int first = r == largest ? red : g == largest ? green : blue;
        int last = b == smallest ? blue : g == smallest ? green : red;
        k->second[i] = k->base[i] + first;
        k->third[i] = k->base[i] + (red + green + blue - last);
        k->weight[0][i] = 1 - largest;
        k->weight[1][i] = largest - middle;
        k->weight[2][i] = middle - smallest;
        k->weight[3][i] = smallest;
    }
}

/* The look-ups */

INLINE vec4 trilinear(const REAL *table, const Block *k, int i, int green, int blue) {
    const REAL *p = table + k->base[i];
    vec8 edge = load8(p) * k->weight[0][i] + load8(p + green) * k->weight[1][i] + load8(p + blue) * k->weight[2][i] +
                load8(p + blue + green) * k->weight[3][i];
    return low_half(edge) * k->rest[0][i] + high_half(edge) * k->frac[0][i];
}

/* Pixel i in the low half and pixel i + 4 in the high one. */
INLINE vec8 nodes(const REAL *table, const int32_t *node, int i) {
    const vec4 low = load4(table + node[i]), high = load4(table + node[i + 4]);
    return JOIN(low, high);
}

INLINE vec8 tetrahedral(const REAL *table, const Block *k, int i, int far, vec8 a, vec8 b, vec8 c, vec8 d) {
    return nodes(table, k->base, i) * a + nodes(table, k->second, i) * b + nodes(table, k->third, i) * c +
           nodes(table + far, k->base, i) * d;
}

#define LANE(v, j) SHUFFLE8(v, v, j, j, j, j, j + 4, j + 4, j + 4, j + 4) /* lane j of each half, to all of it */
#define TETRAHEDRAL(j) tetrahedral(table, k, i + j, far, LANE(a, j), LANE(b, j), LANE(c, j), LANE(d, j))

INLINE void interpolate(const REAL *table, Block *k, int n, int size, int is_tetrahedral) {
    const int green = 4 * size, blue = 4 * size * size, far = 4 + green + blue;
    if (is_tetrahedral) {
        for (int i = 0; i < n; i += 8) {
            const vec8 a = load8(k->weight[0] + i), b = load8(k->weight[1] + i);
            const vec8 c = load8(k->weight[2] + i), d = load8(k->weight[3] + i);
            const vec8 pixel[4] = {TETRAHEDRAL(0), TETRAHEDRAL(1), TETRAHEDRAL(2), TETRAHEDRAL(3)};
            vec8 plane[4];
            transpose8(pixel, plane);
            for (int channel = 0; channel < 3; channel++) store8(k->y[channel] + i, plane[channel]);
        }
        return;
    }
    for (int i = 0; i < n; i += 4) {
        vec4 pixel[4], plane[4];
        for (int j = 0; j < 4; j++) pixel[j] = trilinear(table, k, i + j, green, blue);
        transpose(pixel, plane);
        for (int c = 0; c < 3; c++) store4(k->y[c] + i, plane[c]);
    }
}
