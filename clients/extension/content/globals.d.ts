/** What `read.js` and `page.js` put beside a page, for the functions that `pictures.js` sends there. */
declare global {
  var readBounded: (answer: Response, maxBytes: number) => Promise<Blob | null>;
  var readPicture: (source: string, maxBytes: number, maxSeconds: number) => Promise<Blob | "unreachable" | "network" | "too-large">;
  var countermark: any;
  interface Uint8Array {
    toBase64(): string;
  }
  interface Uint8ArrayConstructor {
    fromBase64(text: string): Uint8Array<ArrayBuffer>;
  }
}
export {};
