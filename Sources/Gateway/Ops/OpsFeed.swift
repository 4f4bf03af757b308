// What the ops page feeds itself from: a server-sent event each second with the figures of that moment.

import Domain
import FanOut
import HTTP
import Journal
import Lanes

/// One open ops page. Lives on the admin listener's loop; its socket's ownership keeps it alive.
final class OpsFeed: ByteStreamOwner {
    /// Pages that may be open at once: each asks every loop once a second.
    static let pagesMax = 8
    private static let pause = Duration.seconds(1)

    private let stream: any ByteStream
    private let lane: any TimedLane
    private let ask: (@Sendable @escaping ([UInt8]) -> Void) -> Void
    private let onEnd: () -> Void
    private var alarm: (any Alarm)?
    private var hasEnded = false

    /// - Parameters:
    ///   - head: The HTTP head of the answer.
    ///   - ask: Collects the figures and calls back with an event, from any lane.
    ///   - onEnd: Called once, when the page has gone.
    init(
        stream: any ByteStream, lane: any TimedLane, head: [UInt8],
        ask: @escaping (@Sendable @escaping ([UInt8]) -> Void) -> Void, onEnd: @escaping () -> Void
    ) {
        self.stream = stream
        self.lane = lane
        self.ask = ask
        self.onEnd = onEnd
        stream.owner = self
        send(head)
        turn()
    }

    private func turn() {
        guard !hasEnded else { return }
        let own = LaneReference(self, on: lane)
        ask { event in own.post { $0.send(event) } }
        alarm = lane.after(Self.pause) { [weak self] in self?.turn() }
    }

    /// A page that does not take an event whole is too slow for this, and comes back by itself.
    private func send(_ bytes: [UInt8]) {
        guard !hasEnded, stream.send(bytes.span) != bytes.count else { return }
        stream.close()
        end()
    }

    private func end() {
        guard !hasEnded else { return }
        hasEnded = true
        alarm?.cancel()
        onEnd()
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        stream.close()
        end()
    }

    func streamClosed() { end() }

    func streamIsWritable() {}
}

/// The figures of one moment, as the ops page reads them. Counters are totals: the page draws differences.
struct FeedAnswer: Encodable {
    let now: String
    let version: String
    let ready: Bool
    let reasons: [String]
    let draining: Bool
    let streams: Int
    let states: [String: Int]
    let opened: Int
    let closed: [String: Int]
    let turnedAway: [String: Int]
    let resumed: [String: Int]
    let connections: Int
    let answers: [String: Int]
    let events: Int
    let deliveries: Int
    let sentBytes: Int
    let bufferedBytes: Int
    let readsQueued: Int
    let head: Int64
    let journalRows: Int
    let latencyBoundsMicroseconds: [Int]
    let latencyBuckets: [Int]
    let longestTurnMicroseconds: Int
    let residentBytes: Int
    let openFiles: Int

    init(_ services: Services, _ tallies: Tallies) {
        let tailer = services.status.tailer
        let shards = tallies.shards
        let figures = ProcessFigures.now()
        now = services.clock.now.description
        version = TidingsVersion.text
        reasons = services.status.reasons
        ready = reasons.isEmpty
        draining = services.status.isDraining
        streams = tallies.streams
        states = Dictionary(uniqueKeysWithValues: tallies.states.map { ($0.key.rawValue, $0.value) })
        opened = shards.opened
        closed = shards.closed
        turnedAway = Dictionary(uniqueKeysWithValues: shards.turnedAway.map { ($0.key.rawValue, $0.value) })
        resumed = Dictionary(uniqueKeysWithValues: shards.resumed.map { ($0.key.rawValue, $0.value) })
        connections = tallies.requests.connections
        answers = Dictionary(
            uniqueKeysWithValues: tallies.requests.answers.map { (String($0.key), $0.value) })
        events = shards.frames
        deliveries = shards.deliveries
        sentBytes = shards.bytes
        bufferedBytes = tallies.bufferedBytes
        readsQueued = services.readers.queued
        head = tailer.head?.seq.rawValue ?? 0
        journalRows = tailer.rows
        latencyBoundsMicroseconds = LatencyTally.boundsMicroseconds
        latencyBuckets = shards.wireLatency.buckets
        longestTurnMicroseconds = Int(tallies.longestTurn / .microseconds(1))
        residentBytes = figures.residentBytes
        openFiles = figures.openFiles
    }

    /// As an event called `figures`.
    var event: [UInt8] {
        guard case .bytes(let bytes) = Response.encoded(self).body else { return [] }
        var json = JSONWriter()
        json.raw(bytes)
        return ServerSentEvent.encode(event: "figures", id: nil, retryMilliseconds: nil, data: json)
    }
}
