/* Lines of a list looked for together at every shift: gasnet3/anomaly/second.py has the question. */
#include "loops.h"

/* As gasnet3.kernels.comb.Comb has them. */
typedef struct {
    double least, most, nearly, apart;
    int64_t shifts, groups, lines;
    const int64_t *places, *ends;
    const uint8_t *strong;
} Comb;

/* Squared significance of what may be lines, at most one pixel off. */
static void strengths(
    const Comb *comb, const float *shown, float sign, const uint8_t *blank, int64_t n,
    float *restrict seen, float *restrict out)
{
    const float least = (float)comb->least, most = (float)comb->most;
    for (int64_t i = 0; i < n; i++)
        seen[i] = blank[i] ? 0.0f : sign * shown[i];
    seen[-1] = seen[n] = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        float left = seen[i - 1], right = seen[i + 1], peak = seen[i];
        peak = left > peak ? left : peak;
        peak = right > peak ? right : peak;
        float high = peak < most ? peak : most;
        out[i] = peak >= least ? high * high : 0.0f;
    }
}

/* Of each row the evidence of the best shift, and the shift; 0 where there is none. before, after:
 * how far lines reach beyond the pixels, where there is nothing. */
void comb(
    const Comb *comb, const float *significance, double sign, const uint8_t *blank, int64_t rows,
    int64_t n, const double *own, const double *limit, int64_t before, int64_t after, float *work,
    double *evidence, double *shift)
{
    const int64_t shifts = comb->shifts;
    float *restrict total = work, *restrict strongest = total + shifts;
    float *restrict strong = strongest + shifts, *restrict line = strong + shifts;
    float *seen = line + shifts + 1, *padded = seen + n + 1;
    memset(padded, 0, (size_t)(before + n + after) * sizeof *padded);
    for (int64_t row = 0; row < rows; row++) {
        strengths(comb, significance + row * n, (float)sign, blank + row * n, n, seen,
                  padded + before);
        memset(total, 0, (size_t)(3 * shifts) * sizeof *total);
        for (int64_t group = 0; group < comb->groups; group++) {
            int64_t first = group ? comb->ends[group - 1] : 0;
            const float *at = padded + before + comb->places[first];
            memcpy(line, at, (size_t)shifts * sizeof *line);
            for (int64_t other = first + 1; other < comb->ends[group]; other++) {
                at = padded + before + comb->places[other];
                for (int64_t s = 0; s < shifts; s++)
                    line[s] = at[s] > line[s] ? at[s] : line[s];
            }
            for (int64_t s = 0; s < shifts; s++) {
                total[s] += line[s];
                strongest[s] = line[s] > strongest[s] ? line[s] : strongest[s];
            }
            if (comb->strong[group])
                for (int64_t s = 0; s < shifts; s++)
                    strong[s] = line[s] > strong[s] ? line[s] : strong[s];
        }
        const float nearly = (float)comb->nearly;
        for (int32_t s = 0; s < (int32_t)shifts; s++) {
            int counts = (strong[s] >= nearly * strongest[s])
                         & (fabs((double)s - own[row]) > comb->apart)
                         & ((double)s <= limit[row]);
            line[s] = counts ? total[s] - strongest[s] : 0.0f;
        }
        int64_t place = first_largest(line, shifts);
        evidence[row] = sqrt((double)line[place]);
        shift[row] = (double)place;
    }
}
