/** `node:assert/strict` in a browser, as far as the tests of `clients/js` use it. */

function ok(value, message = "it does not hold") {
  if (!value) throw new Error(message);
}

const shown = (value) => JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}n` : each));

function same(one, other) {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return Object.is(one, other);
  const names = Object.keys(one);
  return (
    Object.getPrototypeOf(one) === Object.getPrototypeOf(other) &&
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && same(one[name], other[name]))
  );
}

/** @param expected a class, or a function that says whether the error is the one */
function checkError(error, expected) {
  if (expected === undefined || (expected.prototype !== undefined && error instanceof expected)) return;
  ok(expected.prototype === undefined && expected(error) === true, `another error: ${error}`);
}

function throws(run, expected) {
  let error;
  try {
    run();
  } catch (thrown) {
    return checkError(thrown, expected);
  }
  throw new Error("nothing was thrown");
}

async function rejects(promised, expected) {
  const promise = typeof promised === "function" ? promised() : promised;
  const refused = await promise.then(
    () => false,
    (error) => (checkError(error, expected), true),
  );
  ok(refused, "it was not rejected");
}

export default {
  ok,
  throws,
  rejects,
  equal: (one, other) => ok(Object.is(one, other), `${shown(one)} is not ${shown(other)}`),
  notEqual: (one, other) => ok(!Object.is(one, other), `both are ${shown(one)}`),
  deepEqual: (one, other) => ok(same(one, other), `${shown(one)} is not ${shown(other)}`),
  match: (text, pattern) => ok(pattern.test(text), `${shown(text)} does not match ${pattern}`),
};
