// The module's public face.

export {Client, createClient} from './client.js';
export {indexedDBStore, memoryStore} from './stores.js';
export {connectQueryClient} from './tanstack.js';
export {Fingerprint} from './digest.js';
export {Refusal, Unreachable} from './server.js';
