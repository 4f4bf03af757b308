// POST /sync/batch, sentence by sentence of docs/PROTOCOL.md § Uploads: the real daemon, the real database.

import Foundation
import Testing
import TidingsTesting

@Suite struct UploadTests {
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

        let poll = try till.daemon.ask(
            "GET", "/sync/full?limit=1000&entities=sales", token: till.token)
        #expect(
            (poll.json?["origins"] as? [String: [String: [String: String]]])?["sales"]?.values.first == origin
        )

        let again = try till.send(sale)
        #expect(again.statuses == ["duplicate", "duplicate"] && again.success == true)
        #expect(try again.id(0) == answer.id(0) && again.version(0) == 1 && again.httpStatus(0) == 200)
        #expect(try #require(again.checkpoint?.seq) >= #require(answer.checkpoint?.seq))
        #expect(try till.daemon.sql("SELECT count(*) FROM sale_items;") == "1")
    }
}
