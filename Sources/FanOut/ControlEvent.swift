// The events around the changes, docs/PROTOCOL.md § Stream. Which id each may carry is the heart of the
// protocol: see StreamState.

public import Domain

/// Why a stream is about to be closed by the server.
public enum ByeReason: String, Hashable, Sendable, CaseIterable {
    case drain, lifetime, limit, superseded, revoked, slow, credential, overload
}

/// Encodes `hello`, `change`, `ready`, `heartbeat`, `reset` and `bye`.
public struct ControlEvents: Sendable {
    public let heartbeatSeconds: Int
    public let fullSyncURL: String
    public let generation: UInt32
    /// Every entity of the catalogue: the set of a business's whole tail.
    public let wholeSet: EntitySet
    private let nameOf: @Sendable (EntityNumber) -> EntityName

    public init(
        heartbeatSeconds: Int, fullSyncURL: String, generation: UInt32, wholeSet: EntitySet,
        nameOf: @Sendable @escaping (EntityNumber) -> EntityName
    ) {
        self.heartbeatSeconds = heartbeatSeconds
        self.fullSyncURL = fullSyncURL
        self.generation = generation
        self.wholeSet = wholeSet
        self.nameOf = nameOf
    }

    /// What `hello` says.
    public struct Greeting: Sendable {
        public var stream: StreamID
        /// The presented token, the head's, or the null token.
        public var id: String
        public var epoch: Epoch
        public var position: Seq
        public var head: Seq
        public var retryMilliseconds: Int
        public var now: Timestamp
    }

    /// Before `hello`, while a first page is waited for: a comment. Nobody can say yet where the stream
    /// stands, but the connection must not look dead to the client or to a proxy.
    static let waiting = Frame(bytes: Array(":\n".utf8), mark: nil)

    /// First on every stream.
    public func hello(_ greeting: Greeting) -> Frame {
        var json = JSONWriter(reserving: 256)
        json.raw("{\"stream\":")
        json.string(greeting.stream.description)
        json.byte(0x2C)
        PositionRange(epoch: greeting.epoch, from: greeting.position, to: greeting.position).encode(to: &json)
        json.raw(",\"head\":")
        json.integer(greeting.head.rawValue)
        json.raw(",\"heartbeat_seconds\":")
        json.integer(heartbeatSeconds)
        json.raw(",\"server_timestamp\":\"")
        json.raw(greeting.now.utf8)
        json.raw("\"}")
        return frame(
            "hello", id: greeting.id, retry: greeting.retryMilliseconds, data: json, mark: nil)
    }

    /// A delta as an event; its token is its id.
    public func change(_ delta: Delta, writtenAt: Timestamp?) -> Frame {
        Frame(
            bytes: ServerSentEvent.encode(
                event: "change", id: delta.text, retryMilliseconds: nil,
                data: delta.encode(nameOf: nameOf)),
            mark: Mark(seq: delta.token.pos, nonce: delta.token.nonce), records: delta.recordCount,
            writtenAt: writtenAt)
    }

    /// The backlog is done: only now may a client say "live".
    public func ready(scope: Scope, epoch: Epoch, from: Seq, to: Mark, head: Seq, replayed: Int) -> Frame {
        var json = JSONWriter(reserving: 128)
        json.byte(0x7B)
        PositionRange(epoch: epoch, from: from, to: to.seq).encode(to: &json)
        json.raw(",\"head\":")
        json.integer(max(head, to.seq).rawValue)
        json.raw(",\"replayed\":")
        json.integer(replayed)
        json.byte(0x7D)
        return frame("ready", id: token(scope, epoch, to), data: json, mark: to)
    }

    /// Nothing is pending up to `to`.
    public func heartbeat(id: String, epoch: Epoch, from: Seq, to: Mark, head: Seq, now: Timestamp) -> Frame {
        var json = JSONWriter(reserving: 160)
        json.byte(0x7B)
        PositionRange(epoch: epoch, from: from, to: to.seq).encode(to: &json)
        json.raw(",\"head\":")
        json.integer(max(head, to.seq).rawValue)
        json.raw(",\"server_timestamp\":\"")
        json.raw(now.utf8)
        json.raw("\"}")
        return frame("heartbeat", id: id, data: json, mark: to)
    }

    /// On a parked stream: alive, and nothing that could pass for completeness.
    public func parkedHeartbeat(now: Timestamp) -> Frame {
        var json = JSONWriter(reserving: 80)
        json.raw("{\"reset\":true,\"server_timestamp\":\"")
        json.raw(now.utf8)
        json.raw("\"}")
        return frame("heartbeat", id: SyncToken.nullText, data: json, mark: nil)
    }

    /// The token cannot be answered. `entities`: the added ones under `scope`, else all of the stream's.
    public func reset(_ refusal: Refusal, scope: Scope) -> Frame {
        var json = JSONWriter(reserving: 256)
        json.raw("{\"reason\":")
        json.string(refusal.reason.rawValue)
        json.raw(",\"entities\":[")
        let entities = refusal.entities.isEmpty ? scope.entities : refusal.entities
        for (index, entity) in entities.enumerated() {
            if index > 0 { json.byte(0x2C) }
            json.string(nameOf(entity).text)
        }
        json.raw("],\"full_sync_url\":")
        json.string(fullSyncURL)
        json.byte(0x7D)
        return frame("reset", id: SyncToken.nullText, data: json, mark: nil)
    }

    /// Before the server closes. Without an id: the client's position stays where it is.
    public static func bye(_ reason: ByeReason, retryMilliseconds: Int) -> Frame {
        var json = JSONWriter(reserving: 64)
        json.raw("{\"reason\":")
        json.string(reason.rawValue)
        json.raw(",\"retry_ms\":")
        json.integer(retryMilliseconds)
        json.byte(0x7D)
        return Frame(
            bytes: ServerSentEvent.encode(
                event: "bye", id: nil, retryMilliseconds: retryMilliseconds, data: json),
            mark: nil)
    }

    /// The text of a settled token at a mark.
    public func token(_ scope: Scope, _ epoch: Epoch, _ mark: Mark) -> String {
        settledToken(scope, epoch, mark).text
    }

    /// A settled token at a mark.
    public func settledToken(_ scope: Scope, _ epoch: Epoch, _ mark: Mark) -> SyncToken {
        Head(epoch: epoch, seq: mark.seq, nonce: mark.nonce).token(for: scope, generation: generation)
    }

    private func frame(
        _ event: StaticString, id: String, retry: Int? = nil, data: JSONWriter, mark: Mark?
    ) -> Frame {
        Frame(
            bytes: ServerSentEvent.encode(event: event, id: id, retryMilliseconds: retry, data: data),
            mark: mark)
    }
}
