// The streams of one event loop, and the tails they share. Where the hub's publications meet sockets.
//
// Delivery goes in slices: a tail with something new stands in a queue, a slice sends to at most
// `sliceStreams` of its streams, then the loop turns and the next tail has its slice. Tails that were not
// visited yet go first; half of each slice is for those in mid-pass, in turn. So a business with 9,000
// streams never delays one with three by more than a slice, nobody is passed over, and when frames come
// faster than sockets take them, a stream that is visited sends all it has missed in one call.
//
// The rest of the type: Shard+Attach (how streams begin), Shard+Backlog (pages), Shard+Clock (heartbeats,
// slowness, lifetime), Shard+Ending (bye, drain, revocation), Shard+Waiting (polls that wait for a change).

import DequeModule
import Domain
public import Lanes

/// Bounds and paces of a shard. config/tidings.yaml tells what each is for.
public struct ShardSettings: Sendable {
    public var heartbeatSeconds = 15
    public var tailBytesMax = 256 * 1_024
    public var tailFramesMax = 1_024
    /// How long a tail is kept after its last stream left, so that a returning one finds it.
    public var tailLingerSeconds = 120
    /// Entity sets per business that have tails of their own.
    public var tailSetsPerBusinessMax = 16
    public var pageLimit = 1_000
    /// A stream that is behind by both of these is closed.
    public var slowBytesMax = 1_024 * 1_024
    public var slowSecondsMax = 30
    /// 0: streams live until something ends them.
    public var lifetimeSeconds = 0
    /// By how much lifetimes differ, so that a fleet does not turn over at once.
    public var lifetimeJitterPercent = 20
    /// Over how long clients of a draining gateway are told to return.
    public var drainMilliseconds = 10_000
    public var retry = RetryPlan()

    public init() {}
}

/// The streams and tails of one loop. Lives on that loop.
public final class Shard {
    /// Streams served before the loop turns: less than half a millisecond of sends.
    static let sliceStreams = 48
    /// Frames a stream may have decided to send: what one `sendmsg` carries.
    static let outboxFramesMax = 128

    let index: Int
    let settings: ShardSettings
    let events: ControlEvents
    let lane: any TimedLane
    let clock: WallClock
    let pages: any PageSource
    let roster: StreamRoster
    let backlog = Backlog()
    var random: any RandomNumberGenerator
    /// Set once, before the first stream: the hub knows the shards and the shards the hub.
    var hub: Confined<Hub>?
    var own: Confined<Shard>?
    /// Told of every stream that is over. On this loop.
    public var onEnd: ((StreamEnded) -> Void)?

    var tails: [TailKey: Tail] = [:]
    var streams: [DeviceStream] = []
    var through: Head?
    var recent = RecentNonces()
    var wheel: HeartbeatWheel
    /// Whether the next slice of heartbeats is posted already.
    var isBeating = false
    /// Whole seconds since the shard began: the clock of heartbeats and ages.
    var seconds = 0
    var drain: Drain?
    public internal(set) var counts = ShardCounts()
    /// Tails with something new that no stream was sent yet.
    private var fresh = Deque<Tail>()
    /// Tails with something new that some of their streams were sent.
    private var begun = Deque<Tail>()
    private var isSlicing = false

    public init(
        index: Int, settings: ShardSettings, events: ControlEvents, lane: any TimedLane, clock: WallClock,
        pages: any PageSource, roster: StreamRoster, random: any RandomNumberGenerator
    ) {
        self.index = index
        self.settings = settings
        self.events = events
        self.lane = lane
        self.clock = clock
        self.pages = pages
        self.roster = roster
        self.random = random
        wheel = HeartbeatWheel(seconds: settings.heartbeatSeconds)
    }

    /// Joins the shard to its hub and to its own box, and starts its clock. Once, before the first stream.
    public func start(hub: Confined<Hub>, own: Confined<Shard>) {
        self.hub = hub
        self.own = own
        scheduleTick()
    }

    public var streamCount: Int { streams.count }

    // MARK: What the hub posts

    /// The journal was opened. In another history every stream that was promised the old one is told, and
    /// parked; in the same one streams read what came since from the state index.
    func historyBegan(at head: Head) {
        let before = through?.epoch
        through = head
        recent.removeAll()
        recent.insert(head.seq, head.nonce)
        for tail in tails.values where tail.isOpen {
            tail.open(at: head.seq)
            enqueue(tail)
            wake(tail, everyone: true)
        }
        if let before, before != head.epoch {
            for stream in streams where stream.state.phase != .opening { reset(stream, Refusal(.epoch)) }
        }
        slice()
    }

    func deliver(_ publication: Publication) {
        guard through?.epoch == publication.head.epoch else { return }
        for row in publication.rows { recent.insert(row.seq, row.nonce) }
        recent.insert(publication.head.seq, publication.head.nonce)
        through = publication.head
        for (key, frame) in publication.frames {
            guard let tail = tails[key], tail.isOpen else { continue }
            tail.append(frame, bytesMax: settings.tailBytesMax, framesMax: settings.tailFramesMax)
            enqueue(tail)
            wake(tail)
        }
        slice()
    }

    // MARK: Slices

    private func enqueue(_ tail: Tail) {
        guard !tail.isQueued, !tail.streams.isEmpty else { return }
        tail.isQueued = true
        tail.cursor = 0
        tail.passEnd = tail.endNumber
        fresh.append(tail)
    }

    /// Whose turn it is, with `budget` streams of the slice left, and for how many of them.
    private func nextTurn(_ budget: Int) -> (tail: Tail, streams: Int)? {
        let ofFresh = budget - (begun.isEmpty ? 0 : Self.sliceStreams / 2)
        if ofFresh > 0, let tail = fresh.popFirst() { return (tail, ofFresh) }
        return (begun.popFirst() ?? fresh.popFirst()).map { ($0, budget) }
    }

    /// Serves slices until a turn's worth of streams was served, then lets the loop turn.
    private func slice() {
        guard !isSlicing else { return }
        var budget = Self.sliceStreams
        while budget > 0, let (tail, streams) = nextTurn(budget) {
            budget -= serve(tail, atMost: streams)
            if tail.cursor < tail.streams.count {
                begun.append(tail)
            } else {
                tail.isQueued = false
                // Frames that came during the pass reached the streams behind the cursor only.
                if tail.endNumber > tail.passEnd { enqueue(tail) }
            }
        }
        guard !fresh.isEmpty || !begun.isEmpty else { return }
        isSlicing = true
        own?.post { shard in
            shard.isSlicing = false
            shard.slice()
        }
    }

    /// Visits streams from the tail's cursor on. Returns how many.
    private func serve(_ tail: Tail, atMost budget: Int) -> Int {
        var served = 0
        while served < budget, tail.cursor < tail.streams.count {
            let stream = tail.streams[tail.cursor]
            tail.cursor += 1
            served += 1
            stream.flush()
        }
        return served
    }

    /// - Parameter openedAt: When its stream began: a change that is older is told from its backlog.
    func delivered(_ frame: Frame, openedAt: Int32) {
        let age = frame.writtenAt.map { clock.now.microseconds - $0.microseconds }
        // Both in whole seconds: a second more belongs to the stream.
        let isLive = age ?? 0 <= Int64(seconds - Int(openedAt) + 1) * 1_000_000
        counts.delivered(frame, age: age, isLive: isLive)
    }
}
