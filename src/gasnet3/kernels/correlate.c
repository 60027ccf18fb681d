/* Products of transforms of spectra with those of templates; see gasnet3/solve/correlate.py. */
#include "loops.h"

/* Numbers of complex values side by side in a vector, and its parts and them swapped. */
enum { SIDE = 4 };

typedef int32_t i8 __attribute__((vector_size(32)));

static inline f8 swapped(f8 value) { return __builtin_shuffle(value, (i8){1, 0, 3, 2, 5, 4, 7, 6}); }

/* Conjugates of the frequencies q + alias * length / every of a real transform: of each the real
 * part twice, and the imaginary part with the signs that a product takes. */
static void fold(
    const float *transform, int64_t length, int64_t every, int64_t half, int64_t alias, float *real,
    float *imaginary)
{
    for (int64_t q = 0; q < half; q++) {
        int64_t at = q + alias * (length / every);
        /* What lies beyond half of them is the conjugate of what does not. */
        int64_t place = at > length / 2 ? length - at : at;
        float one = transform[2 * place], other = transform[2 * place + 1];
        other = at > length / 2 ? other : -other;
        real[2 * q] = real[2 * q + 1] = one;
        imaginary[2 * q] = -other;
        imaginary[2 * q + 1] = other;
    }
}

/* products: of every line with every template, summed over the aliases, (lines, templates, half).
 *
 * All are pairs of real and imaginary parts: transforms (lines, length / 2 + 1), aliases (every,
 * templates, half). space: (2 * every, 2 * half + 8). */
void correlate(
    const float *transforms, int64_t lines, int64_t length, const float *aliases, int64_t every,
    int64_t templates, int64_t half, float *space, float *products)
{
    int64_t width = 2 * half + 2 * SIDE;
    for (int64_t line = 0; line < lines; line++) {
        for (int64_t alias = 0; alias < every; alias++)
            fold(transforms + line * 2 * (length / 2 + 1), length, every, half, alias,
                 space + 2 * alias * width, space + (2 * alias + 1) * width);
        for (int64_t template = 0; template < templates; template++) {
            float *to = products + (line * templates + template) * 2 * half;
            const float *with = aliases + template * 2 * half;
            for (int64_t i = 0; i < 2 * half; i += 2 * SIDE) {
                int64_t count = 2 * half - i < 2 * SIDE ? 2 * half - i : 2 * SIDE;
                f8 sum = {0};
                for (int64_t alias = 0; alias < every; alias++) {
                    const float *from = with + alias * templates * 2 * half + i;
                    const float *data = space + 2 * alias * width + i;
                    f8 value = {0};
                    if (count == 2 * SIDE)
                        value = load8(from);
                    else
                        memcpy(&value, from, count * sizeof *from);
                    sum += load8(data) * value + load8(data + width) * swapped(value);
                }
                if (count == 2 * SIDE)
                    store8(to + i, sum);
                else
                    memcpy(to + i, &sum, count * sizeof *to);
            }
        }
    }
}
