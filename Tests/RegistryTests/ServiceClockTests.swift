// Ages for retention: no jump of the wall clock, forward or back, makes anything older than it is.

import Domain
import Foundation
import Registry
import Synchronization
import Testing

@Suite struct ServiceClockTests {
    /// A clock that runs when told to. From any thread.
    private final class Running: Sendable {
        private let time = Mutex(Duration.zero)
        var read: @Sendable () -> Duration { { self.time.withLock { $0 } } }
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
    }

    private let file: TemporaryFile
    private let wall = HandClock()
    private let running = Running()

    init() throws { file = try TemporaryFile() }

    private func open() throws -> Registry {
        try Registry(path: file.path, clock: wall.wall, elapsed: running.read)
    }

    @Test func aJumpOfTheWallClockIsNoTime() throws {
        let registry = try open()
        let before = registry.service.now
        wall.advance(seconds: 400 * 86_400)
        running.pass(.seconds(5))
        #expect(registry.service.now == before + .seconds(5))
        wall.advance(seconds: -800 * 86_400)
        #expect(registry.service.now == before + .seconds(5))
    }

    @Test(arguments: [(3_600, 3_600), (400 * 86_400, 86_400), (-400 * 86_400, 0), (0, 0)])
    func ofAPauseADayCountsAtMost(_ pause: Int64, _ counted: Int64) throws {
        var registry = try open()
        running.pass(.seconds(100))
        try registry.keepService()
        let before = registry.service.now
        wall.advance(seconds: pause)
        let reopened = Running()
        registry = try Registry(path: file.path, clock: wall.wall, elapsed: reopened.read)
        #expect(registry.service.now == before + .seconds(counted))
    }

    @Test func aDeviceHoldsUntilItIsSilentForTooLong() throws {
        let registry = try open()
        let (epoch, shop) = (Epoch(9), BusinessID(7))
        let tills = try ["a", "b"].map { name in
            try registry.register(TemporaryRegistry.describe(name), business: shop, abilities: .till).grant
        }
        func holds() throws -> Seq? {
            try registry.holds(in: epoch, maxOffline: .seconds(180 * 86_400))[shop]
        }
        #expect(try holds() == .zero, "registered, and nothing stored yet")
        try registry.acknowledge(tills[0], epoch: epoch, seq: Seq(40))
        #expect(try holds() == .zero)
        try registry.acknowledge(tills[1], epoch: epoch, seq: Seq(30))
        #expect(try holds() == Seq(30))
        // A wall clock that jumps silences nobody.
        wall.advance(seconds: 400 * 86_400)
        #expect(try holds() == Seq(30))
        running.pass(.seconds(170 * 86_400))
        try registry.acknowledge(tills[0], epoch: epoch, seq: Seq(50))
        #expect(try holds() == Seq(30))
        running.pass(.seconds(11 * 86_400))
        #expect(try holds() == Seq(50), "b was silent for longer than 180 days")
        // A position of another history says nothing about this one; a revoked device holds nothing.
        try registry.acknowledge(tills[0], epoch: Epoch(8), seq: Seq(60))
        #expect(try holds() == .zero)
        try registry.revokeDevice(try #require(tills[0].device), business: shop)
        #expect(try holds() == nil)
    }

    @Test func observationsSurviveARestart() throws {
        let some = (1...5).map { number in
            Observation(
                time: Timestamp(milliseconds: Int64(number) * 1_000),
                head: Head(epoch: Epoch(9), seq: Seq(Int64(number)), nonce: NonceTag(UInt16(number))))
        }
        var registry = try open()
        try registry.keep(Array(some[..<3]), .wall, replacing: false)
        try registry.keep([some[4]], .service, replacing: false)
        try registry.keep(Array(some[3...]), .wall, replacing: false)
        registry = try open()
        #expect(try registry.observations(.wall) == some)
        #expect(try registry.observations(.service) == [some[4]])
        try registry.keep([some[0]], .wall, replacing: true)
        #expect(try registry.observations(.wall) == [some[0]])
        #expect(try registry.observations(.service) == [some[4]])
    }
}
