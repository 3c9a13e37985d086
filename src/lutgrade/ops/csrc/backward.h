/* The gradients of a block: of the table, scattered to its nodes, and of the pixels, the interpolant's slopes. */

#include "forward.h"

/* Copies the gradient that came in to where one load brings it for both nodes of a red edge. */
INLINE void spread(Block *k, int n) {
    for (int i = 0; i < n; i += 4) {
        const vec4 plane[4] = {load4(k->y[0] + i), load4(k->y[1] + i), load4(k->y[2] + i)};
        vec4 pixel[4];
        transpose(plane, pixel);
        for (int j = 0; j < 4; j++) store4(k->twice[i + j], pixel[j]), store4(k->twice[i + j] + 4, pixel[j]);
    }
}

/* Adds w * g to the gradient of every node that a pixel read with weight w. A node at a time: a load of two would
 * often straddle two of the last pixel's stores, and wait for both. */
INLINE void scatter(REAL *gradient, const Block *k, int n, int size, int is_tetrahedral) {
    const int green = 4 * size, blue = 4 * size * size;
    for (int i = 0; i < n; i++) {
        REAL *p = gradient + k->base[i];
        vec4 g = load4(k->twice[i]);
        if (is_tetrahedral) {
            add4(p, g * k->weight[0][i]);
            add4(gradient + k->second[i], g * k->weight[1][i]);
            add4(gradient + k->third[i], g * k->weight[2][i]);
            add4(p + 4 + green + blue, g * k->weight[3][i]);
        } else {
            vec4 near = g * k->rest[0][i], far = g * k->frac[0][i];
            for (int e = 0; e < 4; e++) {
                REAL *edge = p + (e & 1 ? green : 0) + (e & 2 ? blue : 0);
                add4(edge, near * k->weight[e][i]);
                add4(edge + 4, far * k->weight[e][i]);
            }
        }
    }
}

/* The sums over R, G and B of four pixels. */
INLINE vec4 sums(const vec4 pixel[4]) {
    vec4 plane[4];
    transpose(pixel, plane);
    return plane[0] + plane[1] + plane[2];
}

/* The sums over R, G and B of four red edges: in the low half those of their first nodes, in the high half of their
 * second ones. */
INLINE vec8 edge_sums(vec8 a, vec8 b, vec8 c, vec8 d) {
    vec8 ab = SHUFFLE8(a, b, 0, 8, 1, 9, 4, 12, 5, 13) + SHUFFLE8(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    vec8 cd = SHUFFLE8(c, d, 0, 8, 1, 9, 4, 12, 5, 13) + SHUFFLE8(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    return SHUFFLE8(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLE8(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
}

/* The interpolant's slopes along the three axes, dotted with the gradient that came in. */

INLINE void slope_trilinear(const REAL *table, Block *k, int n, int size) {
    const int green = 4 * size, blue = 4 * size * size;
    for (int i = 0; i < n; i += 4) {
        vec4 first[4], second[4]; /* the dot products of the red edges' nodes, edge by edge, each for four pixels */
        for (int j = 0; j < 4; j++) {
            const REAL *p = table + k->base[i + j];
            vec8 g = load8(k->twice[i + j]);
            vec8 dots = edge_sums(load8(p) * g, load8(p + green) * g, load8(p + blue) * g, load8(p + blue + green) * g);
            first[j] = low_half(dots), second[j] = high_half(dots);
        }
        transpose(first, first);
        transpose(second, second);
        vec4 by_red = {0}, edge[4];
        for (int e = 0; e < 4; e++) {
            by_red += (second[e] - first[e]) * load4(k->weight[e] + i);
            edge[e] = first[e] * load4(k->rest[0] + i) + second[e] * load4(k->frac[0] + i);
        }
        store4(k->slope[0] + i, by_red);
        store4(k->slope[1] + i, (edge[1] - edge[0]) * load4(k->rest[2] + i) + (edge[3] - edge[2]) * load4(k->frac[2] + i));
        store4(k->slope[2] + i, (edge[2] - edge[0]) * load4(k->rest[1] + i) + (edge[3] - edge[1]) * load4(k->frac[1] + i));
    }
}

INLINE void slope_tetrahedral(const REAL *table, Block *k, int n, int size) {
    const int far = 4 + 4 * size + 4 * size * size;
    for (int i = 0; i < n; i += 4) {
        vec4 along[3][4]; /* the axes of the largest, the middle and the smallest fraction */
        for (int j = 0; j < 4; j++) {
            const REAL *p = table + k->base[i + j];
            vec4 g = load4(k->twice[i + j]), second = load4(table + k->second[i + j]), third = load4(table + k->third[i + j]);
            along[0][j] = (second - load4(p)) * g;
            along[1][j] = (third - second) * g;
            along[2][j] = (load4(p + far) - third) * g;
        }
        for (int c = 0; c < 3; c++) store4(k->slope[c] + i, sums(along[c]));
    }
    for (int i = 0; i < n; i++) {
        REAL r = k->frac[0][i], g = k->frac[1][i], b = k->frac[2][i];
        REAL first = k->slope[0][i], middle = k->slope[1][i], last = k->slope[2][i];
        int rg = r >= g, rb = r >= b, gb = g >= b, gr = g > r, br = b > r, bg = b > g;
        k->slope[0][i] = rg & rb ? first : rg | rb ? middle : last;
        k->slope[1][i] = gr & gb ? first : gr | gb ? middle : last;
        k->slope[2][i] = br & bg ? first : br | bg ? middle : last;
    }
}

/* The slopes are per cell; the domain is closed, and outside of it, and for NaN, the operator is flat. */
INLINE void to_input_units(Block *k, int n, int size) {
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < n; i++) {
            REAL x = k->x[c][i];
            k->slope[c][i] = (x >= 0) & (x <= 1) ? k->slope[c][i] * (size - 1) : 0;
        }
}
