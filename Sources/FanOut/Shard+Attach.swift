// How a stream begins, and how the tail goes on serving it.
//
// Attach: (1) register on the shard at the presented position, catching up; (2) settled, and the tail reaches
// back to it: go to 4; (3) a worker reads pages from the state index, each in its own snapshot, until one
// ends at its snapshot's head; (4) send every tail frame beyond the position whole, `ready`, live. If the
// tail moved past meanwhile: 3 again. Registering before reading is what makes the seam between database and
// tail tight.

public import Domain
public import Lanes

/// A till that wants a stream.
public struct StreamRequest: Sendable {
    public var identity: StreamIdentity
    public var scope: Scope
    /// Nil: no position was presented.
    public var presented: PresentedToken?
    /// The HTTP head of the answer, sent with the first event.
    public var head: [UInt8]
    /// Told when the stream was `ready`.
    public var onReady: (@Sendable () -> Void)?

    public init(
        identity: StreamIdentity, scope: Scope, presented: PresentedToken?, head: [UInt8],
        onReady: (@Sendable () -> Void)? = nil
    ) {
        self.identity = identity
        self.scope = scope
        self.presented = presented
        self.head = head
        self.onReady = onReady
    }
}

extension Shard {
    /// Takes over a socket whose request asked for a stream.
    public func attach(_ request: StreamRequest, stream: any ByteStream, id: StreamID) {
        if drain != nil { return turnAway(request, stream, .drain) }
        switch roster.admit(id, request.identity, of: request.scope.business, shard: index) {
        case .tooMany(let ofDevice): return turnAway(request, stream, ofDevice ? .limit : .overload)
        case .inPlaceOf(let other, let shard): supersede(other, shard: shard)
        case .welcome: break
        }
        let key = TailKey(business: request.scope.business, entities: request.scope.entities)
        let tail = tail(for: key)
        if tail.key != key { counts.narrowedStreams += 1 }
        let device = DeviceStream(request, id: id, stream: stream, shard: self, tail: tail)
        device.indexInShard = Int32(streams.count)
        streams.append(device)
        tail.add(device)
        wheel.add(device, now: seconds)
        counts.opened += 1
        stream.owner = device
        if tail.isOpen { begin(device) }
    }

    /// The tail of an entity set; the business's whole one beyond the bound on sets.
    func tail(for own: TailKey) -> Tail {
        if let tail = tails[own] { return tail }
        var key = own
        if !roster.openTail(own, max: settings.tailSetsPerBusinessMax) {
            key = TailKey(business: own.business, entities: events.wholeSet)
            if let tail = tails[key] { return tail }
            _ = roster.openTail(key, max: .max)
        }
        let tail = Tail(key: key)
        tails[key] = tail
        hub?.post { [index, key] in $0.open(key, shard: index) }
        return tail
    }

    /// The hub delivers this tail from `head` on.
    func tailOpened(_ key: TailKey, at head: Head) {
        guard let tail = tails[key], !tail.isOpen else { return }
        tail.open(at: max(head.seq, through?.seq ?? head.seq))
        if through == nil { through = head }
        for stream in tail.streams where stream.state.phase == .opening { begin(stream) }
        wake(tail)
    }

    private func begin(_ stream: DeviceStream) {
        guard let through, let start = stream.tail.start else { return }
        let facts = TailFacts(
            epoch: through.epoch, through: Mark(through), start: start, generation: events.generation,
            recent: recent)
        switch Entrance(presented: stream.presented, scope: stream.scope, facts: facts) {
        case .fromHead:
            let mark = Mark(through)
            greet(stream, id: events.token(stream.scope, through.epoch, mark), epoch: through.epoch, at: mark)
            counts.resumed[.live, default: 0] += 1
            join(stream)
        case .fromTail(let mark):
            greet(stream, id: presentedText(stream), epoch: through.epoch, at: mark)
            counts.resumed[.tail, default: 0] += 1
            join(stream)
        case .readPages(let token):
            counts.resumed[.index, default: 0] += 1
            stream.state.phase = .backlog
            stream.pageToken = token
            readPage(stream)
        case .reset(let refusal):
            reset(stream, refusal)
        }
    }

    /// Sends `hello`: the stream stands at `mark`, where the client is already.
    func greet(_ stream: DeviceStream, id: String, epoch: Epoch, at mark: Mark) {
        stream.state.reached = mark
        stream.isGreeted = true
        stream.queue(
            events.hello(
                .init(
                    stream: stream.id, id: id, epoch: epoch, position: mark.seq,
                    head: max(mark.seq, through?.seq ?? mark.seq),
                    retryMilliseconds: settings.retry.milliseconds(streams: roster.total, random: &random),
                    now: clock.now)))
    }

    /// The token as the client presented it: it parsed, so it has one spelling.
    func presentedText(_ stream: DeviceStream) -> String {
        guard case .token(let token) = stream.presented else { return SyncToken.nullText }
        return token.text
    }

    /// From here on the tail serves it, or it reads on if the tail has moved past.
    func join(_ stream: DeviceStream) {
        if let start = stream.tail.start, stream.state.canJoin(tailStart: start) {
            stream.pageToken = nil
            stream.state.phase = .joining
            stream.state.next = stream.tail.number(after: stream.state.position.seq)
            // What the tail has, and `ready`, go out in one call with what was decided before.
            if stream.blockedSince == nil { refill(stream) }
        } else {
            fallBack(stream)
        }
        stream.flush()
    }

    /// The tail cannot serve it: pages from where it stands.
    private func fallBack(_ stream: DeviceStream) {
        guard let through else { return }
        if !stream.isNarrowed { counts.falls += 1 }
        tellAhead(stream, through)
        stream.state.phase = .backlog
        stream.pageToken = events.settledToken(stream.scope, through.epoch, stream.state.position)
        readPage(stream)
    }

    private func tellAhead(_ stream: DeviceStream, _ through: Head) {
        guard let (from, to) = stream.state.tellAhead() else { return }
        stream.queue(
            events.heartbeat(
                id: events.token(stream.scope, through.epoch, to), epoch: through.epoch, from: from, to: to,
                head: max(through.seq, to.seq), now: clock.now))
    }

    /// Decides what a writable stream with nothing left to send sends next.
    func refill(_ stream: DeviceStream) {
        switch stream.state.phase {
        case .backlog: readPage(stream)
        case .joining, .live: refillFromTail(stream)
        case .opening, .parked, .closing: break
        }
    }

    private func refillFromTail(_ stream: DeviceStream) {
        let tail = stream.tail
        guard stream.state.next >= tail.firstNumber else { return fallBack(stream) }
        var room = Self.outboxFramesMax
        while room > 0, let frame = tail.frame(stream.state.next) {
            if frame.isGap || stream.isNarrowed {
                if room == Self.outboxFramesMax { fallBack(stream) }
                return
            }
            if let through { tellAhead(stream, through) }
            stream.queueTail(frame)
            room -= 1
        }
        guard stream.state.phase == .joining, stream.state.next == tail.endNumber, let through else { return }
        if let (from, to) = stream.state.becomeLive(through: Mark(through)) {
            stream.queue(
                events.ready(
                    scope: stream.scope, epoch: through.epoch, from: from, to: to, head: through.seq,
                    replayed: Int(stream.state.replayed)))
        }
        stream.caughtUp()
    }
}
