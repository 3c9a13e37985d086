/* Blocks of pixels in and out of planes of REAL: every dtype, planar, interleaved or strided.
 *
 * Integers are normalised by their maximum and rounded to nearest (ties to even) on the way back. Half floats are
 * converted with integer arithmetic, which every target vectorises. */

#include <stdint.h>
#include <string.h>

#define BLOCK 64 /* pixels in flight; a block's scratch stays in the first-level cache */

#define INLINE static inline __attribute__((always_inline))

enum { U8, U16, F16, BF16, F32, F64 }; /* as in cpu.py */

typedef struct {
    char *data;
    int64_t stride[4]; /* of image, channel, row and column, in elements */
} View;

INLINE uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE float from_u8(uint8_t v) { return v * (1 / 255.0f); }
INLINE float from_u16(uint16_t v) { return v * (1 / 65535.0f); }
INLINE float from_f32(float v) { return v; }
INLINE float from_bf16(uint16_t v) { return float_of((uint32_t)v << 16); }

INLINE float from_f16(uint16_t v) {
    uint32_t magnitude = (uint32_t)(v & 0x7fff) << 13;
    uint32_t finite = bits_of(float_of(magnitude) * 0x1p112f); /* moves the exponent's bias; subnormals come out right */
    uint32_t result = magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : finite;
    return float_of(result | (uint32_t)(v & 0x8000) << 16);
}

/* Adding 1.5 * 2^23 leaves the value, rounded to the nearest integer, in the low bits of the mantissa. */
INLINE uint32_t to_integer(float v, float peak) {
    v *= peak;
    v = v > 0 ? v : 0;
    v = v < peak ? v : peak;
    return bits_of(v + 0x1.8p23f) & 0xffff;
}

INLINE uint8_t to_u8(float v) { return (uint8_t)to_integer(v, 255); }
INLINE uint16_t to_u16(float v) { return (uint16_t)to_integer(v, 65535); }
INLINE float to_f32(float v) { return v; }

INLINE uint16_t to_bf16(float v) {
    uint32_t bits = bits_of(v);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (uint16_t)rounded;
}

INLINE uint16_t to_f16(float v) {
    uint32_t bits = bits_of(v), magnitude = bits & 0x7fffffff;
    uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f); /* 0.5's last place is 2^-24 */
    uint32_t result = magnitude < 0x38800000 ? subnormal : normal;
    result = magnitude >= 0x47800000 ? 0x7c00 : result;
    result = magnitude > 0x7f800000 ? 0x7e00 : result;
    return (uint16_t)(result | (bits >> 16 & 0x8000));
}

INLINE double from_f64(double v) { return v; }
INLINE double to_f64(double v) { return v; }

#define DEFINE_PIXELS(name, T, REAL)                                                                            \
    INLINE void load_##name(const T *p, int64_t channel, int64_t column, int n, REAL (*x)[BLOCK]) {             \
        if (channel == 1 && column == 3) {                                                                      \
            for (int i = 0; i < n; i++) {                                                                       \
                x[0][i] = from_##name(p[3 * i]);                                                                \
                x[1][i] = from_##name(p[3 * i + 1]);                                                            \
                x[2][i] = from_##name(p[3 * i + 2]);                                                            \
            }                                                                                                   \
            return;                                                                                             \
        }                                                                                                       \
        for (int c = 0; c < 3; c++, p += channel) {                                                             \
            if (column == 1)                                                                                    \
                for (int i = 0; i < n; i++) x[c][i] = from_##name(p[i]);                                        \
            else                                                                                                \
                for (int i = 0; i < n; i++) x[c][i] = from_##name(p[i * column]);                               \
        }                                                                                                       \
    }                                                                                                           \
    INLINE void store_##name(T *p, int64_t channel, int64_t column, int n, REAL (*x)[BLOCK]) {                  \
        if (channel == 1 && column == 3) {                                                                      \
            for (int i = 0; i < n; i++) {                                                                       \
                p[3 * i] = to_##name(x[0][i]);                                                                  \
                p[3 * i + 1] = to_##name(x[1][i]);                                                              \
                p[3 * i + 2] = to_##name(x[2][i]);                                                              \
            }                                                                                                   \
            return;                                                                                             \
        }                                                                                                       \
        for (int c = 0; c < 3; c++, p += channel) {                                                             \
            if (column == 1)                                                                                    \
                for (int i = 0; i < n; i++) p[i] = to_##name(x[c][i]);                                          \
            else                                                                                                \
                for (int i = 0; i < n; i++) p[i * column] = to_##name(x[c][i]);                                 \
        }                                                                                                       \
    }

DEFINE_PIXELS(u8, uint8_t, float)
DEFINE_PIXELS(u16, uint16_t, float)
DEFINE_PIXELS(f16, uint16_t, float)
DEFINE_PIXELS(bf16, uint16_t, float)
DEFINE_PIXELS(f32, float, float)
DEFINE_PIXELS(f64, double, double)
