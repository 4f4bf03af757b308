// From a full download to polling to a stream while writers write: always equal, wherever the hand-over
// happens.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct HandOverTests {
    @Test func fullThenChangesThenStreamIsTheDatabase() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let token = try daemon.register("till", by: business.token)
        let writers = try (0..<2).map {
            try daemon.startWriter(seed: 70 + $0, seconds: 4, businesses: [business.id])
        }
        var checkpoints: [Till.Checkpoint] = []
        var rounds = 0
        while writers.contains(where: \.isRunning) || rounds <= 3 {
            rounds += 1
            var till = Till(entities: [])
            till.full(try daemon.ask("GET", "/sync/full", token: token).body)
            repeat {
                let position = till.position
                let answer = try daemon.ask(
                    "GET", "/sync/changes?limit=5&sync_token=\(till.token ?? "")", token: token)
                guard till.changes(answer.body, from: position) else { break }
            } while true
            let stream = try OpenStream(daemon, token: token, lastEventID: till.token)
            till.streamOpened()
            let end = Date().addingTimeInterval(0.3)
            while end.timeIntervalSinceNow > 0, let event = try stream.next(within: end.timeIntervalSinceNow)
            {
                #expect(till.receive(event) != .missing)
            }
            #expect(till.violations.isEmpty, "\(till.violations.prefix(5))")
            checkpoints += till.checkpoints
        }
        let wrong = try JournalTruth(daemon, business: business.id).differences(checkpoints)
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }

    @Test func aTillThatWasAwayForThousandsOfChangesCatchesUp() throws {
        let daemon = try Daemon()
        let business = try daemon.newBusiness()
        let token = try daemon.register("till", by: business.token)
        var till = Till(entities: [])
        till.full(try daemon.ask("GET", "/sync/full", token: token).body)
        try daemon.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 4000)
            INSERT INTO products(business_id,name) SELECT \(business.id), 'away '||i FROM n;
            DELETE FROM products WHERE id % 3 = 0;
            UPDATE products SET price='9.99' WHERE id % 3 = 1;
            """)
        try daemon.untilRead()
        let stream = try OpenStream(daemon, token: token, lastEventID: till.token)
        till.streamOpened()
        while let event = try stream.next(within: 20) {
            #expect(till.receive(event) != .missing)
            if event.type == "ready" { break }
        }
        #expect(till.violations.isEmpty, "\(till.violations.prefix(5))")
        #expect(try JournalTruth(daemon, business: business.id).differences(till.checkpoints).isEmpty)
        #expect(till.copy["products"]?.count == Int(try daemon.sql("SELECT count(*) FROM products;")))
    }
}
