/* Fixed models slid to the least chi^2 between bounds; see gasnet3/solve/slide.py for the method. */
#include "loops.h"

enum { TAPS = 7, VECTORS = TAPS + 1, BLOCK = 512, PASSES = 5, WIDEST = 8 };

/* B-splines whose products with all later ones are summed in one pass, so that the sums of a pass
 * fill the registers. The spectrum is the last of the vectors, with itself in the second pass. */
static const int TOGETHER[PASSES][2] = {{0, -1}, {1, 7}, {2, 6}, {3, 5}, {4, -1}};

static inline __attribute__((always_inline)) void one_pass(
    const int pass, const double *c, const double *f, const double *w, v4 sums[VECTORS][VECTORS])
{
    const int first = TOGETHER[pass][0], second = TOGETHER[pass][1];
    const int many = VECTORS - first, more = second < 0 ? 0 : VECTORS - second;
    v4 sum[WIDEST];
#pragma GCC unroll 8
    for (int k = 0; k < WIDEST; k++)
        sum[k] = k < many ? sums[first][first + k]
                          : k < many + more ? sums[second][second + k - many] : (v4){0};
    for (int i = 0; i < BLOCK; i += 4) {
        v4 weight = load4(w + i), one = weight * load4(c + i + first);
        v4 two = second < 0 ? one : weight * load4(second < TAPS ? c + i + second : f + i);
#pragma GCC unroll 8
        for (int k = 0; k < WIDEST; k++) {
            if (k < many)
                sum[k] += one * load4(first + k < TAPS ? c + i + first + k : f + i);
            else if (k < many + more)
                sum[k] += two * load4(second + k - many < TAPS ? c + i + second + k - many : f + i);
        }
    }
#pragma GCC unroll 8
    for (int k = 0; k < WIDEST; k++) {
        if (k < many)
            sums[first][first + k] = sum[k];
        else if (k < many + more)
            sums[second][second + k - many] = sum[k];
    }
}

/* Weighted products of the B-splines within reach, and of the spectrum as the last of them. */
static void products(
    const double *window, const float *flux, const float *ivar, int64_t n,
    double out[VECTORS][VECTORS])
{
    double c[BLOCK + TAPS + 1], f[BLOCK], w[BLOCK];
    v4 sums[VECTORS][VECTORS];
    memset(sums, 0, sizeof sums);
    for (int64_t at = 0; at < n; at += BLOCK) {
        int count = n - at < BLOCK ? (int)(n - at) : BLOCK;
        memcpy(c, window + at, (count + TAPS - 1) * sizeof *c);
        for (int i = 0; i < count; i++) {
            f[i] = flux[at + i];
            w[i] = ivar[at + i];
        }
        for (int i = count; i < BLOCK; i++)
            f[i] = w[i] = c[i + TAPS - 1] = 0.0;
        one_pass(0, c, f, w, sums);
        one_pass(1, c, f, w, sums);
        one_pass(2, c, f, w, sums);
        one_pass(3, c, f, w, sums);
        one_pass(4, c, f, w, sums);
    }
    for (int j = 0; j < VECTORS; j++)
        for (int k = j; k < VECTORS; k++)
            out[j][k] = out[k][j] = sum4(sums[j][k]);
}

typedef struct { double chi2, gradient, bent, curvature; } Place;

/* chi^2 at a place, half its first two derivatives, and half Gauss-Newton's second one. */
static Place chi2_at(const double product[VECTORS][VECTORS], double first, double place)
{
    double start = floor(place), u = place - start, v = 1.0 - u;
    double value[4] = {v * v * v / 6, (3 * u * u * u - 6 * u * u + 4) / 6,
                       (3 * v * v * v - 6 * v * v + 4) / 6, u * u * u / 6};
    double slope[4] = {-(v * v) / 2, (3 * u * u - 4 * u) / 2, (4 * v - 3 * v * v) / 2, u * u / 2};
    double bend[4] = {v, 3 * u - 2, 3 * v - 2, u};
    double offset = start - 1 - first;
    int at = offset > 0 ? (offset < TAPS - 4 ? (int)offset : TAPS - 4) : 0;
    Place out = {product[TAPS][TAPS], 0, 0, 0};
    for (int j = 0; j < 4; j++) {
        double against = -product[at + j][TAPS], tangent = 0;
        for (int k = 0; k < 4; k++) {
            against += product[at + j][at + k] * value[k];
            tangent += product[at + j][at + k] * slope[k];
        }
        out.chi2 += value[j] * (against - product[at + j][TAPS]);
        out.gradient += slope[j] * against;
        out.bent += bend[j] * against;
        out.curvature += slope[j] * tangent;
    }
    out.bent += out.curvature;
    return out;
}

/* Place of the least chi^2 between two bounds: the best of several, and Newton's steps from it. */
static double least(
    const double product[VECTORS][VECTORS], double first, double low, double high, int64_t trials,
    int64_t steps)
{
    double spacing = (high - low) / (double)(trials - 1), best = INFINITY, place = low;
    for (int64_t trial = 0; trial < trials; trial++) {
        double tried = low + (double)trial * spacing;
        double chi2 = chi2_at(product, first, tried).chi2;
        if (chi2 < best) {
            best = chi2;
            place = tried;
        }
    }
    double left = fmax(place - spacing, low), right = fmin(place + spacing, high);
    for (int64_t step = 0; step < steps; step++) {
        Place here = chi2_at(product, first, place);
        double move = here.bent > 0 ? -here.gradient / here.bent : 0.0;
        place = fmin(fmax(place + (isnan(move) ? 0.0 : move), left), right);
    }
    return place;
}

/* found: of each fit the place, chi^2 and half Gauss-Newton's second derivative of it. */
void slide(
    const double *spline, int64_t width, const float *flux, const float *ivar, int64_t n,
    const int64_t *rows, const double *low, const double *high, int64_t fits, int64_t trials,
    int64_t steps, double *found)
{
    int64_t most = width - n - TAPS + 1;
    for (int64_t fit = 0; fit < fits; fit++) {
        int64_t row = rows[fit];
        double from = floor(low[fit]) - 1;
        int64_t first = from > 0 ? (from < most ? (int64_t)from : most) : 0;
        double product[VECTORS][VECTORS];
        products(spline + row * width + first, flux + row * n, ivar + row * n, n, product);
        double place = least(product, (double)first, low[fit], high[fit], trials, steps);
        Place end = chi2_at(product, (double)first, place);
        found[3 * fit] = place;
        found[3 * fit + 1] = end.chi2;
        found[3 * fit + 2] = end.curvature;
    }
}
