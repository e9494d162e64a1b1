import { UnreadablePicture, computeFingerprints } from "./fingerprint.js";

self.onmessage = async ({ data: file }) => {
  try {
    self.postMessage(await computeFingerprints(file));
  } catch (error) {
    if (!(error instanceof UnreadablePicture)) throw error;
    self.postMessage({ refusal: error.message });
  }
};
