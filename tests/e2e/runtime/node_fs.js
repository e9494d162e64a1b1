/** `node:fs` in a browser: files are what the page's own server has. They are read in turn, as those of Node.js are. */

function ask(url) {
  const request = new XMLHttpRequest();
  request.open("GET", url, false);
  request.overrideMimeType("text/plain; charset=x-user-defined"); // each byte is one character
  request.send();
  return request;
}

export const existsSync = (url) => ask(url).status === 200;

export function readFileSync(url, encoding) {
  const request = ask(url);
  if (request.status !== 200) throw new Error(`${url}: status ${request.status}`);
  const bytes = Uint8Array.from(request.responseText, (character) => character.charCodeAt(0) & 0xff);
  return encoding ? new TextDecoder(encoding).decode(bytes) : bytes;
}
