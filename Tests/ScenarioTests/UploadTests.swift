// POST /sync/batch, sentence by sentence of docs/PROTOCOL.md § Uploads: the real daemon, the real database.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UploadTests {
    @Test func aSaleAndItsLinesAreWrittenOnceAndTheStreamSaysWhoseTheyAre() throws {
        let till = try Uploader(Daemon())
        let shop = try till.stockShop()
        let stream = try OpenStream(till.daemon, token: till.token, query: "entities=sales,sale_items,stocks")
        _ = try #require(try stream.next("ready"))
        let sale = Uploader.sale(warehouse: shop.warehouse, variant: shop.variant)
        let answer = try till.send(sale)
        #expect(answer.status == 200 && answer.success == true, "\(answer.json)")
        #expect(answer.statuses == ["applied", "applied"])
        #expect(answer.httpStatus(0) == 201 && answer.version(0) == 1)
        #expect(answer.count("applied") == 2 && answer.count("conflict") == 0)
        #expect(answer.json["server_timestamp"] is String)

        let event = try #require(try stream.next("change"))
        #expect((event.list("sales", "created").first as? [String: Any])?["id"] as? Int == (try answer.id(0)))
        let origins = try #require(event.json["origins"] as? [String: [String: [String: String]]])
        let origin = ["device_id": "till", "op_id": try #require(sale[0]["op_id"] as? String)]
        #expect(origins["sales"] == ["\(try answer.id(0))": origin])
        #expect(origins["sale_items"]?["\(try answer.id(1))"]?["op_id"] == sale[1]["op_id"] as? String)
        #expect(origins["stocks"]?.count == 1, "what the shop's own triggers did is the operation's doing")
        #expect(event.number("to") == answer.checkpoint?.seq)
        #expect(event.json["epoch"] as? String == answer.checkpoint?.epoch)
        #expect(try till.daemon.sql("SELECT quantity FROM stocks;") == "-2.000")

        let poll = try till.daemon.ask("GET", "/sync/full?limit=1000&entities=sales", token: till.token)
        #expect(
            (poll.json?["origins"] as? [String: [String: [String: String]]])?["sales"]?.values.first == origin
        )

        let again = try till.send(sale)
        #expect(again.statuses == ["duplicate", "duplicate"] && again.success == true)
        #expect(try again.id(0) == answer.id(0) && again.version(0) == 1 && again.httpStatus(0) == 200)
        #expect(try #require(again.checkpoint?.seq) >= #require(answer.checkpoint?.seq))
        #expect(try till.daemon.sql("SELECT count(*) FROM sale_items;") == "1")

        // Another program's change of the same record is nobody's upload.
        try till.daemon.sql("UPDATE sales SET note='x', version=version;")
        let foreign = try #require(try stream.next("change"))
        #expect(foreign.json["origins"] == nil)
    }

    @Test func everyOperationHasAResultOfItsOwn() throws {
        let till = try Uploader(Daemon())
        let make = Uploader.operation
        let made = try till.send([
            make("create", "products", nil, ["name": "tea", "price": "2.50"], [:]),
            make("create", "parties", nil, ["name": "Ann"], ["client_id": "own-1"]),
        ])
        let (product, party) = (try made.id(0), try made.id(1))
        #expect(made.results[1]["client_id"] as? String == "own-1")
        #expect(try till.daemon.sql("SELECT client_id FROM parties;") == "own-1")
        try till.daemon.sql("UPDATE products SET price='2.70' WHERE id=\(product);")

        let answer = try till.send([
            make("update", "products", product, ["price": "3.00"], ["base_version": 1]),
            make(
                "update", "products", product, ["price": "3.00"],
                ["base_version": 1, "base": ["price": "2.50"]]),
            make(
                "update", "products", product, ["name": "chai"],
                ["base_version": 1, "base": ["name": "tea"]]),
            make(
                "update", "products", product, ["price": "2.70"],
                ["base_version": 1, "base": ["price": "1.00"]]),
            make("update", "products", product, ["price": "9.00"], [:]),
            make("delete", "parties", party, nil, ["base_version": 9]),
            make("delete", "parties", party, nil, ["base_version": 1]),
            make("delete", "parties", party, nil, ["base_version": 1]),
            make("update", "parties", party, ["name": "Bea"], ["base_version": 2]),
            make("create", "categories", nil, ["name": "hot"], [:]),
            make("create", "nothings", nil, ["name": "hot"], [:]),
            make("upsert", "products", product, ["name": "hot"], [:]),
            make("update", "products", 424_242, ["name": "hot"], ["base_version": 1]),
        ])
        #expect(
            answer.statuses == [
                "conflict", "conflict", "applied", "applied", "invalid", "conflict", "applied", "applied",
                "conflict",
                "rejected", "invalid", "invalid", "rejected",
            ])
        #expect(answer.success == false && answer.count("conflict") == 4 && answer.count("rejected") == 2)
        let server = try #require(answer.results[0]["server"] as? [String: Any])
        #expect(
            server["price"] as? String == "2.70" && server["version"] as? Int == 2 && answer.version(0) == 2)
        #expect(answer.errors(4)["base_version"]?.count == 1)
        #expect(answer.error(8) == "deleted" && answer.results[8]["server"] is NSNull)
        #expect(answer.error(9) == "not_writable" && answer.httpStatus(9) == 403)
        #expect(answer.errors(10)["entity"] != nil && answer.errors(11)["action"] != nil)
        #expect(answer.error(12) == "not_found" && answer.httpStatus(12) == 404)
        #expect(
            try till.daemon.sql("SELECT name,price,version FROM products;") == "chai|2.70|3",
            "merged: the other's price, our name; what changed nothing is no version")
    }

    @Test func anAppliedIdWithOtherContentNeverCountsAndAConflictIsMendedUnderItsOwn() throws {
        let till = try Uploader(Daemon())
        let other = try Uploader(till.daemon, device: "foreign")
        let make = Uploader.operation
        let product = try till.stockShop().product
        let stale = make("update", "products", product, ["name": "x"], ["base_version": 9])
        #expect(try till.send([stale]).statuses == ["conflict"])

        // Somebody else's record is not there at all.
        let strange = try other.send([make("update", "products", product, ["name": "x"], ["base_version": 1])]
        )
        #expect(strange.statuses == ["rejected"] && strange.error(0) == "not_found")
        #expect(strange.checkpoint == nil)

        let applied = make("update", "products", product, ["name": "tea"], ["base_version": 1])
        let reused = applied.merging(["data": ["name": "coffee"]]) { $1 }
        let mended = stale.merging(["base_version": 2]) { $1 }
        let last = try till.send([applied, reused, mended])
        #expect(last.statuses == ["applied", "rejected", "applied"] && last.error(1) == "op_id_reused")
        let upper = applied.merging(["op_id": (applied["op_id"] as? String ?? "").uppercased()]) { $1 }
        #expect(try till.send([upper]).statuses == ["duplicate"], "ids are the same in either case")
    }

    @Test func groupsStandOrFallTogetherAndHoldNobodyElseUp() throws {
        let till = try Uploader(Daemon())
        let shop = try till.stockShop()
        let make = Uploader.operation
        var broken = Uploader.sale(warehouse: shop.warehouse, variant: shop.variant)
        broken[1]["data"] = ["sale_id": ["$ref": broken[0]["op_id"]], "variant_id": 999, "quantity": "1.000"]
        let good = Uploader.sale(warehouse: shop.warehouse, variant: shop.variant)
        let answer = try till.send(broken + good)
        #expect(answer.statuses == ["skipped", "invalid", "applied", "applied"])
        #expect(answer.errors(1)["variant_id"] == ["The selected variant id is invalid."])
        #expect(answer.httpStatus(0) == 424)
        #expect(try till.daemon.sql("SELECT count(*) FROM sales;") == "1")

        // Mended under the same ids, behind what was applied: in another batch.
        broken[1]["data"] = ["sale_id": ["$ref": broken[0]["op_id"]], "variant_id": shop.variant]
        #expect(try till.send(good + broken).statuses == ["duplicate", "duplicate", "applied", "applied"])

        // All or nothing, if asked.
        let party = make("create", "parties", nil, ["name": "Ann"], [:])
        let wrong = make("create", "parties", nil, [:], [:])
        let stale = make("update", "products", shop.product, ["price": "1.00"], ["base_version": 7])
        let undone = try till.send([party, wrong], ["atomic": true])
        #expect(undone.status == 422 && undone.error == "batch_failed" && undone.success == false)
        #expect(undone.statuses == ["skipped", "invalid"] && undone.checkpoint == nil)
        let conflict = try till.send([party, stale, wrong], ["atomic": true])
        #expect(conflict.status == 409 && conflict.statuses == ["skipped", "conflict", "skipped"])
        #expect(try till.daemon.sql("SELECT count(*) FROM parties;") == "0")
        #expect(try till.send([party], ["atomic": true]).statuses == ["applied"], "nothing was remembered")
    }

    @Test func referencesReachEarlierBatchesAndOnlyRecordsOfTheirKind() throws {
        let till = try Uploader(Daemon())
        let make = Uploader.operation
        let product = make("create", "products", nil, ["name": "tea"], [:])
        let reference = ["$ref": product["op_id"] ?? ""]
        #expect(
            try till.send([make("update", "products", reference, ["name": "x"], [:])]).statuses == ["invalid"]
        )
        #expect(try till.send([product]).statuses == ["applied"])
        let renamed = make("update", "products", reference, ["name": "chai"], [:])
        let priced = make(
            "update", "products", reference, ["price": "1.00"], ["base_version": ["$ref": renamed["op_id"]]])
        let answer = try till.send([renamed, priced])
        #expect(answer.statuses == ["applied", "applied"] && answer.version(1) == 3, "\(answer.json)")

        // Somebody else was there: without a base_version it is a conflict now.
        try till.daemon.sql("UPDATE products SET price='5.00';")
        let late = make("update", "products", reference, ["price": "2.00"], [:])
        let lost = make(
            "update", "products", reference, ["price": "2.00"], ["base_version": ["$ref": priced["op_id"]]])
        let unknown = make(
            "update", "products", reference, ["price": "2.00"], ["base_version": ["$ref": "x"]])
        let wrongKind = make("create", "due_collects", nil, ["party_id": reference, "amount": "1.00"], [:])
        let strange = make("create", "parties", nil, ["name": ["$ref": product["op_id"]]], [:])
        let answers = try till.send([late, lost, unknown, wrongKind, strange])
        #expect(
            answers.statuses == ["conflict", "conflict", "invalid", "invalid", "invalid"], "\(answers.json)")
        #expect(answers.errors(3)["party_id"]?.count == 1 && answers.errors(4)["name"]?.count == 1)
    }

    @Test func whatTheDatabaseRefusesIsToldAndTheRestIsApplied() throws {
        let till = try Uploader(Daemon())
        try till.daemon.sql(
            """
            CREATE TABLE dangling(sale REFERENCES sales(id) DEFERRABLE INITIALLY DEFERRED);
            CREATE TRIGGER app_a BEFORE INSERT ON parties WHEN NEW.name='abort' BEGIN
              SELECT RAISE(ABORT,'no such luck'); END;
            CREATE TRIGGER app_r AFTER INSERT ON parties WHEN NEW.name='rollback' BEGIN
              SELECT RAISE(ROLLBACK,'all gone'); END;
            CREATE TRIGGER app_d AFTER INSERT ON parties WHEN NEW.name='dangling' BEGIN
              INSERT INTO dangling VALUES(424242); END;
            """)
        func party(_ name: String) -> [String: Any] {
            Uploader.operation("create", "parties", ["name": name])
        }
        func product(_ sku: String) -> [String: Any] {
            Uploader.operation("create", "products", ["name": "p", "sku": sku])
        }
        let sent = [
            party("one"), party("abort"), party("rollback"), party("dangling"), product("a"), product("a"),
            party("two"),
        ]
        let answer = try till.send(sent)
        #expect(
            answer.statuses == [
                "applied", "invalid", "rejected", "invalid", "applied", "invalid", "applied",
            ],
            "\(answer.json)")
        #expect(answer.error(1) == "refused" && answer.results[1]["message"] as? String == "no such luck")
        #expect(answer.error(2) == "refused" && answer.error(3) == "foreign_key")
        #expect(answer.errors(5) == ["sku": ["The sku has already been taken."]])
        #expect(try till.daemon.sql("SELECT group_concat(name) FROM parties;") == "one,two")
        #expect(try till.daemon.sql("SELECT count(*) FROM dangling;") == "0")
        #expect(
            try till.send(sent).statuses
                == ["duplicate", "invalid", "rejected", "invalid", "duplicate", "invalid", "duplicate"])

        // However many of them: each batch gets on.
        let many = (0..<20).map { _ in party("rollback") } + [party("three")]
        let first = try till.send(many)
        #expect(first.count("rejected") == 16 && first.count("skipped") == 5)
        #expect(try till.send(many).statuses.last == "applied")
    }

    @Test func aLockedDatabaseCountsNothingAsApplied() throws {
        let till = try Uploader(Daemon(["database.busy_timeout=200ms"]))
        let party = Uploader.operation("create", "parties", ["name": "Ann"])
        #expect(try till.send([Uploader.operation("create", "parties", ["name": "Bea"])]).success == true)
        let lock = try WriteLock(till.daemon)
        let answer = try till.send([party], key: "k")
        #expect(answer.status == 503 && answer.answer.fields["retry-after"] != nil)
        try lock.release()
        let again = try till.send([party], key: "k")
        #expect(again.status == 200 && again.answer.fields["idempotent-replayed"] == nil)
        #expect(again.statuses == ["applied"])
    }
}
