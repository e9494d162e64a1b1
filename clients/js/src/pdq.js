/**
 * PDQ: a 256-bit perceptual hash with a quality ("The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
 * Algorithm", Facebook, 2019), of the canonical picture.
 *
 * The reference implementation computes in 32-bit floats, one after the other; so does this one, in the same order: a
 * result that is stored in a Float32Array is rounded as there.
 */

import { CANONICAL_SIDE } from "./limits.js";

const MIN_SIDE = 5;
const SAMPLES = 64;
const FREQUENCIES = 16;
const QUALITY_DIVISOR = 90;

const SCALE = Math.fround(Math.sqrt(2 / SAMPLES));
const DCT = Float32Array.from({ length: FREQUENCIES * SAMPLES }, (_, at) => {
  const [row, column] = [Math.floor(at / SAMPLES), at % SAMPLES];
  return SCALE * Math.cos((Math.PI / 2 / SAMPLES) * (row + 1) * (2 * column + 1));
});

/** A picture: r, g, b and alpha of each pixel, row by row. @typedef {{ width: number, height: number, data: Uint8ClampedArray }} Picture */

/** The picture with its longest side at most 512, each pixel the mean of what it covers. @param {Picture} picture @returns {Picture} */
export function canonical({ width, height, data }) {
  const longest = Math.max(width, height);
  if (longest <= CANONICAL_SIDE) return { width, height, data };
  const scaled = (/** @type {number} */ length) =>
    Math.max(1, Math.floor((2 * length * CANONICAL_SIDE + longest) / (2 * longest)));
  const [toWidth, toHeight] = [scaled(width), scaled(height)];
  const [columns, rows] = [shares(width, toWidth), shares(height, toHeight)];
  const sums = new Float64Array(toWidth * 3);
  const shrunk = new Uint8ClampedArray(toWidth * toHeight * 4).fill(255);
  const value = (/** @type {ArrayLike<number>} */ values, /** @type {number} */ at) => /** @type {number} */ (values[at]);
  for (let row = 0; row < toHeight; row += 1) {
    sums.fill(0);
    for (let each = 0; each < value(rows.counts, row); each += 1) {
      const weight = value(rows.parts, row * rows.most + each);
      const line = (value(rows.firsts, row) + each) * width;
      for (let column = 0; column < toWidth; column += 1) {
        let [r, g, b] = [0, 0, 0];
        let at = (line + value(columns.firsts, column)) * 4;
        let share = column * columns.most;
        for (const end = share + value(columns.counts, column); share < end; share += 1, at += 4) {
          const part = value(columns.parts, share);
          r += part * value(data, at);
          g += part * value(data, at + 1);
          b += part * value(data, at + 2);
        }
        sums[3 * column] = value(sums, 3 * column) + weight * r;
        sums[3 * column + 1] = value(sums, 3 * column + 1) + weight * g;
        sums[3 * column + 2] = value(sums, 3 * column + 2) + weight * b;
      }
    }
    for (let column = 0; column < toWidth; column += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        shrunk[(row * toWidth + column) * 4 + channel] = value(sums, 3 * column + channel);
      }
    }
  }
  return { width: toWidth, height: toHeight, data: shrunk };
}

/**
 * Which sources each target covers, `most` at most: the first, how many, and by what parts of the target.
 * @param {number} length
 * @param {number} to
 */
function shares(length, to) {
  const step = length / to;
  const most = Math.ceil(step) + 1;
  const [firsts, counts, parts] = [new Int32Array(to), new Int32Array(to), new Float64Array(to * most)];
  for (let target = 0; target < to; target += 1) {
    const [start, end] = [target * step, (target + 1) * step];
    const first = Math.floor(start);
    firsts[target] = first;
    counts[target] = Math.min(Math.ceil(end - 1e-9), length) - first;
    for (let source = first; source < first + /** @type {number} */ (counts[target]); source += 1) {
      parts[target * most + source - first] = (Math.min(end, source + 1) - Math.max(start, source)) / step;
    }
  }
  return { firsts, counts, parts, most };
}

/**
 * The hash (32 bytes) and its quality (0 to 100); below 50 the picture is too plain to search by.
 * @param {Picture} picture the canonical one, transparency over white
 */
