// What an operator sees of a stream: who it is, where it stands, how far behind and why. Made only when
// somebody asks; nothing on the path of a change knows of it.

public import Domain
import Lanes

/// One stream as it stands now. A value.
public struct StreamReport: Hashable, Sendable {
    /// What a stream is doing, in an operator's words.
    public enum State: String, Hashable, Sendable, CaseIterable {
        case opening, backlog, joining, live, parked, closing
        /// Its socket takes nothing: the peer reads too slowly, or not at all.
        case blocked
    }

    public let id: StreamID
    public let business: BusinessID
    public let device: String
    public let token: TokenID
    public let address: String
    public let agent: String
    public let entityCount: Int
    public let state: State
    /// Everything up to here was handed to its socket.
    public let position: Seq
    /// Journal rows, of any business, between its position and what was published; 0 when nothing is pending.
    public let lagChanges: Int
    /// Age of the oldest change that waits for it; 0 when nothing does.
    public let lagSeconds: Int
    /// Decided to be sent, not taken by the socket yet.
    public let unsentBytes: Int
    public let sentBytes: Int
    public let ageSeconds: Int
}

/// Which streams, in which order, how many. A value.
public struct StreamQuery: Hashable, Sendable {
    /// What comes first.
    public enum Order: String, Hashable, Sendable, CaseIterable {
        /// Furthest behind, in seconds and then in changes.
        case lag
        /// Oldest.
        case age
        /// Most bytes sent.
        case bytes
    }

    public var ids: Set<StreamID>?
    public var business: BusinessID?
    public var device: String?
    public var state: StreamReport.State?
    /// A part of the device, the business, the address or the agent.
    public var text: String?
    public var order = Order.lag
    /// How many of the first are wanted.
    public var limit = 100

    public init() {}

    func matches(_ stream: DeviceStream) -> Bool {
        let identity = stream.identity
        if let ids, !ids.contains(stream.id) { return false }
        if let business, stream.business != business { return false }
        if let device, identity.device != device { return false }
        if let state, stream.reportedState != state { return false }
        guard let text, !text.isEmpty else { return true }
        return identity.device.contains(text) || identity.address.contains(text)
            || identity.agent.contains(text) || stream.business.description == text
    }
}

/// The first streams that a query matches, and how many it matches. A value.
public struct StreamReports: Sendable {
    public var matched = 0
    public var first: [StreamReport] = []

    public init() {}

    /// Joins the answers of all shards: the first of all that match.
    public init(joining parts: [StreamReports], by query: StreamQuery) {
        matched = parts.reduce(0) { $0 + $1.matched }
        first = parts.flatMap(\.first)
        first.sort { query.order.key(of: $0) > query.order.key(of: $1) }
        first = Array(first.prefix(query.limit))
    }
}

extension StreamQuery.Order {
    /// Greater comes first.
    fileprivate func key(of report: StreamReport) -> (Int, Int, UInt64) {
        switch self {
        case .lag: (report.lagSeconds, report.lagChanges, report.id.rawValue)
        case .age: (report.ageSeconds, 0, .max - report.id.rawValue)
        case .bytes: (report.sentBytes, 0, report.id.rawValue)
        }
    }
}

/// A device of a business.
public struct DeviceName: Hashable, Sendable {
    public let business: BusinessID
    public let device: String

    public init(business: BusinessID, device: String) {
        self.business = business
        self.device = device
    }
}

/// What a business has on one shard. A value.
public struct BusinessTally: Hashable, Sendable {
    public var streams = 0
    public var blocked = 0
    /// Streams for which something waits.
    public var behind = 0
    /// Bytes sent by the streams that are open now.
    public var sentBytes = 0

    public init() {}

    public static func += (sum: inout BusinessTally, other: BusinessTally) {
        sum.streams += other.streams
        sum.blocked += other.blocked
        sum.behind += other.behind
        sum.sentBytes += other.sentBytes
    }
}

extension DeviceStream {
    fileprivate var business: BusinessID { tail.key.business }

    fileprivate var reportedState: StreamReport.State {
        switch state.phase {
        case .closing: .closing
        case .parked: .parked
        case _ where blockedSince != nil: .blocked
        case .opening: .opening
        case .backlog: .backlog
        case .joining: .joining
        case .live: .live
        }
    }

