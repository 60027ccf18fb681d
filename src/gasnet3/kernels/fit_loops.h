/* The sums of a fit in one precision: REAL, with LANES of them in a VECTOR, PART pixels at a time.
 *
 * Sums over a part are of REAL, their sum over the parts is of double. Vectors of the spectrum
 * (polynomials, steps of arms, flux) and templates are times the root of the inverse variance.
 */

typedef struct {
    int64_t n, m, terms, joins, parts; /* pixels, templates, polynomials, steps; of PART pixels */
    int64_t width, all; /* of a spline, and of a vector in the space for work */
    const REAL *spline, *basis;
    REAL *root, *known, *space; /* of a spectrum, (1, all) and (known, all); for work, (m, all) */
    double *among; /* products of the known vectors with each other, (known, known) */
} NAME(Spectrum);

static inline VECTOR NAME(load)(const REAL *from)
{
    VECTOR out;
    memcpy(&out, from, sizeof out);
    return out;
}

static inline void NAME(store)(REAL *to, VECTOR value) { memcpy(to, &value, sizeof value); }

static inline double NAME(sum)(VECTOR value)
{
    v4 out = {0};
    for (int lane = 0; lane < LANES; lane += 4)
        out += (v4){value[lane], value[lane + 1], value[lane + 2], value[lane + 3]};
    return sum4(out);
}

/* Products of some rows with three columns, over a part, added to out[row * stride + column]. */
static inline __attribute__((always_inline)) void NAME(block)(
    const int rows, const REAL *const *row, const REAL *const *column, int used, double *out,
    int64_t stride)
{
    VECTOR sum[4][3];
    for (int a = 0; a < rows; a++)
        for (int b = 0; b < 3; b++)
            sum[a][b] = (VECTOR){0};
    for (int i = 0; i < PART; i += LANES) {
        VECTOR first = NAME(load)(column[0] + i), second = NAME(load)(column[1] + i);
        VECTOR third = NAME(load)(column[2] + i);
#pragma GCC unroll 4
        for (int a = 0; a < rows; a++) {
            VECTOR one = NAME(load)(row[a] + i);
            sum[a][0] += one * first;
            sum[a][1] += one * second;
            sum[a][2] += one * third;
        }
    }
    for (int a = 0; a < rows; a++)
        for (int b = 0; b < used; b++)
            out[a * stride + b] += NAME(sum)(sum[a][b]);
}

/* Products of up to four rows with all columns, over a part. */
static void NAME(products)(
    int rows, const REAL *const *row, int columns, const REAL *const *column, double *out,
    int64_t stride)
{
    for (int b = 0; b < columns; b += 3) {
        int used = columns - b < 3 ? columns - b : 3;
        const REAL *three[3];
        for (int c = 0; c < 3; c++)
            three[c] = column[b + (c < used ? c : used - 1)];
        if (rows == 4)
            NAME(block)(4, row, three, used, out + b, stride);
        else if (rows == 3)
            NAME(block)(3, row, three, used, out + b, stride);
        else if (rows == 2)
            NAME(block)(2, row, three, used, out + b, stride);
        else
            NAME(block)(1, row, three, used, out + b, stride);
    }
}

/* Root of the inverse variance, and the vectors that all fits of a spectrum share. */
static void NAME(take)(NAME(Spectrum) *s, const float *flux, const float *ivar, const float *level)
{
    int64_t n = s->n, all = s->all;
    int known = (int)(s->terms + s->joins + 1);
    REAL *root = s->root;
    for (int64_t i = 0; i < n; i++)
        root[i] = SQRT((REAL)ivar[i]);
    for (int j = 0; j < s->terms; j++)
        for (int64_t i = 0; i < n; i++)
            s->known[j * all + i] = root[i] * s->basis[j * n + i];
    for (int j = 0; j < s->joins; j++)
        for (int64_t i = 0; i < n; i++)
            s->known[(s->terms + j) * all + i] = root[i] * (REAL)level[j * n + i];
    for (int64_t i = 0; i < n; i++)
        s->known[(known - 1) * all + i] = root[i] * (REAL)flux[i];
    memset(s->among, 0, known * known * sizeof *s->among);
    for (int64_t part = 0; part < s->parts; part++) {
        const REAL *vector[known];
        for (int j = 0; j < known; j++)
            vector[j] = s->known + j * all + part * PART;
        for (int j = 0; j < known; j += 4) {
            int rows = known - j < 4 ? known - j : 4;
            NAME(products)(rows, vector + j, j + rows, vector, s->among + j * known, known);
        }
    }
    for (int j = 0; j < known; j++)
        for (int k = 0; k < j; k++)
            s->among[k * known + j] = s->among[j * known + k];
}

