/* What the pixels of spectra say of their models: gasnet3/anomaly/statistics.py has the questions. */
#include <float.h>

#include "loops.h"

/* Widest reach of a window, and what vectors may read beyond it. */
enum { MARGIN = 150, SLACK = 8, ROOM = 2 * MARGIN + 1 + SLACK, WIDTHS = 3, BROAD = 2, JOINS = 2 };

/* As gasnet3.kernels.pixels.Settings has them. */
typedef struct {
    double pixel_error, wide_error, model_error, clip, clipped, largest_pull, data_first, softening,
        most_of, negative_sigma;
    int64_t block, fewest, narrow[WIDTHS], wide[BROAD], step_reach, joins[JOINS][2], dead_width,
        dead_reach, negative_width, surroundings;
} Settings;

typedef struct { double value; int64_t place; double quoted; } Found;

enum { STEP, DEAD, COSMIC, NEGATIVE, SKY, LINE, BROADER, MISFIT, EVERYWHERE, FINDINGS };

/* A row and what is made of it. Running sums have the sum of the pixels before i at MARGIN + i. */
typedef struct {
    int64_t n;
    const float *flux, *ivar;
    const double *model, *total;
    const uint8_t *sky;
    double *difference, *weight, *level, *chi2;
    double *sum, *weights, *levels, *count, *pairs, *scatter, *light, *ivars;
    float *pull, *narrowest, *some, *other;
    uint8_t *good;
    float *contrast;
} Row;

/* The largest value and its place. */
static Found largest(const float *values, int64_t n)
{
    int64_t place = first_largest(values, n);
    return (Found){values[place], place, values[place]};
}

