/**
 * A log as its reader watches it beyond one receipt: pinned, cosigned by witnesses of a policy, read by its tiles.
 *
 *     import { IndexedDbStore, PinnedLog } from "./log.js";
 *
 *     const log = new PinnedLog("log.example", new IndexedDbStore(), (path) => load(`/log/${path}`));
 *     await log.see(await load("/log/checkpoint"), { receipt });
 */

export { consistencyProof, inclusionProof, rootOf } from "./merkle.js";
export { IndexedDbStore, LogAlarm, PinnedLog } from "./pinned_log.js";
export { Policy } from "./policy.js";
export { parseTilePath, tilePath, tileReader } from "./tiles.js";

/** @import { AlarmKind as _AlarmKind, Remembered as _Remembered, Store as _Store } from "./pinned_log.js" */
/** @import { Group as _Group, Witness as _Witness } from "./policy.js" */
/** @import { Fetch as _Fetch, TilePath as _TilePath } from "./tiles.js" */
/** @typedef {_AlarmKind} AlarmKind */
/** @typedef {_Remembered} Remembered */
/** @typedef {_Store} Store */
/** @typedef {_Group} Group */
/** @typedef {_Witness} Witness */
/** @typedef {_Fetch} Fetch */
/** @typedef {_TilePath} TilePath */
