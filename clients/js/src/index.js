/**
 * Receipts of a Countermark log, checked where the reader is: no server has to be believed.
 *
 *     import { VerifierKey, verifyReceipt } from "./index.js";
 *
 *     const key = await VerifierKey.parse("log.example+…");
 *     const report = await verifyReceipt(bytes, { trustedKeys: [key] });
 *     report.holds && report.logKeyPinned
 *
 * `log.js` has what watches a log beyond one receipt, `fingerprint.js` what looks at a picture.
 */

export * from "./errors.js";
export { SignedCheckpoint } from "./checkpoint.js";
export { VerifierKey, parseNote, verifyNote } from "./note.js";
export { Receipt } from "./receipt.js";
export { TlogProof } from "./tlog_proof.js";
export { LogKeys } from "./log_keys.js";
export { parseRecord } from "./records.js";
export { parseStatement, verifyStatement } from "./statement.js";
export { PublicKey } from "./keys.js";
export { leafHash, rootOfInclusion, verifyConsistency, verifyInclusion } from "./merkle.js";
export { followLogKeys, verifyReceipt } from "./procedure.js";

/** @import { ReceiptReport as _ReceiptReport } from "./receipt_report.js" */
/** @import { Checkpoint as _Checkpoint, Cosigner as _Cosigner } from "./checkpoint.js" */
/** @import { Record as _Record } from "./records.js" */
/** @typedef {_ReceiptReport} ReceiptReport */
/** @typedef {_Checkpoint} Checkpoint */
/** @typedef {_Cosigner} Cosigner */
/** @typedef {_Record} Record */