static double sum_of(const double *values, int64_t n)
{
    double lanes[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; lane++)
            lanes[lane] += values[i + lane];
    for (; i < n; i++)
        lanes[i % 8] += values[i];
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
           + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static double sum_of_floats(const float *values, int64_t n)
{
    double lanes[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; lane++)
            lanes[lane] += values[i + lane];
    for (; i < n; i++)
        lanes[i % 8] += values[i];
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
           + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static int64_t how_many(const uint8_t *yes, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += yes[i];
    return count;
}

/* Difference, its inverse variance, level and pulls; the noise is what ivar says, or more. */
static void weigh(Row *row, const Settings *set)
{
    const int64_t n = row->n;
    const float *restrict flux = row->flux, *restrict ivar = row->ivar;
    const double *restrict model = row->model, *restrict total = row->total;
    double *restrict difference = row->difference, *restrict weight = row->weight;
    double *restrict level = row->level, *restrict chi2 = row->chi2;
    uint8_t *restrict good = row->good;
    for (int64_t i = 0; i < n; i++) {
        double w = ivar[i];
        int known = (ivar[i] > 0) & (fabs(model[i]) <= DBL_MAX);
        double d = known ? flux[i] - model[i] : 0.0, t = known ? total[i] : 0.0;
        double error = set->pixel_error * t;
        good[i] = (uint8_t)known;
        difference[i] = d;
        level[i] = fabs(t);
        chi2[i] = d * d * w;
        weight[i] = known ? w / (1.0 + w * error * error) : 0.0;
    }
    double *restrict pulls = row->light; /* to be filled later */
    const double most = set->clip * set->clip;
    for (int64_t i = 0; i < n; i++) {
        double squared = difference[i] * difference[i] * weight[i];
        pulls[i] = squared < most ? squared : most;
    }
    for (int64_t at = 0; at < n; at += set->block) {
        int64_t pixels = n - at < set->block ? n - at : set->block;
        int64_t count = how_many(good + at, pixels);
        double scale = count > set->block / 4 ? sum_of(pulls + at, pixels) / (double)count : 1.0;
        if (scale > 1.0)
            for (int64_t i = at; i < at + pixels; i++)
                weight[i] /= scale;
    }
    for (int64_t i = 0; i < n; i++)
        row->pull[i] = (float)difference[i] * sqrtf((float)weight[i]);
}

/* Sums up to each pixel. */
static void run(Row *row, const Settings *set)
{
    const int64_t n = row->n;
    double *const all[8] = {row->sum, row->weights, row->levels, row->count,
                            row->pairs, row->scatter, row->light, row->ivars};
    float *restrict change = row->some, *restrict light = row->other;
    const float *flux = row->flux, *ivar = row->ivar, most = (float)set->clipped;
    for (int64_t i = 0; i + 1 < n; i++) {
        float step = flux[i + 1] - flux[i], squared = step * step * ivar[i + 1] / 2.0f;
        squared = squared < most ? squared : most;
        change[i] = row->good[i] & row->good[i + 1] ? squared : 0.0f;
    }
    for (int64_t i = 0; i < n; i++)
        light[i] = row->good[i] ? ivar[i] : 0.0f;
    double sum[8] = {0};
    for (int k = 0; k < 8; k++)
        for (int64_t i = 0; i <= MARGIN; i++)
            all[k][i] = 0.0;
    for (int64_t i = 0; i < n; i++) {
        int64_t to = MARGIN + 1 + i;
        int good = row->good[i], pair = i + 1 < n && good && row->good[i + 1];
        double w = light[i], seen = good ? flux[i] + (row->total[i] - row->model[i]) : 0.0;
        row->sum[to] = sum[0] += row->difference[i] * row->weight[i];
        row->weights[to] = sum[1] += row->weight[i];
        row->levels[to] = sum[2] += row->level[i];
        row->count[to] = sum[3] += good;
        row->pairs[to] = sum[4] += pair;
        row->scatter[to] = sum[5] += pair ? change[i] : 0.0;
        row->light[to] = sum[6] += seen * w;
        row->ivars[to] = sum[7] += w;
    }
    for (int k = 0; k < 8; k++)
        for (int64_t i = MARGIN + 1 + n; i < n + ROOM; i++)
            all[k][i] = sum[k];
}

/* Sums over width pixels about pixel i are high[i] - low[i] of these. */
#define HIGH(sums, width) ((sums) + MARGIN + (width) / 2 + 1)
#define LOW(sums, width) ((sums) + MARGIN - (width) / 2)

/* Mean difference over so many pixels in its error; 0 where fewer than half of them have data. */
static void significance(
    const Row *row, int64_t width, double wide_error, float *restrict out)
{
    const int64_t n = row->n;
    const double *s1 = HIGH(row->sum, width), *s0 = LOW(row->sum, width);
    const double *w1 = HIGH(row->weights, width), *w0 = LOW(row->weights, width);
    const double *n1 = HIGH(row->count, width), *n0 = LOW(row->count, width);
    const double *l1 = HIGH(row->levels, width), *l0 = LOW(row->levels, width);
    const float half = (float)width / 2.0f, error = (float)wide_error;
    if (wide_error > 0)
        for (int64_t i = 0; i < n; i++) {
            float sum = (float)(s1[i] - s0[i]), weight = (float)(w1[i] - w0[i]);
            float count = (float)(n1[i] - n0[i]), level = (float)(l1[i] - l0[i]);
            int enough = (count > half) & (weight > 0);
            level = error * level / (count > 1.0f ? count : 1.0f);
            weight = enough ? weight * (1.0f + weight * level * level) : 1.0f;
            out[i] = enough ? sum / sqrtf(weight) : 0.0f;
        }
    else
        for (int64_t i = 0; i < n; i++) {
            float sum = (float)(s1[i] - s0[i]), weight = (float)(w1[i] - w0[i]);
            float count = (float)(n1[i] - n0[i]);
            int enough = (count > half) & (weight > 0);
            weight = enough ? weight : 1.0f;
            out[i] = enough ? sum / sqrtf(weight) : 0.0f;
        }
}

/* Mean difference over width pixels less that of its surroundings, in its error. */
static void contrast(const Row *row, int64_t width, const Settings *set, float *restrict out)
{
    const int64_t n = row->n, around = set->surroundings;
    const double *s1 = HIGH(row->sum, width), *s0 = LOW(row->sum, width);
    const double *w1 = HIGH(row->weights, width), *w0 = LOW(row->weights, width);
    const double *n1 = HIGH(row->count, width), *n0 = LOW(row->count, width);
    const double *S1 = HIGH(row->sum, around), *S0 = LOW(row->sum, around);
    const double *W1 = HIGH(row->weights, around), *W0 = LOW(row->weights, around);
    const double *N1 = HIGH(row->count, around), *N0 = LOW(row->count, around);
    const double half = (double)width / 2.0, full = set->most_of * (double)around;
    for (int64_t i = 0; i < n; i++) {
        float sum = (float)(s1[i] - s0[i]), weight = (float)(w1[i] - w0[i]);
        float other = (float)(S1[i] - S0[i]), total = (float)(W1[i] - W0[i]);
        int enough = (n1[i] - n0[i] > half) & (weight > 0) & (N1[i] - N0[i] > full)
                     & (row->sky[i] == 0);
        float root = sqrtf(enough ? weight : 1.0f);
        out[i] = enough ? sum / root - other / (total > 0 ? total : 1.0f) * root : 0.0f;
    }
    float *restrict squared = row->some, *restrict seen = row->other;
    for (int64_t i = 0; i < n; i++) {
        float value = out[i] < -3.0f ? -3.0f : out[i] > 3.0f ? 3.0f : out[i];
        squared[i] = value * value;
        seen[i] = out[i] != 0.0f ? 1.0f : 0.0f;
    }
    double count = sum_of_floats(seen, n), scatter = sum_of_floats(squared, n);
    scatter /= count > 1 ? count : 1;
    float scale = sqrtf(scatter > 1.0 ? (float)scatter : 1.0f);
    for (int64_t i = 0; i < n; i++)
        out[i] /= scale;
}

/* Largest step of the level where arms of spectrographs meet. */
static Found step(const Row *row, const Settings *set)
{
    const int64_t reach = set->step_reach;
    const double *S = row->sum + MARGIN, *W = row->weights + MARGIN, *N = row->count + MARGIN,
                 *L = row->levels + MARGIN;
    Found best = {NAN, -1, NAN};
    for (int join = 0; join < JOINS; join++)
        for (int64_t i = set->joins[join][0]; i < set->joins[join][1]; i++) {
            double w0 = W[i] - W[i - reach], w1 = W[i + reach] - W[i];
            double n0 = N[i] - N[i - reach], n1 = N[i + reach] - N[i], change = 0.0;
            int full = fmin(n0, n1) > (double)reach / 2 && fmin(w0, w1) > 0;
            if (full)
                change = (S[i + reach] - S[i]) / w1 - (S[i] - S[i - reach]) / w0;
            else
                w0 = w1 = 1.0;
            double mean = (L[i + reach] - L[i - reach]) / fmax(n0 + n1, 1.0);
            double error = set->wide_error * mean;
            double found = fabs(change / sqrt(1.0 / w0 + 1.0 / w1 + error * error));
            if (best.place < 0 || found > best.value)
                best = (Found){found, i, change / fmax(mean, 1e-30)};
        }
    return best;
}

/* How much smaller the scatter of neighbouring pixels is somewhere than in the whole. */
static Found dead(const Row *row, const Settings *set)
{
    const int64_t n = row->n - 1, width = set->dead_width, reach = set->dead_reach;
    const double *p1 = HIGH(row->pairs, width), *p0 = LOW(row->pairs, width);
    const double *s1 = HIGH(row->scatter, width), *s0 = LOW(row->scatter, width);
    const double *n1 = HIGH(row->count, reach) + 1, *n0 = LOW(row->count, reach) + 1;
    const double inside = set->most_of * (double)reach;
    float *restrict local = row->some;
    for (int64_t i = 0; i < n; i++) {
        double count = p1[i] - p0[i];
        int enough = (n1[i] - n0[i] > inside) & (count > (double)(width / 2));
        local[i] = enough ? (float)-((s1[i] - s0[i]) / count) : -INFINITY;
    }
    Found least = largest(local, n);
    double pairs = row->pairs[MARGIN + n], whole = row->scatter[MARGIN + n] / fmax(pairs, 1.0);
    double low = -least.value, soft = set->softening;
    return (Found){isfinite(low) ? (whole + soft) / (low + soft) : NAN, least.place, low};
}

/* Largest spike of a single pixel: narrower than the spectrograph's resolution. */
static Found cosmic(const Row *row)
{
    const int64_t n = row->n;
    float *restrict pull = row->some, *restrict spike = row->other;
    for (int64_t i = 0; i < n; i++)
        pull[i] = row->sky[i] ? 0.0f : row->pull[i];
    for (int64_t i = 1; i + 1 < n; i++) {
        float left = pull[i - 1], right = pull[i + 1];
        spike[i] = pull[i] - (left > 0 ? left : 0.0f) - (right > 0 ? right : 0.0f);
    }
    spike[0] = pull[0] - (n > 1 && pull[1] > 0 ? pull[1] : 0.0f);
    if (n > 1)
        spike[n - 1] = pull[n - 1] - (pull[n - 2] > 0 ? pull[n - 2] : 0.0f);
    return largest(spike, n);
}

/* Most significant negative flux over a range. */
static Found negative(const Row *row, const Settings *set)
{
    const int64_t n = row->n, width = set->negative_width;
    const double *s1 = HIGH(row->light, width), *s0 = LOW(row->light, width);
    const double *w1 = HIGH(row->ivars, width), *w0 = LOW(row->ivars, width);
    float *restrict out = row->some;
    for (int64_t i = 0; i < n; i++) {
        float sum = (float)(s1[i] - s0[i]), weight = (float)(w1[i] - w0[i]);
        int known = weight > 0;
        out[i] = known ? -sum / sqrtf(known ? weight : 1.0f) : 0.0f;
    }
    Found worst = largest(out, n);
    worst.value /= set->negative_sigma;
    return worst;
}

/* Scatter on sky lines beside that elsewhere. */
static Found on_sky(const Row *row, const Settings *set)
{
    const int64_t n = row->n;
    const float most = (float)(set->largest_pull * set->largest_pull);
    float *restrict on = row->some, *restrict off = row->other;
    int64_t many = 0;
    for (int64_t i = 0; i < n; i++) {
        float squared = row->pull[i] * row->pull[i];
        squared = squared < most ? squared : most;
        on[i] = row->sky[i] ? squared : 0.0f;
        off[i] = row->sky[i] ? 0.0f : squared;
        many += row->good[i] & row->sky[i];
    }
    int64_t others = (int64_t)row->count[MARGIN + n] - many;
    double first = sum_of_floats(on, n) / (double)(many > 1 ? many : 1);
    double second = sum_of_floats(off, n) / (double)(others > 1 ? others : 1);
    for (int64_t i = 0; i < n; i++)
        on[i] = row->sky[i] ? fabsf(row->pull[i]) : 0.0f;
    Found out = largest(on, n);
    int known = many >= set->fewest && others >= set->fewest;
    out.value = known ? (first + 0.1) / (second + 0.1) : NAN;
    return out;
}

/* The more significant of a feature found before and the largest among these, off the sky. */
static Found feature(const Row *row, const float *shown, Found before)
{
    float *restrict size = row->other;
    for (int64_t i = 0; i < row->n; i++)
        size[i] = row->sky[i] ? 0.0f : fabsf(shown[i]);
    Found out = largest(size, row->n);
    out.quoted = shown[out.place];
    return out.value > before.value ? out : before;
}

/* chi^2 of the blocks of the spectrum: their mean, and their lower median. */
static void misfits(const Row *row, const Settings *set, double *blocks, Found *found)
{
    const int64_t n = row->n;
    double *restrict level = row->scatter; /* which has been used */
    for (int64_t i = 0; i < n; i++)
        level[i] = row->level[i] * sqrt((double)row->ivar[i]);
    double good = row->count[MARGIN + n], sn = sum_of(level, n) / (good > 1 ? good : 1);
    double limit = 1.0 + set->model_error * sn * set->model_error * sn, all = 0.0;
    int64_t known = 0;
    for (int64_t at = 0; at < n; at += set->block) {
        int64_t pixels = n - at < set->block ? n - at : set->block;
        int64_t count = how_many(row->good + at, pixels);
        double chi2 = sum_of(row->chi2 + at, pixels);
        all += chi2;
        if (count >= set->fewest) {
            int64_t to = known++;
            double reduced = chi2 / (double)count;
            for (; to > 0 && blocks[to - 1] > reduced; to--)
                blocks[to] = blocks[to - 1];
            blocks[to] = reduced;
        }
    }
    float *restrict shown = row->some;
    const float first = (float)-set->data_first;
    for (int64_t i = 0; i < n; i++) {
        float value = row->narrowest[i], turned = first * value;
        shown[i] = value > turned ? value : turned;
    }
    Found worst = largest(shown, n);
    double mean = all / (good > 1 ? good : 1) / limit;
    double median = known ? blocks[(known - 1) / 2] / limit : NAN;
    found[MISFIT] = (Found){mean, worst.place, fabsf(row->narrowest[worst.place])};
    found[EVERYWHERE] = (Found){median, -1, median};
}

static void all_of(Row *row, const Settings *set, double *blocks, Found *found)
{
    weigh(row, set);
    run(row, set);
    contrast(row, set->narrow[0], set, row->contrast);
    significance(row, set->narrow[0], 0.0, row->narrowest);
    found[STEP] = step(row, set);
    found[DEAD] = dead(row, set);
    found[COSMIC] = cosmic(row);
    found[NEGATIVE] = negative(row, set);
    found[SKY] = on_sky(row, set);
    found[LINE] = found[BROADER] = (Found){-1, 0, 0};
    found[LINE] = feature(row, row->narrowest, found[LINE]);
    for (int width = 1; width < WIDTHS; width++) {
        significance(row, set->narrow[width], 0.0, row->some);
        found[LINE] = feature(row, row->some, found[LINE]);
    }
    for (int width = 0; width < BROAD; width++) {
        significance(row, set->wide[width], set->wide_error, row->some);
        found[BROADER] = feature(row, row->some, found[BROADER]);
    }
    misfits(row, set, blocks, found);
}

/* value, place, quoted: of each row its FINDINGS. contrasts: of each pixel. work: 15 * (n + ROOM)
 * doubles. */
void pixels(
    const Settings *set, const float *flux, const float *ivar, const double *model,
    const double *total, const uint8_t *sky, int64_t rows, int64_t n, double *work, double *value,
    int64_t *place, double *quoted, float *contrasts)
{
    const int64_t length = n + ROOM;
    double *doubles[12];
    for (int k = 0; k < 12; k++)
        doubles[k] = work + k * length;
    float *floats = (float *)(work + 12 * length);
    for (int64_t r = 0; r < rows; r++) {
        Found found[FINDINGS];
        Row row = {
            n, flux + r * n, ivar + r * n, model + r * n, total + r * n, sky,
            doubles[0], doubles[1], doubles[2], doubles[3], doubles[4], doubles[5], doubles[6],
            doubles[7], doubles[8], doubles[9], doubles[10], doubles[11],
            floats, floats + length, floats + 2 * length, floats + 3 * length,
            (uint8_t *)(floats + 4 * length), contrasts + r * n,
        };
        all_of(&row, set, doubles[8], found);
        /* The middle of a window may lie where there are no data any more. */
        int64_t first = 0, last = n - 1;
        while (first < n && !row.good[first])
            first++;
        while (last >= 0 && !row.good[last])
            last--;
        for (int k = 0; k < FINDINGS; k++) {
            int64_t at = found[k].place;
            if (at >= 0 && last >= 0)
                at = at < first ? first : at > last ? last : at;
            value[r * FINDINGS + k] = found[k].value;
            place[r * FINDINGS + k] = at;
            quoted[r * FINDINGS + k] = found[k].quoted;
        }
    }
}