/* What of the spline of a template lies before a part; copied to the edge if it ends before it. */
static inline const REAL *NAME(window)(const NAME(Spectrum) *s, int64_t from, int64_t part, REAL *edge)
{
    int64_t at = part * PART, count = s->n + 3 - at;
    if (count >= PART + 3 + LANES)
        return s->spline + from + at;
    memset(edge, 0, (PART + 3 + LANES) * sizeof *edge);
    memcpy(edge, s->spline + from + at, count * sizeof *edge);
    return edge;
}

/* Products of the templates with each other and with the known vectors, (m, m + known). */
static void NAME(normal)(const NAME(Spectrum) *s, int64_t start, const double *value, double *out)
{
    int64_t all = s->all;
    int m = (int)s->m, known = (int)(s->terms + s->joins + 1), wide = m + known;
    REAL edge[PART + 3 + LANES];
    const REAL w0 = (REAL)value[0], w1 = (REAL)value[1], w2 = (REAL)value[2], w3 = (REAL)value[3];
    memset(out, 0, m * wide * sizeof *out);
    for (int64_t part = 0; part < s->parts; part++) {
        const REAL *root = s->root + part * PART, *template[m], *column[wide];
        for (int j = 0; j < m; j++) {
            const REAL *c = NAME(window)(s, j * s->width + start, part, edge);
            REAL *to = s->space + j * all;
            for (int i = 0; i < PART; i += LANES)
                NAME(store)(to + i, NAME(load)(root + i)
                            * (w0 * NAME(load)(c + i) + w1 * NAME(load)(c + i + 1)
                               + w2 * NAME(load)(c + i + 2) + w3 * NAME(load)(c + i + 3)));
            template[j] = to;
        }
        for (int j = 0; j < m; j += 4) {
            int rows = m - j < 4 ? m - j : 4;
            /* What is known first: no template after these rows is wanted. */
            for (int k = 0; k < known; k++)
                column[k] = s->known + k * all + part * PART;
            for (int k = 0; k < j + rows; k++)
                column[known + k] = template[k];
            NAME(products)(rows, template + j, known + j + rows, column, out + j * wide, wide);
        }
    }
}

/* Products of the derivative of a model along the shift, and of the residual.
 *
 * along: of the derivative with templates and known vectors, itself and the residual,
 * (m + known + 2); left: of the residual with known vectors, and itself, (known + 1). */
static void NAME(residual)(
    const NAME(Spectrum) *s, int64_t start, const double *value, const double *slope,
    const double *solution, double *along, double *left)
{
    int64_t all = s->all;
    int m = (int)s->m, known = (int)(s->terms + s->joins + 1);
    /* The derivative times the root, and the spline's weights: its products are with the spline. */
    REAL curve[PART + 3 + LANES], residual[PART], derivative[PART], seen[PART + 3 + LANES];
    REAL spread[PART];
    memset(along, 0, (m + known + 2) * sizeof *along);
    memset(left, 0, (known + 1) * sizeof *left);
    const REAL v0 = (REAL)value[0], v1 = (REAL)value[1], v2 = (REAL)value[2], v3 = (REAL)value[3];
    const REAL d0 = (REAL)-slope[0], d1 = (REAL)-slope[1], d2 = (REAL)-slope[2];
    const REAL d3 = (REAL)-slope[3];
    memset(seen, 0, sizeof seen);
    for (int64_t part = 0; part < s->parts; part++) {
        const REAL *root = s->root + part * PART, *row[2] = {derivative, residual}, *column[m + known + 2];
        const REAL *flux = s->known + (known - 1) * all + part * PART;
        memset(curve, 0, sizeof curve);
        for (int j = 0; j < m; j++) {
            const REAL amplitude = (REAL)solution[j];
            column[j] = NAME(window)(s, j * s->width + start, part, s->space + j * all);
            for (int i = 0; i < PART + LANES; i += LANES)
                NAME(store)(curve + i, NAME(load)(curve + i) + amplitude * NAME(load)(column[j] + i));
        }
        for (int i = 0; i < PART; i += LANES) {
            VECTOR c0 = NAME(load)(curve + i), c1 = NAME(load)(curve + i + 1);
            VECTOR c2 = NAME(load)(curve + i + 2), c3 = NAME(load)(curve + i + 3);
            VECTOR weight = NAME(load)(root + i), slid = weight * (d0 * c0 + d1 * c1 + d2 * c2 + d3 * c3);
            VECTOR rest = NAME(load)(flux + i) - weight * (v0 * c0 + v1 * c1 + v2 * c2 + v3 * c3);
            for (int k = 0; k < s->terms; k++)
                rest -= (REAL)solution[m + k] * NAME(load)(s->known + k * all + part * PART + i);
            NAME(store)(residual + i, rest);
            NAME(store)(derivative + i, slid);
            NAME(store)(seen + 3 + i, weight * slid);
        }
        for (int i = 0; i < PART; i += LANES)
            NAME(store)(spread + i, v0 * NAME(load)(seen + 3 + i) + v1 * NAME(load)(seen + 2 + i)
                        + v2 * NAME(load)(seen + 1 + i) + v3 * NAME(load)(seen + i));
        memmove(seen, seen + PART, 3 * sizeof *seen);
        const REAL *one[1] = {spread};
        NAME(products)(1, one, m, column, along, 0);
        for (int k = 0; k < known; k++)
            column[k] = s->known + k * all + part * PART;
        column[known] = derivative;
        column[known + 1] = residual;
        double both[2 * (known + 2)];
        memset(both, 0, sizeof both);
        NAME(products)(2, row, known + 2, column, both, known + 2);
        for (int k = 0; k < known + 2; k++)
            along[m + k] += both[k];
        for (int k = 0; k < known; k++)
            left[k] += both[known + 2 + k];
        left[known] += both[2 * known + 3];
    }
}

