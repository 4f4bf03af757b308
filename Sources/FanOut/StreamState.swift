// What a stream does next, decided without touching a socket, a clock or a database.
//
//     presented token                                       socket
//           │
//        opening ──── answerable from the tail ──────────► joining ── caught up, `ready` ──► live
//           │  └───── older, or in mid-round ─► backlog ──────┘  ▲                            │
//           │                                     ▲  page by page │                            │
//           │                                     └── fell off the tail, or met a gap ◄───────┘
//           └──────── not answerable ─► parked: `reset`, then only heartbeats with the null token
//
// The one promise behind it: an id on any event says that everything up to it, for this stream's business and
// entity set, was written to this socket before. Breaking it in any one place lost data in 30 to 258 of 500
// modelled histories.

public import Domain

/// Where a stream stands, and the rules for moving on. A value.
public struct StreamState: Sendable {
    /// Which part of its life a stream is in.
    public enum Phase: UInt8, Sendable {
        /// Waiting for the tail to open, or for the first page to judge the token.
        case opening
        /// Reading pages from the state index.
        case backlog
        /// Sending what the tail has; `ready` follows when nothing is left.
        case joining
        case live
        /// After `reset`.
        case parked
        /// `bye` is on its way.
        case closing
    }

    /// The newest place the client was told: the id of a heartbeat.
    public internal(set) var reached: Mark
    /// Where its database read ended; beyond `reached` when the last page was empty.
    public internal(set) var ahead: Mark?
    /// The number of the next tail frame to send.
    public internal(set) var next = 0
    /// Records sent before the first `ready`.
    public internal(set) var replayed: Int32 = 0
    public internal(set) var phase = Phase.opening
    private var wasReady = false

    public init(at mark: Mark) { reached = mark }
}

/// What a stream may know of its shard when it decides.
public struct TailFacts: Sendable {
    public let epoch: Epoch
    /// Everything up to here was published to this shard.
    public let through: Mark
    /// The seq after which the tail holds everything.
    public let start: Seq
    public let generation: UInt32
    /// Proves recent positions.
    public let recent: RecentNonces

    public init(epoch: Epoch, through: Mark, start: Seq, generation: UInt32, recent: RecentNonces) {
        self.epoch = epoch
        self.through = through
        self.start = start
        self.generation = generation
        self.recent = recent
    }
}

/// How a stream begins.
public enum Entrance: Hashable, Sendable {
    /// No token: live from the head.
    case fromHead
    /// Settled, proven, and the tail reaches back to it.
    case fromTail(Mark)
    /// Only the database can say: the first page judges the token.
    case readPages(SyncToken)
    case reset(Refusal)

    /// Decides by what was presented. A token that the tail cannot vouch for is never refused here but read:
    /// "ahead" in particular is judged in a snapshot opened after the request arrived.
    public init(presented: PresentedToken?, scope: Scope, facts: TailFacts) {
        switch presented {
        case nil: self = .fromHead
        case .null, .malformed: self = .reset(Refusal(.unknown))
        case .token(let token):
            if token.epoch == facts.epoch,
                let refusal = token.refusal(for: scope, generation: facts.generation)
            {
                self = .reset(refusal)
            } else if token.epoch == facts.epoch, token.isSettled, token.pos >= facts.start,
                token.pos <= facts.through.seq, facts.recent[token.pos] == token.nonce
            {
                self = .fromTail(Mark(seq: token.pos, nonce: token.nonce))
            } else {
                self = .readPages(token)
            }
        }
    }
}

/// What to do with a page that was read.
public enum PageStep: Hashable, Sendable {
    /// In mid-round: write it, then read on from its token.
    case writeAndReadOn
    /// The round is done: write it if it holds anything, then join the tail.
    case writeAndJoin
    /// Nothing changed since the token: nothing to write, the position moves with `ready`.
    case join
}

/// A page without its records: what the decision needs.
public struct PageSummary: Hashable, Sendable {
    public let token: SyncToken
    public let hasMore: Bool
    public let recordCount: Int

    public init(_ page: Delta) {
        self.init(token: page.token, hasMore: page.hasMore, recordCount: page.recordCount)
    }

    public init(token: SyncToken, hasMore: Bool, recordCount: Int) {
        self.token = token
        self.hasMore = hasMore
        self.recordCount = recordCount
    }
}

extension StreamState {
    /// Takes note of a page and says what to do with it.
    public mutating func read(page: PageSummary) -> PageStep {
        let mark = Mark(seq: page.token.pos, nonce: page.token.nonce)
        ahead = nil
        replayed = Int32(clamping: Int(replayed) + page.recordCount)
        if page.hasMore {
            reached = mark
            return .writeAndReadOn
        }
        if page.recordCount > 0 {
            reached = mark
            return .writeAndJoin
        }
        ahead = mark
        return .join
    }

    /// The place from which the tail, or the next page, continues.
    public var position: Mark { ahead ?? reached }

    /// Before anything but `ready` follows an empty page: what follows begins where the page ended, and the
    /// client would find something missing in between.
    ///
    /// - Returns: What a heartbeat must cover; nil when the client knows where the stream stands.
    public mutating func tellAhead() -> (from: Seq, to: Mark)? {
        guard let mark = ahead else { return nil }
        ahead = nil
        let from = reached.seq
        guard mark.seq > from else { return nil }
        reached = mark
        return (from, mark)
    }

    /// Whether the tail can take over at this position.
    public func canJoin(tailStart: Seq) -> Bool { position.seq >= tailStart }

    /// Nothing is left to send: the stream is live.
    ///
    /// - Returns: What `ready` covers; nil when the client needs no word: it was told before, and nothing
    ///   it does not know of moved its position.
    public mutating func becomeLive(through: Mark) -> (from: Seq, to: Mark)? {
        defer { ahead = nil }
        phase = .live
        if wasReady && ahead == nil { return nil }
        wasReady = true
        let from = reached.seq
        reached = position.seq > through.seq ? position : through
        return (from, reached)
    }
}
