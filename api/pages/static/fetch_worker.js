// Fetches a picture from its address. A worker runs under the policy of its own response, which lets this one alone
// connect to other hosts, over https, and to nothing else; the page itself connects to the service only.

"use strict";

addEventListener("message", async ({ data: { address, most } }) => {
  try {
    postMessage(await load(address, most));
  } catch {
    postMessage({ failed: "refused" }); // CORS, policy and network all look the same to a script
  }
});

/** The bytes at an address, or why there are none: "status", "too-large". */
async function load(address, most) {
  const response = await fetch(address, { credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) return { failed: "status", status: response.status };
  const parts = [];
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      reader.cancel();
      return { failed: "too-large" };
    }
    parts.push(value);
  }
  return { picture: new Blob(parts) };
}
