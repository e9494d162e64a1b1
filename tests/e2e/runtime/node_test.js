/** `node:test` in a browser, as far as the tests of `clients/js` use it: they run one after the other, when asked. */

const defined = [];

export const describe = (name, define) => define();

export const test = (name, run) => void defined.push({ name, run });

/** How many tests there are, and what failed: name and reason. */
export async function run() {
  const failures = [];
  for (const { name, run: each } of defined) {
    try {
      await each({ diagnostic() {} });
    } catch (error) {
      failures.push(`${name}: ${error}`);
    }
  }
  return { count: defined.length, failures };
}
