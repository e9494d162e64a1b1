// @ts-check
/**
 * Requests to a registry: without cookies, referrer or redirects, bounded in bytes and time. A registry is told what is in
 * the path and the body, and nothing about who asks.
 * @module
 */

import { readAnswer } from "./anonymous/anonymously.js";
import { Refused, Unanswered } from "./faults.js";

const MAX_ANSWER_BYTES = 16 * 1024 * 1024; // a receipt has 8 MiB at most, a thumbnail far less
const JSON_TYPE = "application/json";
const MAX_SECONDS = 60; // of one answer; a picture is examined within 9 s of processor time, and may have to wait

/**
 * @typedef {object} Question
 * @property {BodyInit} [body] makes it a POST
 * @property {string} [type] media type of the body, which else is JSON
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
export async function ask(base, path, { body, type = JSON_TYPE, optional = false } = {}) {
  const asked = body === undefined ? {} : { method: "POST", body, headers: { "Content-Type": type } };
  const answer = await readAnswer(`${base}${path}`, asked, MAX_ANSWER_BYTES, MAX_SECONDS);
  if (typeof answer === "string") throw new Unanswered(answer === "slow" ? "unanswered_slow" : "unanswered_down", { seconds: MAX_SECONDS });
  if (answer.isRedirect) throw new Refused("refused_elsewhere");
  if (answer.status === 404 && optional) return null;
  if (!answer.data) throw new Refused("refused_endless", { most: MAX_ANSWER_BYTES / 1048576 });
  const data = new Uint8Array(await answer.data.arrayBuffer());
  if (answer.status === 200) return data;
  throw problem(answer, data);
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

/** Why an answer is none, by its status. @param {{ status: number, retryAfter: string | null }} answer @param {Uint8Array} data */
function problem({ status, retryAfter }, data) {
  const seconds = Math.min(3600, Math.max(1, Math.ceil(Number(retryAfter) || 5)));
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