/* Fits: where the observed window starts on the splines (place), of which spectrum (rows).
 *
 * bound: what binds the coefficients, (m, m), over the size of each spectrum. level: the steps of
 * each spectrum. space: 0, (2 + m + terms + joins, all), of which no vector is shorter than n + 3
 * and a part more. Of each fit, found: chi^2 with what binds, that alone, the step and its error;
 * coeff: of templates and polynomials; covariances: of the former. */
void NAME(fit)(
    const REAL *spline, int64_t m, int64_t width, const REAL *basis, int64_t terms,
    const float *flux, const float *ivar, int64_t n, const float *level, int64_t joins,
    const double *bound, const double *size, const int64_t *rows, const double *place,
    int64_t fits, double ridge, REAL *space, int64_t all, double *found, double *coeff,
    double *covariances)
{
    Shape shape = {(int)m, (int)terms, (int)joins, (int)(terms + joins + 1), (int)(m + terms), 0};
    shape.wide = shape.m + shape.known;
    int p = shape.p;
    double normal[m * shape.wide], among[shape.known * shape.known], right[p];
    double scaled[p * p], inverse[p * p], scale[p], solution[p], seen[p * joins + 1];
    double along[m + shape.known + 2], left[shape.known + 1], value[4], slope[4];
    Solved solved = {scaled, inverse, scale, solution, seen};
    NAME(Spectrum) s = {
        n, m, terms, joins, (n + 3 + PART - 1) / PART, width, all, spline, basis,
        space, space + all, space + (1 + shape.known) * all, among,
    };
    int64_t last = -1;
    for (int64_t fit = 0; fit < fits; fit++) {
        int64_t row = rows[fit], start = (int64_t)floor(place[fit]) - 1;
        double held = 0, *out = found + 4 * fit;
        if (row != last)
            NAME(take)(&s, flux + row * n, ivar + row * n, level + row * joins * n);
        last = row;
        weights(place[fit] - floor(place[fit]), value, slope);
        NAME(normal)(&s, start, value, normal);
        without_steps(&shape, normal, among, &solved, right);
        for (int i = 0; i < m; i++)
            for (int j = i; j < m; j++)
                scaled[i * p + j] += bound[i * m + j] / size[row];
        factorise(&shape, ridge, right, &solved);
        covariance(&shape, &solved, covariances + fit * m * m);
        NAME(residual)(&s, start, value, slope, solution, along, left);
        position(&shape, &solved, along, left, out + 1);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < m; j++)
                held += bound[i * m + j] / size[row] * solution[i] * solution[j];
        out[0] = out[1] + held;
        out[1] = held;
        memcpy(coeff + fit * p, solution, p * sizeof *solution);
    }
}
