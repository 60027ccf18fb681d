/* What the loops have in common.
 *
 * Sums run in lanes: a vector of partial sums, added up at the end. The compiler keeps the order
 * that is written here, so that no bit depends on how many rows there are or where they lie.
 */
#ifndef LOOPS_H
#define LOOPS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef double v4 __attribute__((vector_size(32)));
typedef float f8 __attribute__((vector_size(32)));
typedef float f4 __attribute__((vector_size(16)));

static inline v4 load4(const double *from) { v4 out; memcpy(&out, from, sizeof out); return out; }
static inline void store4(double *to, v4 value) { memcpy(to, &value, sizeof value); }
static inline v4 wide4(const float *from)
{
    f4 narrow;
    memcpy(&narrow, from, sizeof narrow);
    return __builtin_convertvector(narrow, v4);
}
static inline f8 load8(const float *from) { f8 out; memcpy(&out, from, sizeof out); return out; }
static inline void store8(float *to, f8 value) { memcpy(to, &value, sizeof value); }
static inline double sum4(v4 value) { return (value[0] + value[1]) + (value[2] + value[3]); }

/* The first place of the largest value; 0 where there is none above -infinity. */
static inline int64_t first_largest(const float *values, int64_t n)
{
    float best[8], value;
    int32_t at[8];
    int64_t i = 0, place = 0;
    for (int lane = 0; lane < 8; lane++) {
        best[lane] = -INFINITY;
        at[lane] = lane;
    }
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; lane++) {
            value = values[i + lane];
            at[lane] = value > best[lane] ? (int32_t)i + lane : at[lane];
            best[lane] = value > best[lane] ? value : best[lane];
        }
    for (; i < n; i++)
        if (values[i] > best[i % 8]) {
            at[i % 8] = (int32_t)i;
            best[i % 8] = values[i];
        }
    for (int lane = 1; lane < 8; lane++)
        if (best[lane] > best[place] || (best[lane] == best[place] && at[lane] < at[place]))
            place = lane;
    return best[place] > -INFINITY ? at[place] : 0;
}

#endif
