// @ts-check
/** For how long is waited for what others do: a page, or one in a sandbox, may never say anything. @module */

/**
 * What comes of something; `silent` where that takes longer.
 * @template T, S
 * @param {number} seconds
 * @param {Promise<T>} coming
 * @param {S} silent
 * @returns {Promise<T | S>}
 */
export async function within(seconds, coming, silent) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<S>} */
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, 1000 * seconds, silent);
  });
  return Promise.race([coming, late]).finally(() => clearTimeout(timer));
}
