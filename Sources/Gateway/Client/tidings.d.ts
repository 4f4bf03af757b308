// Types of tidings.js. Every time is in milliseconds.

export type RecordID = number | string;

/** A record as the server sends it; a device's own unsent change is marked `pending`. */
export interface SyncedRecord {
  id: RecordID;
  /** Grows with every change; 0 on a record that the server has not seen. */
  version: number;
  created_at?: string;
  updated_at?: string;
  pending?: true;
  [field: string]: unknown;
}

export type State =
  | 'starting' | 'downloading' | 'catching-up'
  /** Changes arrive as they happen. Never said longer than two and a half heartbeats after the last byte. */
  | 'live'
  /** A question is always waiting at the server: some two seconds behind. `reason` says why there is no stream. */
  | 'long-polling'
  /** Asked every `pollMs`. */
  | 'polling'
  | 'offline'
  /** The token is refused, and there is no other. The copy stays. */
  | 'signed-out'
  /** The server refuses for good: `reason` is its message. */
  | 'refused'
  /** This device was revoked: everything is forgotten. */
  | 'revoked'
  | 'stopped';

export interface Status {
  state: State;
  /** Why it is so, where there is a why: `buffered`, `short`, `silent`, `limit`, `drain`, a server's message, … */
  reason?: string;
  /** When this state began. */
  since?: number;
  /** When the next try is. */
  retryAt?: number;
  /** Records so far, while downloading. */
  progress?: number;
  /** Operations not confirmed, and those that need a person. */
  pending: number;
  attention: number;
  /** Whether this tab is the one that syncs. */
  isLeader: boolean;
  /** The seq this copy equals the database at. */
  position?: number;
  /** The store fails; the screen goes on. */
  storeError?: string;
}

export interface Position { epoch: string; to: number; token: string }

export interface Change { upserts: SyncedRecord[]; deletes: RecordID[] }

export interface Delta {
  /** Everything may be different. */
  full: boolean;
  /** What the server sent, by entity. */
  changes: Map<string, Change>;
  position?: Position;
}

export interface Operation {
  entity: string;
  action: 'create' | 'update' | 'delete';
  /** Of the record; not for `create`. */
  id?: RecordID;
  /** `{"$ref": op_id}` stands for the id that the operation was given. */
  data?: {[field: string]: unknown};
  /** From `Client.opID()`, where another operation refers to it. */
  op_id?: string;
  client_id?: string;
  /** The version it was made from; that of the record when left out. */
  base_version?: number;
}

export interface QueuedOperation extends Operation {
  op_id: string;
  group?: string;
  state: 'pending' | 'applied' | 'aside';
  result?: {
    status: 'applied' | 'duplicate' | 'conflict' | 'invalid' | 'skipped' | 'rejected';
    http_status?: number;
    message?: string;
    errors?: {[field: string]: string[]};
    /** The record as the server has it, of a conflict. */
    server?: SyncedRecord | null;
  };
}

export interface Commit {
  full?: boolean;
  /** Where the store must be, or beyond, for `changes` to follow. */
  from?: number;
  position?: Position;
  changes?: Map<string, Change>;
  operations?: {put?: QueuedOperation[]; remove?: string[]};
}

/** Where a copy outlives the page. */
export interface Store {
  load(): Promise<{position?: Position; records: [entity: string, record: SyncedRecord][]; operations: QueuedOperation[]}>;
  /** One transaction. `old`: it had more already; `hole`: it lacks what came before `from`. */
  commit(commit: Commit): Promise<'stored' | 'old' | 'hole'>;
  wipe(): Promise<void>;
}

export interface Options {
  /** The API's base, `/api/v1/` when left out. */
  url?: string;
  /** Sent as `Authorization: Bearer`. A function is asked again when the server refuses. Without: cookies. */
  token?: string | ((why: {refused: boolean}) => string | undefined | Promise<string | undefined>);
  /** A ticket for EventSource, from your own backend. With it and no `token` the stream is an EventSource. */
  ticket?: () => Promise<string>;
  /** The stream by EventSource although there is a token. */
  eventSource?: boolean;
  /** `memoryStore()` when left out. */
  store?: Store;
  /** The server's default set when left out. */
  entities?: string[];
  /** Tabs of one name share a stream: one name a business, as with the store. */
  name?: string;
  onDelta?(delta: Delta): void;
  onStatus?(status: Status): void;
  onDrift?(drift: {entity: string; level: 1 | 2 | 3; records?: number}): void;
  onRevoked?(handedOver: {unsent: QueuedOperation[]}): void;
  /** What went wrong and needs nothing from you: for a log. */
  onError?(error: Error): void;
  fetch?: typeof fetch;
  pollMs?: number;
  waitMs?: number;
  probeMs?: number;
  probeMaxMs?: number;
  helloMs?: number;
  shortMs?: number;
  silenceMs?: number;
  timeoutMs?: number;
  heartbeatMs?: number;
  backoffMs?: number;
  backoffMaxMs?: number;
  signedOutMs?: number;
  ackMs?: number;
  pageRecords?: number;
  batchOperations?: number;
}

export interface View<Value> {
  subscribe(listener: () => void): () => void;
  /** The same object until something in it changes. */
  getSnapshot(): Value;
}

export class Client {
  static opID(): string;
  /** Resolves when there are records to show. */
  readonly ready: Promise<void>;
  readonly status: Status;
  readonly statusView: View<Status>;
  readonly operations: {pending: QueuedOperation[]; aside: QueuedOperation[]};
  get(entity: string, id: RecordID): SyncedRecord | undefined;
  list(entity: string): SyncedRecord[];
  view(entity: string, options?: {
    where?(record: SyncedRecord): boolean;
    sort?(a: SyncedRecord, b: SyncedRecord): number;
  }): View<SyncedRecord[]>;
  /** Also when only this device's own changes differ: `entities` names what does. */
  subscribe(listener: (delta: Delta & {entities: Set<string>}) => void): () => void;
  /** Several operations stand or fall together. Resolves to their ids when they are safe on this device. */
  upload(operations: Operation | Operation[]): Promise<string[]>;
  retry(opID: string, changes?: Partial<Operation>): Promise<void>;
  discard(opID: string): Promise<void>;
  setToken(token: string): void;
  refresh(): void;
  close(): Promise<void>;
}

export function createClient(options?: Options): Client;
export function memoryStore(): Store;
export function indexedDBStore(name?: string): Store;

/** What `connectQueryClient` uses of TanStack Query's `QueryClient`. */
export interface QueryClientLike {
  setQueryDefaults(key: readonly unknown[], options: object): void;
  setQueryData(key: readonly unknown[], updater: (old: any) => any): unknown;
  invalidateQueries(filters: object, options?: object): Promise<void>;
  removeQueries(filters: object): void;
}
export function connectQueryClient(
  client: Client, queryClient: QueryClientLike, options?: {coalesceMs?: number; pollMs?: number},
): {prepare(entity: string): void; stop(): void};

export class Fingerprint {
  readonly count: number;
  readonly digest: string;
  add(id: RecordID, version: number): void;
  remove(id: RecordID, version: number): void;
}
export class Refusal extends Error { readonly status: number; readonly body?: {error?: string; reason?: string}; }
export class Unreachable extends Error { readonly kind: 'network' | 'timeout' | 'silent' | 'cut'; }
