// How a stream ends: said aloud with `bye` where the peer can still hear it, cut where it cannot.

public import Domain
import Lanes

/// Why a stream ended, for counting.
public enum EndReason: Hashable, Sendable {
    /// The client went away.
    case client
    /// The server could not deliver in time.
    case slow
    case bye(ByeReason)

    /// The word on the metric.
    public var label: String {
        switch self {
        case .client: "client"
        case .slow: "slow"
        case .bye(let reason): reason.rawValue
        }
    }
}

/// What a stream was, told once it is over. Immutable.
public struct StreamEnded: Sendable {
    public let business: BusinessID
    public let identity: StreamIdentity
    public let reason: EndReason
    /// What the client presented; nil: nothing that can be read.
    public let from: Seq?
    public let to: Seq
    public let records: Int
    public let bytes: Int
    public let seconds: Int
}

/// A shard on its way out.
struct Drain {
    let closesPerTick: Double
    /// How many may be closed now. A slow pace earns less than one a tick.
    var credit = 1.0
    var done: @Sendable () -> Void
}

extension Shard {
    /// How often a draining shard closes its next lot.
    static let drainTick = Duration.milliseconds(100)

    /// The stream cannot be continued: says so, and parks. Only heartbeats with the null token follow,
    /// nothing that could pass for completeness.
    func reset(_ stream: DeviceStream, _ refusal: Refusal) {
        guard stream.state.phase != .parked, stream.state.phase != .closing else { return }
        counts.resumed[.reset, default: 0] += 1
        stream.state.phase = .parked
        stream.pageToken = nil
        if !stream.isGreeted, let through {
            greet(stream, id: SyncToken.nullText, epoch: through.epoch, at: Mark(through))
        }
        stream.send([events.reset(refusal, scope: stream.scope)])
    }

    /// Says goodbye and closes once that is on its way.
    func bye(_ stream: DeviceStream, _ reason: ByeReason) {
        guard stream.state.phase != .closing else { return }
        stream.state.phase = .closing
        stream.endReason = .bye(reason)
        stream.send([ControlEvents.bye(reason, retryMilliseconds: retry(for: reason))])
    }

    private func retry(for reason: ByeReason) -> Int {
        switch reason {
        case .limit: RetryPlan.long(600_000, random: &random)
        case .superseded: RetryPlan.long(3_600_000, random: &random)
        case .credential, .revoked: RetryPlan.long(60_000, random: &random)
        case .drain:
            settings.retry.milliseconds(
                streams: roster.total, over: settings.drainMilliseconds, random: &random)
        case .lifetime, .slow, .overload:
            settings.retry.milliseconds(streams: roster.total, random: &random)
        }
    }

    /// A newcomer that cannot have a stream: 200, `bye`, end. What an EventSource obeys, and others read.
    func turnAway(_ request: StreamRequest, _ stream: any ByteStream, _ reason: ByeReason) {
        counts.turnedAway[reason, default: 0] += 1
        let bye = ControlEvents.bye(reason, retryMilliseconds: retry(for: reason))
        // A fresh socket takes a few hundred bytes.
        let answer = request.head + bye.bytes
        _ = stream.send(answer.span)
        stream.close()
    }

    func supersede(_ id: StreamID, shard: Int) {
        guard shard != index else { return superseded(id) }
        hub?.post { $0.supersede(id, shard: shard) }
    }

    /// Its device has opened another stream, and this one's peer has been silent.
    func superseded(_ id: StreamID) {
        guard let stream = streams.first(where: { $0.id == id }) else { return }
        sayOrCut(stream, .superseded)
    }

    /// Ends every stream of these credentials. Returns at once; each is told why, unless its socket is full:
    /// then it is cut, for it must not go on to read what waits for it.
    public func end(streamsOf tokens: Set<TokenID>, saying reason: ByeReason) {
        guard !tokens.isEmpty else { return }
        for stream in streams where tokens.contains(stream.identity.token) { sayOrCut(stream, reason) }
    }

    private func sayOrCut(_ stream: DeviceStream, _ reason: ByeReason) {
        bye(stream, reason)
        if !stream.isClosed { cut(stream, counting: .bye(reason)) }
    }

    /// Everything written, `bye` included.
    func finish(_ stream: DeviceStream) {
        stream.stream.close()
        forget(stream, counting: stream.endReason ?? .client)
    }

    /// Closes at the client's doing.
    func close(_ stream: DeviceStream, counting reason: EndReason) {
        stream.stream.close()
        forget(stream, counting: reason)
    }

    /// Ends at once what cannot be told.
    func cut(_ stream: DeviceStream, counting reason: EndReason) {
        stream.stream.abort()
        forget(stream, counting: stream.endReason ?? reason)
    }

    /// Strikes a stream whose socket is gone.
    func forget(_ stream: DeviceStream, counting reason: EndReason) {
        guard !stream.isClosed else { return }
        stream.isClosed = true
        stream.state.phase = .closing
        stream.dropOutbox()
        counts.closed[reason.label, default: 0] += 1
        onEnd?(stream.ended(reason))
        roster.remove(stream.id, stream.identity, of: stream.tail.key.business)
        wheel.remove(stream)
        stream.tail.remove(stream)
        if stream.tail.streams.isEmpty { stream.tail.emptySince = seconds }
        let last = streams.removeLast()
        if last !== stream {
            streams[Int(stream.indexInShard)] = last
            last.indexInShard = stream.indexInShard
        }
        if streams.isEmpty, let drain { drain.done() }
    }

    /// Says goodbye to everyone at a pace, and to newcomers at once.
    ///
    /// - Parameter closesPerSecond: For this shard.
    /// - Parameter done: Called on the loop when the last stream is gone; at once when there is none.
    public func drain(closesPerSecond: Double, done: @Sendable @escaping () -> Void) {
        guard drain == nil else { return }
        drain = Drain(closesPerTick: closesPerSecond / 10, done: done)
        for tail in tails.values { wake(tail, everyone: true) }
        if streams.isEmpty { return done() }
        drainSome()
    }

    private func drainSome() {
        guard var now = drain, let own, !streams.isEmpty else { return }
        let count = Int(now.credit)
        now.credit += now.closesPerTick - Double(count)
        drain = now
        let told = streams.lazy.filter { $0.state.phase != .closing }.prefix(count)
        let lot = told.isEmpty ? Array(streams.prefix(count)) : Array(told)
        for stream in lot {
            // Whoever could not take its `bye` is cut when nobody else is left to be told.
            if stream.state.phase == .closing {
                cut(stream, counting: .bye(.drain))
            } else {
                bye(stream, .drain)
            }
        }
        _ = lane.after(Self.drainTick) { own.with { $0.drainSome() } }
    }
}

extension DeviceStream {
    fileprivate func ended(_ reason: EndReason) -> StreamEnded {
        StreamEnded(
            business: tail.key.business, identity: identity, reason: reason, from: begunAt,
            to: state.reached.seq,
            records: Int(recordsSent), bytes: bytesSent, seconds: shard.seconds - Int(openedAt))
    }
}
