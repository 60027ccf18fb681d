/* Lowest distinct minima of curves: gasnet3/solve/minima.py says which they are. */
#include <float.h>

#include "loops.h"

/* Vertex of the parabola through a point and its neighbours, in points from it; 0 at the ends. */
static double vertex(const float *curve, int64_t points, int64_t at)
{
    if (at <= 0 || at >= points - 1)
        return 0.0;
    double low = curve[at - 1], middle = curve[at], high = curve[at + 1];
    double curvature = low - 2 * middle + high, offset = 0.5 * (low - high) / curvature;
    if (!(curvature > 0) || !isfinite(offset))
        return 0.0;
    return offset < -0.5 ? -0.5 : offset > 0.5 ? 0.5 : offset;
}

/* index, offset, chi2: the k lowest of each row; nearer to a lower one than reach is none.
 * work: 2 * points + 2 floats. */
void minima(
    const float *curves, int64_t rows, int64_t points, int64_t reach, int64_t k, float *work,
    int64_t *index, double *offset, float *chi2)
{
    float *restrict curve = work + 1, *restrict height = work + points + 2;
    for (int64_t row = 0; row < rows; row++) {
        const float *restrict from = curves + row * points;
        for (int64_t i = 0; i < points; i++)
            curve[i] = fabsf(from[i]) <= FLT_MAX ? from[i] : INFINITY;
        /* Ends count when the curve rises from them. */
        curve[-1] = INFINITY;
        float before = curve[points - 1];
        for (int64_t i = 0; i < points - 1; i++)
            height[i] = (curve[i] < curve[i - 1]) & (curve[i + 1] >= curve[i]) ? -curve[i]
                                                                               : -INFINITY;
        height[points - 1] = points == 1 || before < curve[points - 2] ? -before : -INFINITY;
        /* Of a flat curve the first point is left, and a minimum it is not. */
        if (points > 1 && height[0] > -INFINITY) {
            int64_t other = 1;
            while (other < points && curve[other] == curve[0])
                other++;
            if (other == points)
                height[0] = -INFINITY;
        }
        for (int64_t nth = 0; nth < k; nth++) {
            int64_t at = first_largest(height, points), to = row * k + nth;
            int found = height[at] > -INFINITY;
            index[to] = found ? at : -1;
            offset[to] = found ? vertex(curve, points, at) : 0.0;
            chi2[to] = found ? -height[at] : INFINITY;
            int64_t first = at - reach < 0 ? 0 : at - reach;
            for (int64_t i = first; i < points && i <= at + reach; i++)
                height[i] = -INFINITY;
        }
    }
}
