/**
 * The Merkle tree over a log's entries: RFC 6962 section 2.1 (the tree of RFC 9162 section 2.1.1); proofs follow RFC
 * 9162 sections 2.1.3 and 2.1.4. A proof is a list of 32-byte hashes, from the leaf's side to the root's. Sizes and
 * indices are BigInt: a tree has up to 2^63 - 1 entries.
 * @module
 */

import { equal, fromHex, sha256 } from "./bytes.js";
import { ProofInvalid } from "./errors.js";
import { MAX_TREE_SIZE } from "./limits.js";

export const HASH_BYTES = 32;
export const EMPTY_ROOT = fromHex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/** SHA-256 of 0x00 and the entry. @param {Uint8Array} entry */
export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);

/** SHA-256 of 0x01 and both children. @param {Uint8Array} left @param {Uint8Array} right */
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/**
 * Checks that a leaf hash is entry `index` of the tree with this size and root. Throws ProofInvalid.
 * @param {Uint8Array} leaf
 * @param {bigint} index
 * @param {bigint} size
 * @param {readonly Uint8Array[]} proof
 * @param {Uint8Array} root
 */
export async function verifyInclusion(leaf, index, size, proof, root) {
  if (!equal(await rootOfInclusion(leaf, index, size, proof), root)) {
    throw new ProofInvalid("the inclusion proof leads to another root");
  }
}

/**
 * The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2). Throws ProofInvalid where the proof has not
 * exactly the hashes that it needs.
 * @param {Uint8Array} leaf
 * @param {bigint} index
 * @param {bigint} size
 * @param {readonly Uint8Array[]} proof
 */
