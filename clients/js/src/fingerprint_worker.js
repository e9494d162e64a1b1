import { UnreadablePicture, computeFingerprints } from "./fingerprint.js";

self.onmessage = async ({ data: { file, size } }) => {
  try {
    self.postMessage(await computeFingerprints(file, size));
  } catch (error) {
    if (!(error instanceof UnreadablePicture)) throw error;
    self.postMessage({ refusal: error.message });
  }
};
