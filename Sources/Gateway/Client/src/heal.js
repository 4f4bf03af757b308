// The copy differs from the database although nothing was missed: storage lost something, or somebody wrote into it.
// Bucket by bucket the difference is found, and just those records are fetched.

import {Fingerprint, key} from './digest.js';

const BUCKETS = 256, MOST_WRONG = 0.3, IDS = 200;

/**
 * Compares one entity with the server. Returns {upserts, deletes}, or undefined when so much differs that a full
 * download is cheaper. A record that a frame touches meanwhile comes again with it, so nothing here can be too late.
 */
export async function difference(server, entity, records, signal) {
  const get = query => server.json('sync/digest', {query: {entity, ...query}, signal});
  const ours = bucketed(records);
  const {buckets} = await get({buckets: BUCKETS});
  const wrong = buckets.flatMap(([count, digest], bucket) =>
    count === ours[bucket].print.count && digest === ours[bucket].print.digest ? [] : [bucket]);
  if (wrong.length > BUCKETS * MOST_WRONG) return undefined;

  const suspects = [];
  if (wrong.length) {
    const bucket = wrong.map(number => number.toString(16)).join(',');
    const theirs = new Map((await get({buckets: BUCKETS, bucket})).records);
    for (const [id, version] of theirs) if (records.get(id)?.version !== version) suspects.push(id);
    for (const id of wrong.flatMap(number => ours[number].ids)) if (!theirs.has(id)) suspects.push(id);
  }

  const found = {upserts: [], deletes: []};
  for (let start = 0; start < suspects.length; start += IDS) {
    const query = {entity, ids: suspects.slice(start, start + IDS).join(',')};
    const {created, updated, deleted} = (await server.json('sync/records', {query, signal})).data[entity];
    found.upserts.push(...created, ...updated);
    found.deletes.push(...deleted);
  }
  return found;
}

function bucketed(records) {
  const buckets = Array.from({length: BUCKETS}, () => ({print: new Fingerprint(), ids: []}));
  for (const {id, version} of records.values()) {
    const bucket = buckets[key(id) % BUCKETS];
    bucket.print.add(id, version);
    bucket.ids.push(id);
  }
  return buckets;
}