    /// Whether something it should have waits here.
    fileprivate var isBehind: Bool {
        switch state.phase {
        case .parked, .closing: false
        case .opening, .backlog, .joining: true
        case .live: hasUnsent || state.next != tail.endNumber
        }
    }
}

extension Shard {
    /// The first of the streams that a query matches.
    ///
    /// - Complexity: A look at every stream of the shard, a sort of those that match, a report for each of
    ///   `limit`: about 2 ms for ten thousand.
    public func report(_ query: StreamQuery) -> StreamReports {
        let now = clock.now
        var found: [(key: (Int, Int, UInt64), stream: DeviceStream)] = []
        for stream in streams where query.matches(stream) { found.append((key(query, stream, now), stream)) }
        found.sort { $0.key > $1.key }
        var reports = StreamReports()
        reports.matched = found.count
        reports.first = found.prefix(query.limit).map { report(of: $0.stream, now) }
        return reports
    }

    /// How many streams are in which state.
    public func states() -> [StreamReport.State: Int] {
        streams.reduce(into: [:]) { $0[$1.reportedState, default: 0] += 1 }
    }

    /// Bytes of frames that tails hold, each once however many streams share it.
    public var bufferedBytes: Int { tails.values.reduce(0) { $0 + $1.byteCount } }

    /// What each business has here.
    public func businesses() -> [BusinessID: BusinessTally] {
        var tallies: [BusinessID: BusinessTally] = [:]
        for stream in streams {
            var tally = BusinessTally()
            tally.streams = 1
            tally.blocked = stream.blockedSince == nil ? 0 : 1
            tally.behind = stream.isBehind ? 1 : 0
            tally.sentBytes = stream.bytesSent
            tallies[stream.business, default: BusinessTally()] += tally
        }
        return tallies
    }

    /// How many streams each device has here.
    public func streamsByDevice() -> [DeviceName: Int] {
        streams.reduce(into: [:]) { counts, stream in
            counts[DeviceName(business: stream.business, device: stream.identity.device), default: 0] += 1
        }
    }

    /// Says goodbye to every stream that a query matches; they come back when they like. Returns how many.
    public func disconnect(_ query: StreamQuery) -> Int {
        let matched = streams.filter { query.matches($0) && $0.state.phase != .closing }
        for stream in matched { bye(stream, .drain) }
        return matched.count
    }

    private func key(_ query: StreamQuery, _ stream: DeviceStream, _ now: Timestamp) -> (Int, Int, UInt64) {
        switch query.order {
        case .lag: (lagSeconds(of: stream, now), lagChanges(of: stream), stream.id.rawValue)
        case .age: (age(of: stream), 0, .max - stream.id.rawValue)
        case .bytes: (stream.bytesSent, 0, stream.id.rawValue)
        }
    }

    private func report(of stream: DeviceStream, _ now: Timestamp) -> StreamReport {
        let identity = stream.identity
        return StreamReport(
            id: stream.id, business: stream.business, device: identity.device, token: identity.token,
            address: identity.address, agent: identity.agent, entityCount: stream.entities.count,
            state: stream.reportedState, position: position(of: stream), lagChanges: lagChanges(of: stream),
            lagSeconds: lagSeconds(of: stream, now), unsentBytes: stream.unsentBytes,
            sentBytes: stream.bytesSent, ageSeconds: age(of: stream))
    }

    private func age(of stream: DeviceStream) -> Int { seconds - Int(stream.openedAt) }

    /// With nothing pending a stream stands at what was published, though no heartbeat has said so yet.
    private func position(of stream: DeviceStream) -> Seq {
        guard let through, stream.state.phase == .live, !stream.isBehind else {
            return stream.pageToken?.pos ?? stream.state.reached.seq
        }
        return max(through.seq, stream.state.reached.seq)
    }

    private func lagChanges(of stream: DeviceStream) -> Int {
        guard let through, stream.isBehind else { return 0 }
        return max(0, Int(through.seq.rawValue - position(of: stream).rawValue))
    }

    private func lagSeconds(of stream: DeviceStream, _ now: Timestamp) -> Int {
        guard stream.isBehind else { return 0 }
        let blocked = stream.blockedSince.map { seconds - Int($0) } ?? 0
        guard let written = stream.tail.frame(stream.state.next)?.writtenAt else {
            return max(blocked, stream.state.phase == .live ? 0 : age(of: stream))
        }
        return max(blocked, Int((now.microseconds - written.microseconds) / 1_000_000), 0)
    }
}
