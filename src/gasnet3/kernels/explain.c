/* What the best coefficients explain of chi^2 along a scan; see gasnet3/solve/scan.py. */
#include "loops.h"

/* Shifts side by side in a vector. */
enum { SIDE = 8 };

typedef int32_t i8 __attribute__((vector_size(32)));

typedef struct {
    int m, terms;
    int64_t matrices, pitch; /* computed ones, and from one of their numbers to the next */
    float ridge;
} Scan;

static inline f8 most8(f8 one, f8 other)
{
    i8 more = one > other;
    return (f8)(((i8)one & more) | ((i8)other & ~more));
}
static inline f8 root8(f8 value)
{
    float lanes[SIDE];
    store8(lanes, value);
    for (int lane = 0; lane < SIDE; lane++)
        lanes[lane] = sqrtf(lanes[lane]);
    return load8(lanes);
}

/* Values from a place on; after the last one that is there it goes on. */
static inline f8 from8(const float *values, int64_t at, int64_t count)
{
    if (at + SIDE <= count)
        return load8(values + at);
    float edge[SIDE];
    for (int64_t lane = 0; lane < SIDE; lane++)
        edge[lane] = values[at + lane < count ? at + lane : count - 1];
    return load8(edge);
}

/* S = A - sum of c c^T with a ridge, at SIDE shifts: every pair is 2 * SIDE from the one before. */
static void eliminate(
    const Scan *s, const float *normal, const float *cross, int64_t at, float *out)
{
    int m = s->m, pair = 0;
    f8 known[s->terms * m];
    for (int k = 0; k < s->terms * m; k++)
        known[k] = from8(cross + k * s->pitch, at, s->matrices);
    for (int i = 0; i < m; i++) {
        f8 ridge = {0};
        for (int j = i; j < m; j++, pair++) {
            f8 value = from8(normal + pair * s->pitch, at, s->matrices);
            if (j == i)
                ridge = s->ridge * value;
            for (int k = 0; k < s->terms; k++)
                value -= known[k * m + i] * known[k * m + j];
            store8(out + 2 * SIDE * pair, j == i ? most8(value + ridge, ridge) : value);
        }
    }
}

/* ln of the product of values that are above 0. */
typedef struct { f8 mantissa; i8 exponent; } Product;

static inline void multiply(Product *product, f8 value)
{
    i8 bits;
    memcpy(&bits, &value, sizeof bits);
    product->exponent += (bits >> 23) - 127;
    bits = (bits & 0x7fffff) | 0x3f800000;
    memcpy(&value, &bits, sizeof value);
    product->mantissa *= value;
}

/* Factors in the place of the matrices, the reciprocal of the diagonal on it; ln det. */
static f8 factorise8(const Scan *s, f8 *a)
{
    int m = s->m, pair = 0;
    f8 least[m];
    Product product = {{1, 1, 1, 1, 1, 1, 1, 1}, {0}};
    for (int i = 0; i < m; pair += m - i, i++)
        least[i] = most8(s->ridge * a[pair], (f8){0} + 1e-20f);
    pair = 0;
    for (int i = 0; i < m; i++) {
        f8 diagonal = most8(a[pair], least[i]), scale = 1.0f / root8(diagonal);
        multiply(&product, diagonal);
        a[pair] = scale;
        f8 *column = a + pair + 1, *next = a + pair + m - i;
        for (int j = 0; j < m - i - 1; j++)
            column[j] *= scale;
        for (int j = 0; j < m - i - 1; j++) {
            f8 less = column[j];
            for (int l = j; l < m - i - 1; l++)
                *next++ -= less * column[l];
        }
        pair += m - i;
    }
    f8 out;
    for (int lane = 0; lane < SIDE; lane++)
        out[lane] = logf(product.mantissa[lane]) + 0.69314718f * (float)product.exponent[lane];
    return out;
}

/* b^T S^-1 b of SIDE matrices, of right sides `apart` values from each other. */
static f8 explained(
    int m, const f8 *factor, const float *right, int64_t length, int64_t at, int64_t apart)
{
    f8 b[m], gain = {0};
    for (int i = 0; i < m; i++, right += length) {
        float lanes[SIDE];
        for (int lane = 0; lane < SIDE; lane++) {
            int64_t place = at + lane * apart;
            lanes[lane] = right[place < length ? place : length - 1];
        }
        b[i] = load8(lanes);
    }
    for (int i = 0; i < m; factor += m - i, i++) {
        f8 y = b[i] * factor[0];
        gain += y * y;
        for (int j = 1; j < m - i; j++)
            b[i + j] -= factor[j] * y;
    }
    return gain;
}

/* gain: b^T S^-1 b at every shift, shape (rows, blocks * shared), less ln det S where volumes is
 * not 0. bind: added to the diagonal of S, (rows).
 *
 * normal: (rows, m (m + 1) / 2, matrices), lower triangles by columns; cross: (rows, terms, m,
 * matrices); right: (rows, m, blocks * shared); of these there may be more, up to the pitch. Each
 * matrix serves for `shared` shifts; where between is above 0 it lies so far from one of the
 * computed ones to the next. */
void explain(
    const float *normal, const float *cross, const float *right, const float *bind, int64_t rows,
    int64_t m, int64_t terms, int64_t matrices, int64_t pitch, int64_t blocks, int64_t shared,
    int64_t right_pitch, double between, double ridge, int64_t volumes, float *gain)
{
    Scan s = {(int)m, (int)terms, matrices, pitch, (float)ridge};
    int pairs = s.m * (s.m + 1) / 2;
    float reduced[pairs * 2 * SIDE];
    f8 a[pairs];
    for (int64_t row = 0; row < rows; row++) {
        const float *of = normal + row * pairs * pitch, *with = cross + row * terms * m * pitch;
        const float *b = right + row * m * right_pitch;
        float *to = gain + row * blocks * shared;
        for (int64_t at = 0; at < blocks; at += SIDE) {
            if (at == 0 || between == 0)
                eliminate(&s, of, with, at, reduced);
            if (between > 0)
                eliminate(&s, of, with, at + SIDE, reduced + SIDE);
            for (int k = 0; k < pairs; k++) {
                const float *low = reduced + 2 * SIDE * k;
                a[k] = load8(low);
                if (between > 0)
                    a[k] += (float)between * (load8(low + 1) - a[k]);
            }
            for (int k = 0, i = 0; i < s.m; k += s.m - i, i++)
                a[k] += bind[row];
            f8 volume = factorise8(&s, a);
            for (int64_t r = 0; r < shared; r++) {
                f8 found = explained(s.m, a, b, right_pitch, at * shared + r, shared);
                if (volumes)
                    found -= volume;
                for (int64_t lane = 0; lane < SIDE && at + lane < blocks; lane++)
                    to[(at + lane) * shared + r] = found[lane];
            }
            for (int k = 0; between > 0 && k < pairs; k++)
                store8(reduced + 2 * SIDE * k, load8(reduced + 2 * SIDE * k + SIDE));
        }
    }
}
