// @ts-check
/**
 * What the extension keeps in this browser: the registries that its user entered, how to ask them, and of each log the
 * pinned keys and the newest checkpoint that was seen, with who showed it and when. Nothing of pictures or pages is kept.
 * @module
 */

import { Fault } from "./faults.js";

/** @import { AlarmKind, Remembered, Store } from "./countermark/log.js" */

/** What is kept of one registry. @typedef {{ address: string, origin: string, operator: string }} Kept */

/** What is kept of a log: `shownBy` is the address that showed the newest checkpoint, `seenAt` when (ISO 8601); `handedOver`
 * the keys that were pinned before, where a record of the log leads from them to those that are now.
 * @typedef {Remembered & { shownBy?: string, seenAt?: string, handedOver?: string[] }} Seen
 */

/**
 * A log that contradicts what it showed before: both, to be kept and shown to others.
 * @typedef {{ kind: AlarmKind, origin: string, remembered: Seen, served: string, servedBy: string, raisedAt: string }} Alarm
 */

/** Whether the picture's digests are sent at the click, or a prefix of one. @typedef {"digests" | "prefix"} Asking */

/** @template T @param {string} key @param {T} otherwise @returns {Promise<T>} */
async function get(key, otherwise) {
  const { [key]: value } = await chrome.storage.local.get(key);
  return value === undefined ? otherwise : /** @type {T} */ (value);
}

/** @param {{ [key: string]: unknown }} values @throws Fault: the storage is full */
async function set(values) {
  try {
    await chrome.storage.local.set(values);
  } catch (cause) {
    throw new Fault("storage_full", {}, { cause });
  }
}

/** @returns {Promise<Kept[]>} in the order in which they were entered */
export const keptRegistries = () => get("registries", /** @type {Kept[]} */ ([]));

/** Enters a registry, or what it is now. @param {Kept} registry */
export async function keepRegistry(registry) {
  const others = (await keptRegistries()).filter(({ address }) => address !== registry.address);
  await set({ registries: [...others, registry] });
}

/** Forgets a registry; and its log, where no other one shows that. @param {string} address */
export async function forgetRegistry(address) {
  const all = await keptRegistries();
  const others = all.filter((each) => each.address !== address);
  await set({ registries: others });
  const origin = all.find((each) => each.address === address)?.origin;
  if (origin === undefined || others.some((each) => each.origin === origin)) return;
  await chrome.storage.local.remove(`log:${origin}`);
  await set({ alarms: (await keptAlarms()).filter((each) => each.origin !== origin) });
}

/** @returns {Promise<Asking>} */
export const howToAsk = () => get("asking", /** @type {Asking} */ ("digests"));

/** @param {Asking} asking */
export const askBy = (asking) => set({ asking });

/** @returns {Promise<Alarm[]>} the newest last */
export const keptAlarms = () => get("alarms", /** @type {Alarm[]} */ ([]));

const MAX_ALARMS = 20; // of a megabyte each at most; the storage has ten

/** Keeps an alarm, one for each log and kind. @param {Alarm} alarm */
export async function keepAlarm(alarm) {
  const others = (await keptAlarms()).filter(({ origin, kind }) => origin !== alarm.origin || kind !== alarm.kind);
  await set({ alarms: [...others, alarm].slice(-MAX_ALARMS) });
}

/** @param {string} origin of a log @returns {Promise<Seen | undefined>} */
export const seenOf = (origin) => get(`log:${origin}`, undefined);

/** Puts back what was known of a log before it was shown in vain. @param {string} origin @param {Seen | undefined} seen */
export const restore = (origin, seen) => (seen ? set({ [`log:${origin}`]: seen }) : chrome.storage.local.remove(`log:${origin}`));

/** The store of a `PinnedLog`, which notes who showed a checkpoint. @param {string} address @returns {Store} */
export const storeFor = (address) => ({
  get: seenOf,
  async set(origin, value) {
    const before = await seenOf(origin);
    const handedOver = before?.given === value.given && String(before.keys) !== String(value.keys) ? { handedOver: before.keys } : {};
    await set({ [`log:${origin}`]: { ...value, ...handedOver, shownBy: address, seenAt: new Date().toISOString() } });
  },
});
