// Where one database snapshot becomes frames: encoded once per (business, entity set) that anyone listens to,
// and posted to every shard in one piece with "published through here". Lives with the tailer, so that the
// order of snapshots is the order of frames without a lock.

public import Domain
public import Journal
public import Lanes

/// What the hub posts to a shard for each snapshot.
struct Publication: Sendable {
    let head: Head
    let frames: [(key: TailKey, frame: Frame)]
    let rows: [(seq: Seq, nonce: NonceTag)]
}

/// Encodes snapshots and hands them to the shards. Lives on the tailer's lane.
public final class Hub: TailSink {
    /// One that shards are sent. Lives on the hub's lane.
    private final class OpenTail {
        /// `from` of the next frame.
        var lastTo: Seq
        var shards: Set<Int> = []

        init(lastTo: Seq) { self.lastTo = lastTo }
    }

    private let shards: [Confined<Shard>]
    private let events: ControlEvents
    private let clock: WallClock
    private var tails: [BusinessID: [EntitySet: OpenTail]] = [:]
    private var head: Head?

    public init(shards: [Confined<Shard>], events: ControlEvents, clock: WallClock) {
        self.shards = shards
        self.events = events
        self.clock = clock
    }

    public private(set) var interest = Interest()

    public func historyBegan(at head: Head) {
        self.head = head
        for sets in tails.values {
            for tail in sets.values { tail.lastTo = head.seq }
        }
        for shard in shards { shard.post { $0.historyBegan(at: head) } }
    }

    public func publish(_ snapshot: JournalSnapshot) {
        head = snapshot.head
        var frames = [[(key: TailKey, frame: Frame)]](repeating: [], count: shards.count)
        for changes in snapshot.businesses {
            for (set, tail) in tails[changes.business] ?? [:] {
                let key = TailKey(business: changes.business, entities: set)
                guard let frame = frame(for: changes, key: key, from: tail.lastTo, snapshot: snapshot) else {
                    continue
                }
                tail.lastTo = snapshot.head.seq
                for shard in tail.shards { frames[shard].append((key, frame)) }
            }
        }
        for (index, shard) in shards.enumerated() {
            let publication = Publication(head: snapshot.head, frames: frames[index], rows: snapshot.rows)
            shard.post { $0.deliver(publication) }
        }
    }

    /// Begins to deliver a tail to a shard. Everything after the head of this moment will come.
    func open(_ key: TailKey, shard: Int) {
        guard let head else { return }
        let tail = tails[key.business]?[key.entities] ?? OpenTail(lastTo: head.seq)
        tail.shards.insert(shard)
        tails[key.business, default: [:]][key.entities] = tail
        updateInterest(of: key.business)
        shards[shard].post { $0.tailOpened(key, at: head) }
    }

    /// The shard has dropped the tail.
    func close(_ key: TailKey, shard: Int) {
        tails[key.business]?[key.entities]?.shards.remove(shard)
        if tails[key.business]?[key.entities]?.shards.isEmpty == true {
            tails[key.business]?[key.entities] = nil
        }
        if tails[key.business]?.isEmpty == true { tails[key.business] = nil }
        updateInterest(of: key.business)
    }

    /// Passes a word from one shard to another.
    func supersede(_ stream: StreamID, shard: Int) { shards[shard].post { $0.superseded(stream) } }

    private func updateInterest(of business: BusinessID) {
        interest.entities[business] = tails[business].map { sets in
            EntitySet(bits: sets.keys.reduce(0) { $0 | $1.bits })
        }
    }

    private func frame(
        for changes: BusinessChanges, key: TailKey, from: Seq, snapshot: JournalSnapshot
    ) -> Frame? {
        switch changes.content {
        case .tooLarge(let entities):
            return entities.intersection(key.entities).isEmpty ? nil : .gap(to: Mark(snapshot.head))
        case .entities(let all):
            let parts = all.filter { key.entities.contains($0.entity) }
            guard !parts.isEmpty else { return nil }
            let token = snapshot.head.token(for: key.scope, generation: events.generation)
            let delta = Delta(
                from: from, token: token, hasMore: false, entities: parts, serverTime: clock.now)
            return events.change(delta, writtenAt: snapshot.oldestWrite)
        }
    }
}
