// One till's stream: acts out on its socket what StreamState decides. Owns no queue: what it has decided to
// send now (a handful of shared frames) and a number into its tail is all there is to it, so ten thousand
// idle ones cost little and one that never reads costs no more.

public import Domain
import Lanes

/// Who a stream belongs to. Immutable.
public final class StreamIdentity: Sendable {
    public let device: String
    public let token: TokenID
    public let business: BusinessID
    public let address: String
    public let agent: String

    public init(device: String, token: TokenID, business: BusinessID, address: String, agent: String) {
        self.device = device
        self.token = token
        self.business = business
        self.address = address
        self.agent = agent
    }
}

/// A device's live stream. Lives on its shard's loop.
final class DeviceStream: ByteStreamOwner {
    let id: StreamID
    let identity: StreamIdentity
    /// What the client asked for; narrower than the tail's set for streams that share a whole-business tail.
    let entities: EntitySet
    let stream: any ByteStream
    unowned let shard: Shard
    let tail: Tail
    let openedAt: Int

    var state: StreamState
    var indexInTail = 0
    var indexInShard = 0
    /// Decided to be sent, not yet taken by the socket: at most `Shard.outboxFramesMax` shared frames.
    private var outbox: [Frame] = []
    private var outboxOffset = 0
    /// Seconds of the shard's clock.
    private(set) var lastWrite: Int
    private(set) var blockedSince: Int?
    private(set) var bytesSent = 0
    /// What the client presented; nil: nothing.
    var presented: PresentedToken?
    var isGreeted = false
    /// The token of the next page: the last one written. Only in backlog.
    var pageToken: SyncToken?
    var isReading = false
    var isClosed = false
    /// Why the server says goodbye.
    var endReason: EndReason?
    /// Heartbeats in a row at which the peer had not acknowledged the one before.
    var silentBeats = 0
    /// Told once the stream was `ready`, for credentials that are spent by then.
    var onReady: (@Sendable () -> Void)?

    init(
        id: StreamID, identity: StreamIdentity, entities: EntitySet, stream: any ByteStream, shard: Shard,
        tail: Tail,
        state: StreamState, now: Int
    ) {
        self.id = id
        self.identity = identity
        self.entities = entities
        self.stream = stream
        self.shard = shard
        self.tail = tail
        self.state = state
        openedAt = now
        lastWrite = now
    }

    var scope: Scope { Scope(business: tail.key.business, entities: entities) }
    /// Whether the tail's frames hold more than the client asked for, and are only hints to read its own
    /// pages.
    var isNarrowed: Bool { entities != tail.key.entities }
    var hasUnsent: Bool { !outbox.isEmpty }
    var unsentBytes: Int { outbox.reduce(-outboxOffset) { $0 + $1.bytes.count } }

    /// Decides that these are sent next, and sends.
    func send(_ frames: [Frame]) {
        outbox.append(contentsOf: frames)
        flush()
    }

    func queue(_ frame: Frame) { outbox.append(frame) }

    // MARK: Sending

    /// Sends what is decided, then what the tail has, until nothing is left or the socket is full.
    func flush() {
        guard blockedSince == nil else { return }
        while true {
            if outbox.isEmpty {
                if sendNewest() { continue }
                shard.refill(self)
                if outbox.isEmpty { return }
            }
            guard sendOutbox() else { return }
            if outbox.isEmpty, state.phase == .closing { return shard.finish(self) }
        }
    }

    func queueTail(_ frame: Frame) {
        outbox.append(frame)
        advance(past: frame)
    }

    /// The steady state: one new frame, one call, nothing remembered. True when it was taken whole.
    private func sendNewest() -> Bool {
        guard state.phase == .live, !isNarrowed, state.next == tail.endNumber - 1,
            let frame = tail.frame(state.next), !frame.isGap
        else { return false }
        let bytes = frame.bytes
        guard let taken = stream.send(bytes.span) else { return false }
        bytesSent += taken
        if taken == bytes.count {
            advance(past: frame)
            lastWrite = shard.seconds
            shard.delivered(frame)
            return true
        }
        if taken > 0 {
            outbox.append(frame)
            outboxOffset = taken
            advance(past: frame)
        }
        block()
        return false
    }

    /// False when the socket is full or broken.
    private func sendOutbox() -> Bool {
        let taken: Int?
        if outbox.count == 1 {
            let bytes = outbox[0].bytes
            taken = stream.send(bytes.span.extracting(outboxOffset..<bytes.count))
        } else {
            var pieces: [BytePiece] = []
            pieces.reserveCapacity(outbox.count)
            for (index, frame) in outbox.enumerated() {
                pieces.append(BytePiece(frame.bytes, from: index == 0 ? outboxOffset : 0))
            }
            taken = stream.send(pieces)
        }
        guard var taken else { return false }
        bytesSent += taken
        if taken > 0 { lastWrite = shard.seconds }
        var finished = 0
        for frame in outbox {
            let left = frame.bytes.count - (finished == 0 ? outboxOffset : 0)
            guard taken >= left else { break }
            taken -= left
            finished += 1
            outboxOffset = 0
            shard.delivered(frame)
        }
        outbox.removeFirst(finished)
        outboxOffset += taken
        if outbox.isEmpty {
            outbox = []
            return true
        }
        block()
        return false
    }

    private func advance(past frame: Frame) {
        state.next += 1
        if let mark = frame.mark, mark.seq > state.reached.seq { state.reached = mark }
        if state.phase == .joining { state.replayed += frame.records }
    }

    private func block() {
        guard blockedSince == nil else { return }
        blockedSince = shard.seconds
        stream.whenWritable()
    }

    /// Forgets what was decided; for a stream that is cut.
    func dropOutbox() {
        outbox = []
        outboxOffset = 0
    }

    // MARK: ByteStreamOwner

    func streamIsWritable() {
        blockedSince = nil
        flush()
    }

    /// A client has nothing to say on an open stream: whatever it sends ends it.
    func streamReceived(_ bytes: Span<UInt8>) { shard.close(self, counting: .client) }

    func streamClosed() { shard.forget(self, counting: .client) }
}
