// @ts-check
/**
 * Requests to a registry: without cookies, referrer or redirects, bounded in bytes and time. A registry is told what is in
 * the path and the body, and nothing about who asks; but Firefox states the address of this installation, as `Origin`.
 * @module
 */

import { Refused, Unanswered } from "./faults.js";

const MAX_ANSWER_BYTES = 16 * 1024 * 1024; // a receipt has 8 MiB at most, a thumbnail far less
const MAX_SECONDS = 60; // of one answer; a picture is examined within 9 s of processor time, and may have to wait

/**
 * @typedef {object} Question
 * @property {BodyInit} [body] makes it a POST
 * @property {string} [type] media type of the body
 * @property {boolean} [optional] 404 is an answer: null
 */

/**
 * The bytes that a registry answers with.
 * @param {string} base the registry's address, without a slash at its end
 * @param {string} path begins with a slash
 * @param {Question} [question]
 * @returns {Promise<Uint8Array<ArrayBuffer> | null>}
 * @throws Unanswered, Refused
 */
export async function ask(base, path, { body, type, optional = false } = {}) {
  const signal = AbortSignal.timeout(MAX_SECONDS * 1000);
  try {
    const response = await fetch(`${base}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: type === undefined ? {} : { "Content-Type": type },
      body: body ?? null,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "manual",
      cache: "no-store",
      signal,
    });
    if (response.type === "opaqueredirect") throw new Refused("refused_elsewhere");
    if (response.status === 404 && optional) return null;
    const data = await bounded(response);
    if (response.status === 200) return data;
    throw problem(response, data);
  } catch (cause) {
    if (cause instanceof Unanswered || cause instanceof Refused) throw cause;
    throw new Unanswered(signal.aborted ? "unanswered_slow" : "unanswered_down", { seconds: MAX_SECONDS }, { cause });
  }
}

/** As `ask`, of JSON. @param {string} base @param {string} path @param {Question} [question] @returns {Promise<unknown>} */
export async function askJson(base, path, question) {
  const data = await ask(base, path, question);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data ?? new Uint8Array()));
  } catch (cause) {
    throw new Refused("refused_no_registry", {}, { cause });
  }
}

/** @param {Response} response */
async function bounded(response) {
  const parts = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    parts.push(next.value);
    size += next.value.length;
    if (size > MAX_ANSWER_BYTES) {
      await reader?.cancel();
      throw new Refused("refused_endless", { most: MAX_ANSWER_BYTES / 1048576 });
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Why an answer is none, by its status. @param {Response} response @param {Uint8Array} data */
function problem({ status, headers }, data) {
  const seconds = Math.min(3600, Math.max(1, Math.ceil(Number(headers.get("Retry-After")) || 5)));
  if (status === 429) return new Unanswered("unanswered_throttled", { seconds });
  if (status === 503) return new Unanswered("unanswered_busy", { seconds });
  if (status === 413) return new Unanswered("unanswered_too_large");
  if (status === 415 || status === 422) return new Unanswered(`unanswered_${slugOf(data) === "media-too-costly" ? "too_costly" : "unreadable"}`);
  if (status === 404 || status === 405) return new Unanswered("unanswered_version");
  return new Unanswered("unanswered_error", { status });
}

/** @param {Uint8Array} data of a problem (RFC 9457) */
function slugOf(data) {
  try {
    const { type } = JSON.parse(new TextDecoder().decode(data));
    return String(type).split(":").pop();
  } catch {
    return "";
  }
}