export async function rootOfInclusion(leaf, index, size, proof) {
  checkSize(size);
  checkHashes(leaf, ...proof);
  if (index < 0n || index >= size) throw new ProofInvalid(`a tree of ${size} entries has no entry ${index}`);
  let [node, last, computed] = [index, size - 1n, leaf];
  for (const sibling of proof) {
    if (last === 0n) throw new ProofInvalid("the inclusion proof has too many hashes");
    if (node & 1n || node === last) {
      computed = await nodeHash(sibling, computed);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else {
      computed = await nodeHash(computed, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last) throw new ProofInvalid("the inclusion proof has too few hashes");
  return computed;
}

/**
 * Checks that the new tree begins with all entries of the old one (RFC 9162 section 2.1.4.2). Throws ProofInvalid.
 * @param {bigint} oldSize
 * @param {Uint8Array} oldRoot
 * @param {bigint} newSize
 * @param {Uint8Array} newRoot
 * @param {readonly Uint8Array[]} proof
 */
export async function verifyConsistency(oldSize, oldRoot, newSize, newRoot, proof) {
  checkSize(newSize);
  checkHashes(oldRoot, newRoot, ...proof);
  if (oldSize < 0n || oldSize > newSize) {
    throw new ProofInvalid(`a tree of ${newSize} entries has not grown from one of ${oldSize}`);
  }
  if (oldSize === 0n || oldSize === newSize) {
    if (proof.length) throw new ProofInvalid("the consistency proof has too many hashes");
    if (!equal(oldRoot, oldSize ? newRoot : EMPTY_ROOT)) {
      throw new ProofInvalid("trees of the same size have different roots");
    }
    if (newSize === 0n && !equal(newRoot, EMPTY_ROOT)) throw new ProofInvalid("the empty tree has another root");
    return;
  }
  const path = oldSize & (oldSize - 1n) ? [...proof] : [oldRoot, ...proof];
  const first = path.shift();
  if (first === undefined) throw new ProofInvalid("the consistency proof has too few hashes");
  let [node, last] = [oldSize - 1n, newSize - 1n];
  while (node & 1n) [node, last] = [node >> 1n, last >> 1n];
  let [oldComputed, newComputed] = [first, first];
  for (const sibling of path) {
    if (last === 0n) throw new ProofInvalid("the consistency proof has too many hashes");
    if (node & 1n || node === last) {
      oldComputed = await nodeHash(sibling, oldComputed);
      newComputed = await nodeHash(sibling, newComputed);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else {
      newComputed = await nodeHash(newComputed, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last) throw new ProofInvalid("the consistency proof has too few hashes");
  if (!equal(oldComputed, oldRoot)) throw new ProofInvalid("the consistency proof leads to another old root");
  if (!equal(newComputed, newRoot)) throw new ProofInvalid("the consistency proof leads to another new root");
}

/**
 * Gives the hash of a perfect subtree by its level (0 are the leaf hashes) and index.
 * @typedef {(level: number, index: bigint) => Promise<Uint8Array>} NodeReader
 */

/** Proves that entry `index` is in the tree of `size` entries. @param {bigint} index @param {bigint} size @param {NodeReader} read */
export async function inclusionProof(index, size, read) {
  checkSize(size);
  if (index < 0n || index >= size) throw new ProofInvalid(`a tree of ${size} entries has no entry ${index}`);
  /** @type {Promise<Uint8Array>[]} */
  const proof = [];
  let [start, end] = [0n, size];
  while (end - start > 1n) {
    const middle = start + split(end - start);
    if (index < middle) {
      proof.push(rangeRoot(middle, end, read));
      end = middle;
    } else {
      proof.push(rangeRoot(start, middle, read));
      start = middle;
    }
  }
  return (await Promise.all(proof)).reverse();
}

/** Proves that the tree of `newSize` entries begins with that of `oldSize`. @param {bigint} oldSize @param {bigint} newSize @param {NodeReader} read */
export async function consistencyProof(oldSize, newSize, read) {
  checkSize(newSize);
  if (oldSize < 0n || oldSize > newSize) {
    throw new ProofInvalid(`a tree of ${newSize} entries has not grown from one of ${oldSize}`);
  }
  if (oldSize === 0n) return [];
  /** @type {Promise<Uint8Array>[]} */
  const proof = [];
  let [start, end] = [0n, newSize];
  while (end !== oldSize) {
    const middle = start + split(end - start);
    if (oldSize <= middle) {
      proof.push(rangeRoot(middle, end, read));
      end = middle;
    } else {
      proof.push(rangeRoot(start, middle, read));
      start = middle;
    }
  }
  if (start) proof.push(rangeRoot(start, end, read)); // else it is the old tree, whose root the verifier holds
  return (await Promise.all(proof)).reverse();
}

/** The root of the tree of `size` entries. @param {bigint} size @param {NodeReader} read */
export async function rootOf(size, read) {
  return size ? rangeRoot(0n, size, read) : EMPTY_ROOT;
}

/** The largest power of two below `count` (> 1). @param {bigint} count */
const split = (count) => 1n << BigInt((count - 1n).toString(2).length - 1);

/** @param {bigint} start @param {bigint} end @param {NodeReader} read */
async function rangeRoot(start, end, read) {
  const reads = [];
  for (let at = start; at < end; ) {
    const level = (end - at).toString(2).length - 1;
    reads.push(read(level, at >> BigInt(level)));
    at += 1n << BigInt(level);
  }
  const nodes = await Promise.all(reads);
  let root = /** @type {Uint8Array} */ (nodes.pop());
  for (const left of nodes.reverse()) root = await nodeHash(left, root);
  return root;
}

/** @param {bigint} size */
function checkSize(size) {
  if (size < 0n || size > MAX_TREE_SIZE) throw new ProofInvalid(`a tree has 0 to ${MAX_TREE_SIZE} entries`);
}

/** @param {...Uint8Array} hashes */
function checkHashes(...hashes) {
  if (hashes.some((each) => each.length !== HASH_BYTES)) throw new ProofInvalid("a hash has 32 bytes");
}
