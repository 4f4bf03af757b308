// kill -9 at any moment: of the gateway, of a writer in the middle of its transaction. Nothing lost, nothing
// doubled, the same history, and the first event soon after the restart.
//
//     TIDINGS_TEST_KILLS=200 swift test --filter KillTests      the long run

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct KillTests {
    static var kills: Int { ModelCheckTests.environment["TIDINGS_TEST_KILLS"].flatMap { Int($0) } ?? 10 }

    @Test func nothingIsLostWhenTheGatewayDies() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let token = try daemon.register("till", by: business.token)
        var random = SeededRandom(seed: 4)
        let till = WanderingTill(
            daemon: daemon, token: token, entities: nil, foreignCanaries: [], seed: 9)
        try till.step()
        var times: [Double] = []
        for kill in 0..<Self.kills {
            let writer = try daemon.startWriter(
                seed: kill, seconds: Double.random(in: 0.2...0.6, using: &random), businesses: [business.id])
            // The till streams, polls and downloads; the gateway dies under it.
            let delay = UInt32.random(in: 10_000...300_000, using: &random)
            let killer = Thread {
                usleep(delay)
                daemon.kill()
            }
            killer.start()
            while !killer.isFinished { try? till.step() }
            if kill % 2 == 0 { Foundation.kill(writer.processIdentifier, SIGKILL) }
            writer.waitUntilExit()
            let start = Date()
            try daemon.start()
            times.append(try firstEvent(daemon, token, business.id).timeIntervalSince(start))
            try till.finish()
            #expect(till.till.violations.isEmpty, "after kill \(kill): \(till.till.violations.prefix(5))")
            guard till.till.violations.isEmpty else { break }
        }
        let wrong = try JournalTruth(daemon, business: business.id).differences(till.till.checkpoints)
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
        #expect(till.refused == [:], "a kill is not a new history")
        times.sort()
        let median = times[times.count / 2]
        print(
            "kills: \(Self.kills), \(till.till.checkpoints.count) copies compared,",
            "first event after a start: median \(median) s, at most \(times.last ?? 0) s"
        )
        // A busy machine only adds to it: what every start took would be in the quickest too.
        #expect(times[0] < 1, "the first event is promised within a second of the restart")
    }

    /// When a new stream had its first event.
    private func firstEvent(_ daemon: Daemon, _ token: String, _ business: Int) throws -> Date {
        let stream = try OpenStream(daemon, token: token)
        _ = try #require(try stream.next("ready"))
        try daemon.sql(
            "INSERT INTO categories(business_id,name) VALUES(\(business),'canary-\(business)- first');")
        _ = try #require(try stream.next("change"))
        return Date()
    }
}
