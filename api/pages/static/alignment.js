// Overlaying the registered picture on the verified one: the comparison's geometry as a CSS transform.

const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/**
 * The homography (9 numbers, row-major) from fractions of the verified picture to fractions of the registered one;
 * null if the comparison found none. It is the identity for equal bytes or pixels.
 */
export function homographyOf(match) {
  if (match.basis === "bytes" || match.basis === "pixels") return IDENTITY;
  return match.comparison?.transform?.homography ?? null;
}

/** The CSS `transform` that inverts `homography` for an element of `width` × `height` pixels (origin 0 0), or null. */
export function overlayTransform(homography, width, height) {
  const inverse = inverted(homography);
  if (!inverse || !width || !height) return null;
  const [a, b, c, d, e, f, g, k, l] = inverse;
  const columns = [
    [a, (d * height) / width, 0, g / width],
    [(b * width) / height, e, 0, k / height],
    [0, 0, 1, 0],
    [c * width, f * height, 0, l],
  ];
  return `matrix3d(${columns.flat().map((value) => value.toFixed(9)).join(", ")})`;
}

/** Where a homography takes the point (x, y), and its derivatives there, row by row; all in fractions. */
export function mapped([a, b, c, d, e, f, g, h, i], x, y) {
  const [u, v, w] = [a * x + b * y + c, d * x + e * y + f, g * x + h * y + i];
  const by = ([p, q], [r, s]) => (p * s - q * r) / (w * w);
  return { x: u / w, y: v / w, slopes: [by([a, u], [g, w]), by([b, u], [h, w]), by([d, v], [g, w]), by([e, v], [h, w])] };
}

function inverted([a, b, c, d, e, f, g, h, i]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!Number.isFinite(determinant) || Math.abs(determinant) < 1e-9) return null;
  const adjugate = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
  return adjugate.map((value) => value / determinant);
}
