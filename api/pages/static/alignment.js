// Laying the registered picture over the one given: the comparison's geometry as a CSS transform.

const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/**
 * The homography (9 numbers, row by row) from fractions of the given picture to fractions of the registered one;
 * null where the comparison found none. Files that are the same lie on each other as they are.
 */
export function homographyOf(match) {
  if (match.basis === "bytes" || match.basis === "pixels") return IDENTITY;
  return match.comparison?.transform?.homography ?? null;
}

/** `transform` of an element of `width` × `height` CSS pixels (origin 0 0) that undoes `homography`; null if it cannot. */
export function laidOver(homography, width, height) {
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

function inverted([a, b, c, d, e, f, g, h, i]) {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!Number.isFinite(determinant) || Math.abs(determinant) < 1e-9) return null;
  const adjugate = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d];
  return adjugate.map((value) => value / determinant);
}
