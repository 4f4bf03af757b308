// One till's stream: acts out on its socket what StreamState decides. Owns no queue: what it has decided to
// send now (a handful of shared frames) and a number into its tail is all there is to it, so ten thousand
// idle ones cost little and one that never reads costs no more.

public import Domain
import Lanes

/// Who a stream belongs to, within its business. Immutable.
public final class StreamIdentity: Sendable {
    public let device: String
    public let token: TokenID
    public let address: String
    public let agent: String

    public init(device: String, token: TokenID, address: String, agent: String) {
        self.device = device
        self.token = token
        self.address = address
        self.agent = agent
    }
}

/// What a stream needs only until the tail serves it: an idle one holds none of it. Lives with its stream.
private final class CatchUp {
    var presented: PresentedToken?
    var pageToken: SyncToken?
    var onReady: (@Sendable () -> Void)?
}

/// A device's live stream. Lives on its shard's loop.
///
/// Every byte here is multiplied by the number of tills: what is counted in seconds or streams has 32 bits.
final class DeviceStream: ByteStreamOwner {
    let id: StreamID
    let identity: StreamIdentity
    /// What the client asked for; narrower than the tail's set for streams that share a whole-business tail.
    let entities: EntitySet
    let stream: any ByteStream
    unowned let shard: Shard
    let tail: Tail

    var state: StreamState
    private var catchUp: CatchUp?
    /// Decided to be sent, not yet taken by the socket: at most `Shard.outboxFramesMax` shared frames.
    private var outbox: [Frame] = []
    private(set) var bytesSent = 0
    private var outboxOffset: Int32 = 0
    var indexInTail: Int32 = 0
    var indexInShard: Int32 = 0
    /// Where its wheel has it; a slot below 0: nowhere.
    var wheelSlot: Int32 = -1
    var wheelIndex: Int32 = 0
    /// Seconds of the shard's clock.
    let openedAt: Int32
    private(set) var lastWrite: Int32
    private(set) var blockedSince: Int32?
    private(set) var recordsSent: Int32 = 0
    /// The position that the client presented.
    let begunAt: Seq?
    var isGreeted = false
    var isReading = false
    var isClosed = false
    /// Why the server says goodbye.
    var endReason: EndReason?
    /// Heartbeats in a row at which the peer had not acknowledged the one before.
    var silentBeats: UInt8 = 0

    init(_ request: StreamRequest, id: StreamID, stream: any ByteStream, shard: Shard, tail: Tail) {
        self.id = id
        identity = request.identity
        entities = request.scope.entities
        self.stream = stream
        self.shard = shard
        self.tail = tail
        state = StreamState(at: Mark(seq: .zero, nonce: .none))
        openedAt = Int32(shard.seconds)
        lastWrite = openedAt
        if case .token(let token)? = request.presented { begunAt = token.pos } else { begunAt = nil }
        let catchUp = CatchUp()
        catchUp.presented = request.presented
        catchUp.onReady = request.onReady
        self.catchUp = catchUp
        outbox = [Frame(bytes: request.head, mark: nil)]
    }

    /// What the client presented; nil: nothing, or it is served from the tail already.
    var presented: PresentedToken? { catchUp?.presented }

    /// The token of the next page: the last one written. Only in backlog.
    var pageToken: SyncToken? {
        get { catchUp?.pageToken }
        set {
            guard catchUp != nil || newValue != nil else { return }
            let catchUp = catchUp ?? CatchUp()
            catchUp.pageToken = newValue
            self.catchUp = catchUp
        }
    }

    /// The tail serves it from here on. Tells whoever wanted to know, for credentials that are spent by then.
    func caughtUp() {
        let done = catchUp?.onReady
        catchUp = nil
        done?()
    }

    var scope: Scope { Scope(business: tail.key.business, entities: entities) }
    /// Whether the tail's frames hold more than the client asked for, and are only hints to read its own
    /// pages.
    var isNarrowed: Bool { entities != tail.key.entities }
    var hasUnsent: Bool { !outbox.isEmpty }
    var unsentBytes: Int { outbox.reduce(-Int(outboxOffset)) { $0 + $1.bytes.count } }

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
                if sendNewest() { return }
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
            recordsSent = Int32(clamping: Int(recordsSent) + frame.records)
            lastWrite = Int32(shard.seconds)
            shard.delivered(frame, openedAt: openedAt)
            return true
        }
        if taken > 0 {
            outbox.append(frame)
            outboxOffset = Int32(taken)
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
            taken = stream.send(bytes.span.extracting(Int(outboxOffset)..<bytes.count))
        } else {
            var pieces: [BytePiece] = []
            pieces.reserveCapacity(outbox.count)
            for (index, frame) in outbox.enumerated() {
                pieces.append(BytePiece(frame.bytes, from: index == 0 ? Int(outboxOffset) : 0))
            }
            taken = stream.send(pieces)
        }
        guard var taken else { return false }
        bytesSent += taken
        if taken > 0 { lastWrite = Int32(shard.seconds) }
        var finished = 0
        for frame in outbox {
            let left = frame.bytes.count - (finished == 0 ? Int(outboxOffset) : 0)
            guard taken >= left else { break }
            taken -= left
            finished += 1
            outboxOffset = 0
            recordsSent = Int32(clamping: Int(recordsSent) + frame.records)
            shard.delivered(frame, openedAt: openedAt)
        }
        outbox.removeFirst(finished)
        outboxOffset += Int32(taken)
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
        if state.phase == .joining { state.replayed = Int32(clamping: Int(state.replayed) + frame.records) }
    }

    private func block() {
        guard blockedSince == nil else { return }
        blockedSince = Int32(shard.seconds)
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
