// The fingerprint of a set of (id, version) pairs, docs/PROTOCOL.md § Digest. Every product stays below 2^52, so
// it is exact in Numbers; sums modulo 2^26 make it independent of order, and cheap to keep while records change.

const P = 67108859, Q = 67108837, R = 67108819, LANE = 2 ** 26;
const CONSTANTS = [
  [40503771, 25214903, 52711237, 17340331, 1000003],
  [61803399, 11400713, 29979245, 57721566, 8191993],
];

/** One lane's key of an id. Lane 0's, modulo the number of buckets, is its bucket. */
export function key(id, lane = 0) {
  const [A, A2, , , M] = CONSTANTS[lane];
  if (Number.isSafeInteger(id) && id >= 0) return ((id % P) * A % P + (Math.floor(id / P) % P) * A2) % P;
  const points = [...String(id)];
  let h = points.length + 1;
  for (const point of points) h = (h * M + point.codePointAt(0) + 1) % P;
  return h;
}

function term(id, version, lane) {
  const [, , B, C] = CONSTANTS[lane];
  const x = (key(id, lane) + (version % P) * B) % P;
  const y = (x * x + C) % Q;
  return (y * y + x) % R;
}

/** A running count and digest. */
export class Fingerprint {
  count = 0;
  #lanes = [0, 0];

  add(id, version, sign = 1) {
    this.count += sign;
    for (const lane of [0, 1]) {
      this.#lanes[lane] = (this.#lanes[lane] + sign * term(id, version, lane) + LANE) % LANE;
    }
  }

  remove(id, version) { this.add(id, version, -1); }

  /** As on the wire: two times seven hex digits. */
  get digest() { return this.#lanes.map(lane => lane.toString(16).padStart(7, '0')).join(''); }
}
