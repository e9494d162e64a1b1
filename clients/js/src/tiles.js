/**
 * Tiles: a log's tree and entries as immutable files (C2SP tlog-tiles, height 8). They are not trusted: what is computed
 * from them has to lead to the root of a checkpoint.
 * @module
 */

import { MalformedTile } from "./errors.js";
import { MAX_TREE_SIZE, TILE_WIDTH } from "./limits.js";
import { HASH_BYTES, nodeHash } from "./merkle.js";

const HEIGHT = 8;
const PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/**
 * Names one tile or entry bundle: level 0 to 63 or "entries", index within the level, and 1 to 256 hashes or entries.
 * @typedef {{ level: number | "entries", index: bigint, width: number }} TilePath
 */

/** Gives a file of the log by its path, or null where the log has none. @typedef {(path: string) => Promise<Uint8Array | null>} Fetch */

/** The path of a tile. Throws MalformedTile where no tile can have this place or width. @param {TilePath} tile */
export function tilePath({ level, index, width }) {
  if (level !== "entries" && (level < 0 || level > 63)) throw new MalformedTile("a tile's level is 0 to 63");
  if (index < 0n || index > MAX_TREE_SIZE / BigInt(TILE_WIDTH)) throw new MalformedTile("a tile beyond the largest tree");
  if (width < 1 || width > TILE_WIDTH) throw new MalformedTile(`a tile's width is 1 to ${TILE_WIDTH}`);
  const digits = `${index}`;
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) ?? [];
  const place = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${place}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** Reads the path of a tile. Throws MalformedTile for every spelling but the one of `tilePath`. @param {string} path @returns {TilePath} */
export function parseTilePath(path) {
  const [, level, groups, width] = PATH.exec(path) ?? [];
  if (level === undefined || groups === undefined) throw new MalformedTile("not a tile path");
  if (width !== undefined && Number(width) === TILE_WIDTH) throw new MalformedTile("a full tile has no partial path");
  /** @type {TilePath} */
  const tile = {
    level: level === "entries" ? level : Number(level),
    index: BigInt(groups.replaceAll(/[x/]/g, "")),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  if (tilePath(tile) !== path) throw new MalformedTile("not the canonical path of this tile");
  return tile;
}

/**
 * Reads any node of a tree of `size` entries from its tiles; each tile is fetched once.
 * @param {Fetch} fetch
 * @param {bigint} size
 * @returns {import("./merkle.js").NodeReader} throws MalformedTile where a tile is missing or of another length
 */
export function tileReader(fetch, size) {
  /** @type {Map<string, Promise<Uint8Array[]>>} */
  const tiles = new Map();

  /** @param {number} level @param {bigint} index @param {number} least hashes that are needed */
  const read = async (level, index, least) => {
    const stored = size >> BigInt(HEIGHT * level); // hashes at this level
    const width = Number(stored - index * 256n < 256n ? stored - index * 256n : 256n);
    if (width < least) throw new MalformedTile(`the tree has no such node at level ${HEIGHT * level}`);
    const partial = tilePath({ level, index, width });
    const full = tilePath({ level, index, width: TILE_WIDTH });
    const data = (await fetch(partial)) ?? (partial === full ? null : await fetch(full));
    if (data === null) throw new MalformedTile(`the log has no ${partial}`);
    if (data.length !== width * HASH_BYTES && data.length !== TILE_WIDTH * HASH_BYTES) {
      throw new MalformedTile(`${partial} has ${data.length} bytes`);
    }
    return Array.from({ length: width }, (_, at) => data.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  };

  return async (level, index) => {
    const [tileLevel, within] = [Math.floor(level / HEIGHT), level % HEIGHT];
    const first = index << BigInt(within);
    const [tile, start, count] = [first >> 8n, Number(first & 255n), 1 << within];
    const key = `${tileLevel}/${tile}`;
    let reading = tiles.get(key);
    if (!reading) tiles.set(key, (reading = read(tileLevel, tile, start + count)));
    let row = (await reading).slice(start, start + count);
    if (row.length < count) throw new MalformedTile(`the tree has no such node at level ${level}`);
    while (row.length > 1) {
      const pairs = [];
      for (let at = 0; at < row.length; at += 2) {
        pairs.push(nodeHash(/** @type {Uint8Array} */ (row[at]), /** @type {Uint8Array} */ (row[at + 1])));
      }
      row = await Promise.all(pairs);
    }
    return /** @type {Uint8Array} */ (row[0]);
  };
}
