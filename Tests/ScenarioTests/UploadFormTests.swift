// The form of POST /sync/batch: what is refused as a whole, what an Idempotency-Key does, who may upload,
// what mutated bytes meet.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UploadFormTests {
    @Test func whatIsNoBatchIsRefusedAsAWhole() throws {
        let till = try Uploader(Daemon(["uploads.operations=3", "limits.body_size=64KiB"]))
        let id = UUID().uuidString
        func one(_ more: String) -> String {
            #"{"operations":[{"op_id":"\#(id)","entity":"parties","action":"create","#
                + #""data":{"name":"a"}\#(more)}]}"#
        }
        let cases: [(body: String, status: Int, field: String?)] = [
            ("", 400, nil), ("[]", 400, nil), ("{", 400, nil),
            (#"{"operations":1,"operations":2}"#, 400, nil),
            (one(#","data":{}"#), 400, nil), (one(#","x":"# + String(repeating: "[", count: 40)), 400, nil),
            (one(#","base_version":9223372036854775808"#), 400, nil), (one(#","x":1e999"#), 400, nil),
            (one(#","x":"\ud800""#), 400, nil), ("{}", 422, "operations"),
            (#"{"operations":[]}"#, 422, "operations"),
            (#"{"operations":{}}"#, 422, "operations"), (#"{"operations":[7]}"#, 422, "operations.0"),
            (#"{"operations":[{}]}"#, 422, "operations.0.op_id"),
            (#"{"operations":[{"op_id":"1"}]}"#, 422, "operations.0.op_id"),
            (#"{"operations":[{"op_id":"01J8ZK3W7Q000000000000000U"}]}"#, 422, "operations.0.op_id"),
            (one(#","group":7"#), 422, "operations.0.group"),
            (one(#","group":"""#), 422, "operations.0.group"),
            (#"{"atomic":1,"operations":[]}"#, 422, "atomic"),
            (#"{"operations":[1,2,3,4]}"#, 422, "operations"),
            (#"{"a":""# + String(repeating: "a", count: 70_000) + #""}"#, 413, nil),
        ]
        for (body, status, field) in cases {
            let answer = try till.send(text: body)
            #expect(answer.status == status, "\(body.prefix(80)): \(answer.status)")
            if let field { #expect(answer.errors[field] != nil, "\(body.prefix(80)): \(answer.json)") }
            #expect(answer.error != nil)
        }
        #expect(try LimitTests.met(till.daemon, "uploads.operations") == 1)
        let raw = try TillSocket(port: till.daemon.port)
        try raw.request(
            "POST", "/sync/batch", headers: [("Authorization", "Bearer \(till.token)")],
            body: Data(Array(one("").utf8) + [0xFF]))
        #expect(try raw.readAnswer(to: "POST").status == 400)

        let make = Uploader.operation
        let apart = ["a", "b", "a"].map { make("create", "parties", nil, ["name": "x"], ["group": $0]) }
        #expect(try till.send(apart).errors["operations.2.group"]?.count == 1)
        #expect(try till.daemon.sql("SELECT count(*) FROM parties;") == "0", "nothing of it was applied")
        #expect(try till.send(text: one("")).success == true)
    }

    @Test func eachFieldKeepsItsRules() throws {
        let till = try Uploader(Daemon())
        let shop = try till.stockShop()
        let make = Uploader.operation
        let cases: [(entity: String, data: [String: Any], field: String)] = [
            ("products", [:], "name"), ("products", ["name": ""], "name"),
            ("products", ["name": NSNull()], "name"),
            ("products", ["name": String(repeating: "x", count: 201)], "name"),
            ("products", ["name": 1], "name"),
            ("products", ["name": "a", "price": "1,0"], "price"), ("products", ["name": "a", "id": 4], "id"),
            ("products", ["name": "a", "business_id": 1], "business_id"),
            ("products", ["name": "a", "version": 1], "version"),
            ("products", ["name": "a", "deleted_at": NSNull()], "deleted_at"),
            ("products", ["name": "a", "created_at": "x"], "created_at"),
            ("products", ["name": "a", "track_stock": "yes"], "track_stock"),
            ("products", ["name": "a", "status": "gone"], "status"),
            ("products", ["name": "a", "category_id": 999], "category_id"),
            ("products", ["name": "a", "category_id": ["x": 1]], "category_id"),
            ("sales", ["warehouse_id": shop.warehouse, "sold_at": "yesterday"], "sold_at"),
            ("parties", ["name": "a", "balance": "5.00"], "balance"),
        ]
        let answer = try till.send(cases.map { make("create", $0.entity, nil, $0.data, [:]) })
        for (index, example) in cases.enumerated() {
            #expect(answer.results[index]["status"] as? String == "invalid", "\(example)")
            #expect(answer.errors(index)[example.field]?.count == 1, "\(example): \(answer.results[index])")
            #expect(answer.results[index]["message"] as? String == answer.errors(index)[example.field]?.first)
        }
        let good = try till.send([
            make(
                "create", "sales", nil,
                ["warehouse_id": "\(shop.warehouse)", "sold_at": "2026-01-03T10:00:00+02:00", "total": 12],
                [:])
        ])
        #expect(good.success == true, "\(good.json)")
        #expect(
            try till.daemon.sql("SELECT sold_at,total FROM sales;") == "2026-01-03T08:00:00.000000Z|12")
    }

    @Test func anIdempotencyKeyGetsTheSameBytesForADay() throws {
        let till = try Uploader(Daemon())
        let make = Uploader.operation
        let operations = [make("create", "parties", nil, ["name": "Ann"], [:])]
        let first = try till.send(operations, key: "key-1")
        #expect(first.status == 200 && first.answer.fields["idempotent-replayed"] == nil)
        for key in ["key-1", "\"key-1\""] {
            let again = try till.send(operations, key: key)
            #expect(
                again.answer.body == first.answer.body && again.answer.fields["idempotent-replayed"] == "true"
            )
        }
        #expect(try till.send(operations, key: "key-2").statuses == ["duplicate"])
        let other = try till.send([make("create", "parties", nil, ["name": "Bea"], [:])], key: "key-1")
        #expect(other.status == 422 && other.error == "idempotency_key_reused")
        // A refusal is not kept: mended, the key is free.
        #expect(try till.send(text: "{}", key: "key-3").status == 422)
        #expect(try till.send(operations, key: "key-3").status == 200)
        for key in ["\"open", "\"a\"b\"", String(repeating: "k", count: 256), "\"\"", "café"] {
            #expect(try till.send(operations, key: key).error == "bad_idempotency_key", "\(key)")
        }
        // Another device's key is another key, and a day later it is forgotten.
        try till.daemon.sql("UPDATE tidings_answers SET at = at - 86400001 WHERE key='key-1';")
        #expect(try till.send(operations, key: "key-1").answer.fields["idempotent-replayed"] == nil)
    }

    @Test func aRunningKeyIsToldToWaitAndUploadsOnTheirWayFinishOnSIGTERM() throws {
        let till = try Uploader(Daemon(["database.busy_timeout=20s"]))
        let first = Uploader.operation("create", "parties", ["name": "first"])
        #expect(try till.send([first]).success == true)
        let lock = try WriteLock(till.daemon)
        let headers = [("Authorization", "Bearer \(till.token)"), ("Idempotency-Key", "k")]
        let body = try Uploader.json([
            "operations": [Uploader.operation("create", "parties", ["name": "late"])]
        ])
        let waiting = try TillSocket(port: till.daemon.port)
        try waiting.request("POST", "/sync/batch", headers: headers, body: Data(body.utf8))
        let isWaiting = try waitFor(seconds: 10) {
            try Self.metrics(till.daemon).contains("tidings_uploads_waiting 1\n") ? true : nil
        }
        #expect(isWaiting == true)
        let running = try till.send(text: body, key: "k")
        #expect(running.status == 409 && running.error == "idempotency_key_running")
        #expect(running.answer.fields["retry-after"] == "1")
        let ending = Thread { till.daemon.terminate() }
        ending.start()
        usleep(200_000)
        try lock.release()
        let answer = UploadAnswer(try waiting.readAnswer(to: "POST"))
        #expect(answer.status == 200 && answer.statuses == ["applied"])
        _ = waitFor(seconds: 30) { ending.isFinished ? true : nil }
        #expect(try till.daemon.sql("SELECT count(*) FROM parties;") == "2")
    }

    @Test func onlyWhoMayWriteWritesAndOnlyWhereUploadsAreTaken() throws {
        let daemon = try Daemon(["uploads.accept=never"])
        let closed = try Uploader(daemon)
        let party = Uploader.operation("create", "parties", ["name": "Ann"])
        #expect(try closed.send([party]).error == "uploads_off")
        let body = try Uploader.json(["operations": [party]])
        #expect(try daemon.ask("POST", "/sync/batch", body: body).status == 401)
        #expect(try daemon.ask("GET", "/sync/batch", token: closed.token).status == 405)
        #expect(try daemon.sql("SELECT count(*) FROM sqlite_master WHERE name='tidings_operations';") == "0")

        let open = try Uploader(Daemon())
        let made = try open.daemon.tidings(
            "token", "create", "--business", "\(open.business)", "--ability", "sync:read", "--json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(made.utf8)) as? [String: Any])
        let reader = try #require(json["token"] as? String)
        #expect(try open.daemon.ask("POST", "/sync/batch", token: reader, body: body).status == 403)
        #expect(try open.daemon.sql("SELECT count(*) FROM parties;") == "0")
    }

    private static func metrics(_ daemon: Daemon) throws -> String {
        String(
            decoding: try TillSocket.ask(port: daemon.adminPort, "GET", "/metrics").body, as: UTF8.self)
    }

    @Test func mutatedBatchesAreAnsweredAndNeverBreakAnything() throws {
        let till = try Uploader(Daemon())
        let shop = try till.stockShop()
        let make = Uploader.operation
        let seeds = try (0..<8).map { _ in
            let batch =
                Uploader.sale(warehouse: shop.warehouse, variant: shop.variant) + [
                    make(
                        "update", "products", shop.product, ["price": "1.00"],
                        ["base_version": 1, "base": ["price": "2.50"]]),
                    make("delete", "products", shop.product, nil, ["base_version": 7]),
                ]
            return Array(try Uploader.json(["operations": batch, "atomic": false]).utf8)
        }
        var mutator = Mutator(seeds: seeds, words: HostileWords.inJSON.map { Array($0.utf8) }, seed: 3)
        var statuses: [Int: Int] = [:]
        for _ in 0..<400 {
            let bytes = mutator.next()
            let socket = try TillSocket(port: till.daemon.port)
            try socket.request(
                "POST", "/sync/batch", headers: [("Authorization", "Bearer \(till.token)")], body: Data(bytes)
            )
            guard let answer = try? socket.readAnswer(to: "POST") else {
                Issue.record("no answer to \(String(decoding: bytes, as: UTF8.self)): \(till.daemon.log())")
                return
            }
            statuses[answer.status, default: 0] += 1
            #expect([200, 400, 422].contains(answer.status) && answer.json != nil, "\(answer.status)")
        }
        print("mutated batches: \(statuses)")
        #expect(statuses[200] ?? 0 > 0 && statuses[400] ?? 0 > 0)
        let page = try Self.metrics(till.daemon)
        #expect(page.contains("tidings_uploads_total{outcome=\"answered\"} \(statuses[200] ?? 0)\n"))
        #expect(page.contains("tidings_upload_operations_total{status=\"applied\"}"))
        #expect(page.contains("tidings_uploads_waiting 0\n"))
    }
}

/// Another program that holds the write lock. Used by one thread.
final class WriteLock {
    private let process = Process()
    private let input = Pipe.unshared()

    init(_ daemon: Daemon) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
        process.arguments = ["-bail", daemon.database]
        process.standardInput = input
        let output = Pipe.unshared()
        process.standardOutput = output
        try process.start()
        input.fileHandleForWriting.write(Data(".timeout 20000\nBEGIN IMMEDIATE;\nSELECT 'locked';\n".utf8))
        _ = output.fileHandleForReading.availableData
    }

    func release() throws {
        input.fileHandleForWriting.write(Data("ROLLBACK;\n".utf8))
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
