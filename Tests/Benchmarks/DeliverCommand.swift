// The way from a snapshot to the sockets in one process, with streams that take everything and remember
// nothing: what is left is the gateway's own work for each delivery. Nothing waits, and nothing is timed.

import ArgumentParser
import Dispatch
import Domain
import Events
import FanOut
import Journal
import Lanes
import TidingsTesting

struct DeliverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliver", abstract: "Used by the benches: delivers to streams that are none.",
        shouldDisplay: false)

    @Option var streams: Int
    @Option var snapshots: Int

    func run() throws {
        guard let entity = EntityNumber(1), let name = EntityName("brands") else { return }
        let scope = Scope(business: BusinessID(1), entities: EntitySet([entity]))
        // A heartbeat would be counted with the deliveries.
        var settings = ShardSettings()
        settings.heartbeatSeconds = 3_600
        let events = ControlEvents(
            heartbeatSeconds: settings.heartbeatSeconds, fullSyncURL: "/sync/full", generation: 1,
            wholeSet: scope.entities, nameOf: { _ in name })
        let limits = StreamLimits(total: 0, perBusiness: 0, perDevice: 0, perAddress: 0)
        let roster = StreamRoster(limits: limits)
        let loop = EventLoop(name: "loop-0")
        let shard = Confined(on: loop) { [settings] in
            Shard(
                index: 0, settings: settings, events: events, lane: loop, clock: .system, pages: NoPages(),
                roster: roster, random: SeededRandom(seed: 1))
        }
        let hub = Confined(on: WorkerLane(name: "tailer")) {
            Hub(shards: [shard], events: events, clock: .system)
        }
        shard.post { $0.start(hub: hub, own: shard) }
        hub.post { $0.historyBegan(at: Self.head(0)) }
        let ready = DispatchSemaphore(value: 0)
        let streams = streams
        shard.post { shard in
            let sinks = Sinks(of: streams)
            for index in 0..<streams {
                let identity = StreamIdentity(
                    device: "till-\(index)", token: TokenID(Int64(index)), address: "127.0.0.1", agent: "")
                let request = StreamRequest(
                    identity: identity, scope: scope, presented: nil, head: [],
                    onReady: { ready.signal() })
                shard.attach(request, stream: SinkStream(onSend: sinks.count), id: StreamID(UInt64(index)))
            }
            sinks.onRound = { ready.signal() }
        }
        for _ in 0..<streams { ready.wait() }
        for number in 0..<Int64(snapshots) {
            let (from, to) = (Self.head(number), Self.head(number + 1))
            hub.post { $0.publish(Self.snapshot(of: scope.business, entity, from, to)) }
            ready.wait()
        }
    }

    private static func head(_ seq: Int64) -> Head {
        Head(epoch: Epoch(1), seq: Seq(seq), nonce: NonceTag(nonce: seq))
    }

    private static func snapshot(
        of business: BusinessID, _ entity: EntityNumber, _ from: Head, _ to: Head
    ) -> JournalSnapshot {
        var delta = EntityDelta(entity)
        delta.updated.append(Array(#"{"id":1,"version":2,"name":"what a brand is called"}"#.utf8))
        delta.total = Total()
        return JournalSnapshot(
            from: from, head: to,
            businesses: [BusinessChanges(business: business, content: .entities([delta]))],
            rows: [(to.seq, to.nonce)], oldestWrite: Timestamp(microseconds: 1_767_434_400_000_000))
    }
}

/// Counts what its streams are sent. Lives on their loop.
private final class Sinks {
    private let streams: Int
    private var sends = 0
    /// Called when each stream was sent something.
    var onRound: () -> Void = {}

    init(of streams: Int) { self.streams = streams }

    func count() {
        sends += 1
        if sends.isMultiple(of: streams) { onRound() }
    }
}

/// Nobody is behind.
private final class NoPages: PageSource {
    func page(
        after token: SyncToken, scope: Scope, limit: Int,
        completion: @Sendable @escaping (Result<Delta, any Error>) -> Void
    ) { completion(.failure(Refusal(.unknown))) }
}
