// kill -9 between the commit and the answer: the device sends again, in other batches, and nothing is doubled
// and nothing lost.
//
//     TIDINGS_TEST_UPLOAD_KILLS=1000 swift test --filter UploadKillTests      the long run

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UploadKillTests {
    static var kills: Int {
        ModelCheckTests.environment["TIDINGS_TEST_UPLOAD_KILLS"].flatMap { Int($0) } ?? 20
    }

    @Test func killedBetweenCommitAndAnswerNothingIsDoubledAndNothingLost() throws {
        let till = try Uploader(Daemon())
        let shop = try till.stockShop()
        var random = SeededRandom(seed: 11)
        var queue: [[[String: Any]]] = []
        var sold = 0
        var unanswered = 0
        var kill = -1
        // On until one came between a commit and its answer: most often every fourth does.
        while kill + 1 < Self.kills || (unanswered == 0 && kill + 1 < 20 * Self.kills) {
            kill += 1
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                queue.append(
                    Uploader.sale(warehouse: shop.warehouse, variant: shop.variant, quantity: "1.000"))
                sold += 1
            }
            let size = Int.random(in: 1...queue.count, using: &random)
            let before = try sales(till)
            let isAnswered = try sendAndKill(till, Array(queue.prefix(size).joined()), delay: kill)
            try till.daemon.start()
            if !isAnswered, try sales(till) > before { unanswered += 1 }
            if kill % 3 == 2 || kill >= Self.kills - 1 {
                // In one batch after all, or one by one.
                for part in kill % 2 == 0 ? [queue] : queue.map({ [$0] }) {
                    let answer = try till.send(Array(part.joined()))
                    #expect(answer.success == true, "\(answer.json)")
                }
                queue = []
                #expect(try sales(till) == sold)
            }
        }
        let totals = try till.daemon.sql(
            "SELECT count(*), count(DISTINCT sale_id), (SELECT quantity FROM stocks) FROM sale_items;")
        #expect(totals == "\(sold)|\(sold)|-\(sold).000")
        print(
            "upload kills: \(kill + 1), \(sold) sales, \(unanswered) committed and not answered"
        )
        #expect(unanswered > 0, "no kill came between a commit and its answer")
    }

    private func sales(_ till: Uploader) throws -> Int {
        Int(try till.daemon.sql("SELECT count(*) FROM sales WHERE business_id=\(till.business);")) ?? -1
    }

    /// Kills when the -wal file is written to, which is when the transaction is committed, and a moment later
    /// each time. Returns whether the device had its answer.
    private func sendAndKill(_ till: Uploader, _ operations: [[String: Any]], delay: Int) throws -> Bool {
        let socket = try TillSocket(port: till.daemon.port)
        let before = lastWrite(till)
        try socket.request(
            "POST", "/api/v1/sync/batch", headers: [("Authorization", "Bearer \(till.token)")],
            body: Data(Uploader.json(["operations": operations]).utf8))
        let end = Date().addingTimeInterval(2)
        while lastWrite(till) == before, Date() < end { usleep(100) }
        usleep(UInt32(delay % 10) * 200)
        till.daemon.kill()
        return (try? socket.readAnswer(to: "POST", within: 1)) != nil
    }

    private func lastWrite(_ till: Uploader) -> Date? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: till.daemon.database + "-wal")
        return attributes?[.modificationDate] as? Date
    }
}
