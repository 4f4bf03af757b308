// Who is sent to first: a business that was written to just now waits for one slice of a large one at most,
// and whoever is in mid-pass has half of each slice.

import Domain
import Journal
import Lanes
import Testing
import TidingsTesting

@testable import FanOut

@Suite struct ShardSliceTests {
    private static let slice = Shard.sliceStreams

    @Test func aSmallBusinessWaitsForOneSliceOfALargeOne() throws {
        let large = 10 * Self.slice
        let sent = try Self.order(ofStreams: [large, 3])
        try #require(sent.count == large + 3)
        let last = try #require(sent.lastIndex(of: 1))
        #expect(last < Self.slice + 3)
    }

    @Test func manySmallBusinessesLeaveALargeOneHalfOfEachSlice() throws {
        let large = 10 * Self.slice
        let sent = try Self.order(ofStreams: [large] + Array(repeating: 3, count: large))
        try #require(sent.count == 4 * large)
        let last = try #require(sent.lastIndex(of: 0))
        #expect(last < 2 * large)
    }

    /// Of every size: smaller than half a slice, larger, and one that would fill it.
    @Test(arguments: [3, slice / 2 - 1, slice - 1, slice])
    func whoeverIsInMidPassHasHalfOfTheNextSlice(streams: Int) throws {
        let sent = try Self.order(ofStreams: [4 * Self.slice] + Array(repeating: streams, count: 100))
        let ofLarge = sent.indices.filter { sent[$0] == 0 }
        try #require(ofLarge.count == 4 * Self.slice)
        #expect(ofLarge[Self.slice + Self.slice / 2 - 1] < 2 * Self.slice)
    }

    /// The businesses of the streams that are sent to, in order, when all businesses are written to one after
    /// the other, the first one first.
    private static func order(ofStreams counts: [Int]) throws -> [Int] {
        let lane = WorkerLane(name: "shard")
        defer { lane.stop() }
        let (shard, hub) = joined(on: lane, entity: try #require(EntityName("brands")))
        let sent = Recorder<Int>()
        let ready = Recorder<Int>()
        shard.post { shard in
            for (business, count) in counts.enumerated() {
                for _ in 0..<count { attach(to: shard, business, ready, sent) }
            }
        }
        let total = counts.reduce(0, +)
        try #require(waitFor(seconds: 10) { ready.all.count == total ? true : nil } == true)
        let before = sent.all.count
        hub.post { hub in
            for business in counts.indices { hub.publish(snapshot(of: business)) }
        }
        try #require(waitFor(seconds: 10) { sent.all.count - before == total ? true : nil } == true)
        return Array(sent.all.dropFirst(before))
    }

    private static let entities = EntitySet(bits: 2)

    /// Both on one lane, so that what is published comes in order.
    private static func joined(
        on lane: WorkerLane, entity: EntityName
    ) -> (Confined<Shard>, Confined<Hub>) {
        let settings = ShardSettings()
        let events = ControlEvents(
            heartbeatSeconds: settings.heartbeatSeconds, fullSyncURL: "/sync/full", generation: 1,
            wholeSet: entities, nameOf: { _ in entity })
        let roster = StreamRoster(
            limits: StreamLimits(total: 0, perBusiness: 0, perDevice: 0, perAddress: 0))
        let shard = Confined(on: lane) { [settings] in
            Shard(
                index: 0, settings: settings, events: events, lane: lane, clock: .system, pages: NoPages(),
                roster: roster, random: SeededRandom(seed: 1))
        }
        let hub = Confined(on: lane) { Hub(shards: [shard], events: events, clock: .system) }
        shard.post { $0.start(hub: hub, own: shard) }
        hub.post { $0.historyBegan(at: head(0)) }
        return (shard, hub)
    }

    private static func attach(
        to shard: Shard, _ business: Int, _ ready: Recorder<Int>, _ sent: Recorder<Int>
    ) {
        let number = Int64(shard.streamCount)
        let identity = StreamIdentity(
            device: "till-\(number)", token: TokenID(number), address: "127.0.0.1", agent: "")
        let request = StreamRequest(
            identity: identity, scope: Scope(business: BusinessID(Int64(business)), entities: entities),
            presented: nil, head: [], onReady: { ready.record(business) })
        let stream = SinkStream { sent.record(business) }
        shard.attach(request, stream: stream, id: StreamID(UInt64(number)))
    }

    private static func snapshot(of business: Int) -> JournalSnapshot {
        let (from, to) = (head(Int64(business)), head(Int64(business) + 1))
        let content = BusinessChanges.Content.entities(entities.map { EntityDelta($0) })
        return JournalSnapshot(
            from: from, head: to,
            businesses: [BusinessChanges(business: BusinessID(Int64(business)), content: content)],
            rows: [(to.seq, to.nonce)], oldestWrite: nil)
    }

    private static func head(_ seq: Int64) -> Head {
        Head(epoch: Epoch(1), seq: Seq(seq), nonce: NonceTag(nonce: seq))
    }
}

/// Nobody is behind.
private final class NoPages: PageSource {
    func page(
        after token: SyncToken, scope: Scope, limit: Int,
        completion: @Sendable @escaping (Result<Delta, any Error>) -> Void
    ) { completion(.failure(Refusal(.unknown))) }
}
