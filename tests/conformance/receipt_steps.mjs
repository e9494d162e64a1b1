/** What the procedure of `clients/js` finds of a case, as JSON: what the tests of Python compare with their own. */

import { fromBase64, fromHex } from "../../clients/js/src/bytes.js";
import { MalformedReceipt, VerifierKey, verifyReceipt } from "../../clients/js/src/index.js";

export async function found({ receipt, trusted_keys, media_sha256, pixels_sha256 }) {
  try {
    const report = await verifyReceipt(fromBase64(receipt, MalformedReceipt), {
      trustedKeys: await Promise.all(trusted_keys.map((vkey) => VerifierKey.parse(vkey))),
      mediaSha256: media_sha256 === null ? undefined : fromHex(media_sha256),
      pixels: pixels_sha256 === null ? undefined : async () => ({ sha256: fromHex(pixels_sha256) }),
    });
    return {
      holds: report.holds,
      steps: report.steps.map(({ outcome, detail }) => [outcome, detail]),
      record_id: report.recordId,
      index: `${report.index}`,
      log_key_pinned: report.logKeyPinned,
      cosigners: report.cosigners.length,
      withdrawn: report.withdrawn,
      disputed: report.disputed,
      superseded_by: report.supersededBy === null ? null : `${report.supersededBy}`,
      key_compromised: report.keyCompromised,
      contested_origins: report.contestedOrigins,
      truncated: report.truncated,
    };
  } catch (error) {
    if (!(error instanceof MalformedReceipt)) throw error;
    return { malformed: true };
  }
}
