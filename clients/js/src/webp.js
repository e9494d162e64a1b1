/**
 * How a WebP is turned for display: by the orientation in its EXIF, which browsers apply to the other formats alone.
 */

const ORIENTATION = 0x0112; // EXIF 2.32
const SHORT = 3; // the type of its value: two bytes

/** EXIF's orientation, 1 to 8; 1 where there is none, or the file is no WebP. @param {Uint8Array<ArrayBuffer>} file */
export function orientationOfWebp(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const name = (/** @type {number} */ at) => String.fromCharCode(...file.subarray(at, at + 4));
  if (name(0) !== "RIFF" || name(8) !== "WEBP") return 1;
  for (let at = 12; at + 8 <= file.length; ) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === "EXIF") return orientationIn(file.subarray(at + 8, at + 8 + size));
    at += 8 + size + (size & 1);
  }
  return 1;
}

/** @param {Uint8Array<ArrayBuffer>} exif a TIFF header and its first directory, as some write it after "Exif\0\0" */
function orientationIn(exif) {
  const start = exif[0] === 0x45 ? 6 : 0;
  const view = new DataView(exif.buffer, exif.byteOffset + start, Math.max(exif.byteLength - start, 0));
  try {
    const little = view.getUint16(0) === 0x4949;
    const directory = view.getUint32(4, little);
    for (let entry = 0; entry < view.getUint16(directory, little); entry += 1) {
      const at = directory + 2 + 12 * entry;
      if (view.getUint16(at, little) !== ORIENTATION || view.getUint16(at + 2, little) !== SHORT) continue;
      const stated = view.getUint16(at + 8, little);
      return stated >= 1 && stated <= 8 ? stated : 1;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends before what it names
  }
  return 1;
}

/**
 * What draws a stored picture upright, for `setTransform` of a canvas.
 * @param {number} orientation
 * @param {number} width as stored
 * @param {number} height
 * @returns {[number, number, number, number, number, number]}
 */
export function upright(orientation, width, height) {
  switch (orientation) {
    case 2:
      return [-1, 0, 0, 1, width, 0];
    case 3:
      return [-1, 0, 0, -1, width, height];
    case 4:
      return [1, 0, 0, -1, 0, height];
    case 5:
      return [0, 1, 1, 0, 0, 0];
    case 6:
      return [0, 1, -1, 0, height, 0];
    case 7:
      return [0, -1, -1, 0, height, width];
    case 8:
      return [0, -1, 1, 0, 0, width];
    default:
      return [1, 0, 0, 1, 0, 0];
  }
}