export function pdq({ width, height, data }) {
  if (Math.min(width, height) < MIN_SIDE) return { hash: new Uint8Array(32), quality: 0 };
  let luma = new Float32Array(width * height);
  for (let at = 0; at < luma.length; at += 1) {
    const thousandths =
      299 * /** @type {number} */ (data[4 * at]) +
      587 * /** @type {number} */ (data[4 * at + 1]) +
      114 * /** @type {number} */ (data[4 * at + 2]);
    luma[at] = thousandths / 1000;
  }
  if (width !== SAMPLES || height !== SAMPLES) {
    for (let pass = 0; pass < 2; pass += 1) {
      luma = box(luma, width, height, 1, width, window(width));
      luma = box(luma, height, width, width, 1, window(height));
    }
  }
  const centre = (/** @type {number} */ at, /** @type {number} */ length) => Math.trunc(((at + 0.5) * length) / SAMPLES);
  const samples = Float32Array.from({ length: SAMPLES * SAMPLES }, (_, at) => {
    const [row, column] = [centre(Math.floor(at / SAMPLES), height), centre(at % SAMPLES, width)];
    return /** @type {number} */ (luma[row * width + column]);
  });
  return { hash: bits(frequencies(samples)), quality: quality(samples) };
}

/** @param {number} length */
const window = (length) => Math.floor((length + 2 * SAMPLES - 1) / (2 * SAMPLES));

/**
 * Running means along lines of `length` values, with shorter windows at both ends.
 * @param {Float32Array} values
 * @param {number} length of a line
 * @param {number} lines
 * @param {number} step between the values of a line
 * @param {number} stride between lines
 * @param {number} size of the window
 */
function box(values, length, lines, step, stride, size) {
  const means = new Float32Array(values.length);
  const ahead = Math.floor((size + 2) / 2) - 1;
  for (let line = 0; line < lines; line += 1) {
    const start = line * stride;
    let total = 0;
    for (let at = 0; at < ahead; at += 1) total = Math.fround(total + /** @type {number} */ (values[start + at * step]));
    for (let at = 0; at < length; at += 1) {
      const [entering, leaving] = [at + ahead, at + ahead - size];
      if (entering < length) total = Math.fround(total + /** @type {number} */ (values[start + entering * step]));
      if (leaving >= 0) total = Math.fround(total - /** @type {number} */ (values[start + leaving * step]));
      const count = Math.min(at + ahead, length - 1) - Math.max(at + ahead - size + 1, 0) + 1;
      means[start + at * step] = total / count;
    }
  }
  return means;
}

/** The 16 × 16 DCT coefficients of the samples. @param {Float32Array} samples */
function frequencies(samples) {
  const columns = new Float32Array(FREQUENCIES * SAMPLES);
  for (let index = 0; index < SAMPLES; index += 1) {
    for (let row = 0; row < FREQUENCIES; row += 1) {
      const factor = /** @type {number} */ (DCT[row * SAMPLES + index]);
      for (let column = 0; column < SAMPLES; column += 1) {
        const at = row * SAMPLES + column;
        const product = Math.fround(factor * /** @type {number} */ (samples[index * SAMPLES + column]));
        columns[at] = /** @type {number} */ (columns[at]) + product;
      }
    }
  }
  const both = new Float32Array(FREQUENCIES * FREQUENCIES);
  for (let index = 0; index < SAMPLES; index += 1) {
    for (let row = 0; row < FREQUENCIES; row += 1) {
      const factor = /** @type {number} */ (columns[row * SAMPLES + index]);
      for (let column = 0; column < FREQUENCIES; column += 1) {
        const at = row * FREQUENCIES + column;
        const product = Math.fround(factor * /** @type {number} */ (DCT[column * SAMPLES + index]));
        both[at] = /** @type {number} */ (both[at]) + product;
      }
    }
  }
  return both;
}

/** One bit for each coefficient above the median, the last coefficient first. @param {Float32Array} waves */
function bits(waves) {
  const median = /** @type {number} */ (Float32Array.from(waves).sort()[waves.length / 2 - 1]);
  const hash = new Uint8Array(waves.length / 8);
  waves.forEach((wave, at) => {
    const place = waves.length - 1 - at;
    if (wave > median) hash[place >> 3] = /** @type {number} */ (hash[place >> 3]) | (0x80 >> (place & 7));
  });
  return hash;
}

/** @param {Float32Array} samples */
function quality(samples) {
  let gradient = 0;
  const step = (/** @type {number} */ one, /** @type {number} */ other) => {
    const difference = Math.fround(/** @type {number} */ (samples[one]) - /** @type {number} */ (samples[other]));
    gradient += Math.abs(Math.trunc(Math.fround(Math.fround(difference * 100) / 255)));
  };
  for (let row = 0; row < SAMPLES; row += 1) {
    for (let column = 0; column < SAMPLES; column += 1) {
      const at = row * SAMPLES + column;
      if (row + 1 < SAMPLES) step(at, at + SAMPLES);
      if (column + 1 < SAMPLES) step(at, at + 1);
    }
  }
  return Math.min(Math.floor(gradient / QUALITY_DIVISOR), 100);
}
