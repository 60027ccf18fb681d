/* Least-squares fits of templates at given shifts; see gasnet3/solve/refine.py for the method. */
#include "loops.h"

typedef struct { int m, terms, joins, known, p, wide; } Shape;

/* Factor and solution of one fit; p = m + terms. */
typedef struct {
    double *scaled;   /* (p, p): Cholesky's factor in the upper triangle */
    double *inverse;  /* (p, p): of its transpose, in the lower triangle */
    double *scale, *solution, *seen; /* (p), (p), (p, joins): what components have of the steps */
} Solved;

/* Weights of four cubic B-splines at a fraction of a pixel, and their derivatives. */
static void weights(double u, double value[4], double slope[4])
{
    double v = 1.0 - u;
    value[0] = v * v * v / 6;
    value[1] = (3 * u * u * u - 6 * u * u + 4) / 6;
    value[2] = (3 * v * v * v - 6 * v * v + 4) / 6;
    value[3] = u * u * u / 6;
    slope[0] = -(v * v) / 2;
    slope[1] = (3 * u * u - 4 * u) / 2;
    slope[2] = (4 * v - 3 * v * v) / 2;
    slope[3] = u * u / 2;
}

/* Normal matrix of templates and polynomials without the steps, in the upper triangle of scaled;
 * right is the same of the flux. */
static void without_steps(
    const Shape *s, const double *normal, const double *among, Solved *out, double *right)
{
    int m = s->m, p = s->p, flux = s->known - 1;
    for (int i = 0; i < p; i++) {
        const double *of = i < m ? normal + i * s->wide : among + (i - m) * s->known;
        for (int l = 0; l < s->joins; l++)
            out->seen[i * s->joins + l] = of[s->terms + l];
        right[i] = of[flux];
        for (int j = i; j < p; j++)
            out->scaled[i * p + j] = j >= m ? of[j - m] : normal[j * s->wide + s->known + i];
    }
    for (int l = 0; l < s->joins; l++) {
        double step = among[(s->terms + l) * s->known + flux];
        for (int i = 0; i < p; i++) {
            double here = out->seen[i * s->joins + l];
            right[i] -= here * step;
            for (int j = i; j < p; j++)
                out->scaled[i * p + j] -= here * out->seen[j * s->joins + l];
        }
    }
}

/* Cholesky's factor in place, the inverse of its transpose, and the solution. */
static void factorise(const Shape *s, double ridge, const double *right, Solved *out)
{
    int p = s->p;
    double *a = out->scaled, *scale = out->scale, *inverse = out->inverse;
    for (int i = 0; i < p; i++)
        scale[i] = a[i * p + i] > 0 ? 1.0 / sqrt(a[i * p + i]) : 1.0;
    for (int i = 0; i < p; i++) {
        for (int j = i; j < p; j++)
            a[i * p + j] *= scale[i] * scale[j];
        a[i * p + i] += ridge;
    }
    for (int k = 0; k < p; k++) {
        double *row = a + k * p;
        /* A parameter without data of its own has the ridge left. */
        double root = sqrt(row[k] > ridge ? row[k] : ridge), over = 1.0 / root;
        for (int j = k + 1; j < p; j++)
            row[j] *= over;
        row[k] = root;
        for (int i = k + 1; i < p; i++) {
            double less = row[i], *next = a + i * p;
            for (int j = i; j < p; j++)
                next[j] -= less * row[j];
        }
    }
    memset(inverse, 0, p * p * sizeof *inverse);
    for (int k = 0; k < p; k++) {
        double *row = inverse + k * p, over = 1.0 / a[k * p + k];
        for (int j = 0; j < k; j++) {
            double less = a[j * p + k];
            for (int i = 0; i <= j; i++)
                row[i] -= less * inverse[j * p + i];
        }
        for (int i = 0; i < k; i++)
            row[i] *= over;
        row[k] = over;
    }
    memset(out->solution, 0, p * sizeof *out->solution);
    for (int k = 0; k < p; k++) {
        const double *row = inverse + k * p;
        double y = 0;
        for (int i = 0; i <= k; i++)
            y += row[i] * (scale[i] * right[i]);
        for (int i = 0; i <= k; i++)
            out->solution[i] += y * row[i];
    }
    for (int i = 0; i < p; i++)
        out->solution[i] *= scale[i];
}

/* Covariance of the templates' coefficients, (m, m). */
static void covariance(const Shape *s, const Solved *solved, double *out)
{
    int m = s->m, p = s->p;
    memset(out, 0, m * m * sizeof *out);
    for (int k = 0; k < p; k++) {
        const double *row = solved->inverse + k * p;
        int last = k < m ? k + 1 : m;
        for (int i = 0; i < last; i++)
            for (int j = 0; j <= i; j++)
                out[i * m + j] += row[i] * row[j];
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j <= i; j++)
            out[i * m + j] = out[j * m + i] = out[i * m + j] * solved->scale[i] * solved->scale[j];
}

/* What of a vector's square the components imitate, from its products with them. */
static double imitated(const Shape *s, const Solved *solved, const double *shared)
{
    double out = 0;
    for (int k = 0; k < s->p; k++) {
        double y = 0;
        for (int i = 0; i <= k; i++)
            y += solved->inverse[k * s->p + i] * (solved->scale[i] * shared[i]);
        out += y * y;
    }
    return out;
}

/* chi^2, Gauss-Newton's step and the curvature, from the products of the residual and the
 * derivative; see residual_single. Changes what it is given. */
static void position(const Shape *s, const Solved *solved, double *along, double *left, double *out)
{
    int m = s->m, last = m + s->known;
    double *derivative = along + m + s->terms, *residual = left + s->terms;
    double chi2 = left[s->known], both = along[last + 1], curvature = along[last];
    for (int l = 0; l < s->joins; l++) {
        chi2 -= residual[l] * residual[l];
        both -= residual[l] * derivative[l];
        curvature -= derivative[l] * derivative[l];
        for (int i = 0; i < s->p; i++)
            along[i] -= solved->seen[i * s->joins + l] * derivative[l];
    }
    curvature -= imitated(s, solved, along);
    out[0] = chi2;
    out[1] = curvature > 0 ? both / curvature : NAN;
    out[2] = curvature > 0 ? 1.0 / sqrt(curvature) : NAN;
}

#define PASTE(a, b) a##b
#define REAL float
#define VECTOR f8
#define LANES 8
#define PART 512
#define SQRT sqrtf
#define NAME(name) PASTE(name, _single)
#include "fit_loops.h"
#undef REAL
#undef VECTOR
#undef LANES
#undef PART
#undef SQRT
#undef NAME

#define REAL double
#define VECTOR v4
#define LANES 4
#define PART 256
#define SQRT sqrt
#define NAME(name) PASTE(name, _double)
#include "fit_loops.h"
