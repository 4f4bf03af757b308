// Tokens that cannot be answered: of another business, history or catalogue, for more entities, ahead,
// unknown. Each is refused aloud, in the same words over the poll and over the stream, which parks; and what
// may be answered is.

import Domain
import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct RefusalTests {
    typealias Shop = StreamTests.Shop

    static let standard = [
        "products", "categories", "brands", "units", "parties", "vats", "payment_types", "warehouses",
        "attributes", "attribute_values", "variants",
    ]

    private func token(_ daemon: Daemon, _ bearer: String, _ query: String = "") throws -> String {
        try #require(
            try daemon.ask("GET", "/sync/full" + query, token: bearer).json?["sync_token"] as? String)
    }

    private func changed(_ text: String, _ change: (inout SyncToken) -> Void) throws -> String {
        guard case .token(var token) = SyncToken.parse(text) else { throw SocketFailure(description: text) }
        change(&token)
        return token.text
    }

    /// The poll says no in full: status, code, reason, entities, where to go, and nothing for a cache.
    private func expectGone(
        _ daemon: Daemon, _ bearer: String, _ presented: String, _ reason: String, _ entities: [String],
        _ query: String = ""
    ) throws {
        let target = "/api/v1/sync/changes?sync_token=\(presented)" + query
        let answer = try daemon.ask("GET", target, token: bearer)
        #expect(answer.status == 410, "\(reason)")
        #expect(answer.fields["cache-control"] == "no-store")
        let json = try #require(answer.json)
        #expect(json.keys.sorted() == ["entities", "error", "full_sync_url", "message", "reason"])
        #expect(json["error"] as? String == "sync_token_expired")
        #expect(json["reason"] as? String == reason)
        #expect(json["entities"] as? [String] == entities, "\(reason)")
        #expect(json["full_sync_url"] as? String == "/api/v1/sync/full")
        // Waiting for a change does not make it answerable.
        let started = Date()
        #expect(try daemon.ask("GET", target + "&wait=20", token: bearer).status == 410)
        #expect(Date().timeIntervalSince(started) < 10, "\(reason)")
    }

    /// The stream says no in `reset`, and parks: nothing that follows could pass for completeness.
    private func expectReset(
        _ daemon: Daemon, _ bearer: String, _ presented: String, _ reason: String, _ entities: [String],
        _ query: String = "", byHeader: Bool, meanwhile write: () throws -> Void
    ) throws {
        let stream =
            try byHeader
            ? OpenStream(daemon, token: bearer, lastEventID: presented, query: "x=1" + query)
            : OpenStream(daemon, token: bearer, query: "sync_token=\(presented)" + query)
        let hello = try #require(try stream.next("hello"))
        #expect(hello.lastEventID == SyncToken.nullText, "\(reason)")
        let reset = try #require(try stream.next("reset"))
        #expect(reset.lastEventID == SyncToken.nullText)
        #expect(reset.json.keys.sorted() == ["entities", "full_sync_url", "reason"])
        #expect(reset.json["reason"] as? String == reason)
        #expect(reset.json["entities"] as? [String] == entities, "\(reason)")
        #expect(reset.json["full_sync_url"] as? String == "/api/v1/sync/full")
        try write()
        let parked = try #require(try stream.next())
        #expect(parked.type == "heartbeat" && parked.lastEventID == SyncToken.nullText)
        #expect(parked.json["reset"] as? Bool == true)
    }

    @Test func whatCannotBeAnsweredIsResetAndParks() throws {
        let shop = try Shop()
        let daemon = shop.daemon
        try shop.product("Tea")
        let token = try token(daemon, shop.till)
        let other = try daemon.newBusiness()
        let foreign = try self.token(daemon, other.token)
        let cases: [(String, String)] = [
            (SyncToken.nullText, "unknown"), ("rubbish", "unknown"), (foreign, "scope"),
            (
                try changed(token) {
                    $0.pos = Seq($0.pos.rawValue + 50)
                    $0.base = $0.pos
                }, "ahead"
            ),
            (try changed(token) { $0.epoch = Epoch(1) }, "epoch"),
            (try changed(token) { $0.nonce = NonceTag($0.nonce.rawValue ^ 1) }, "epoch"),
            (try changed(token) { $0.generation ^= 1 }, "scope"),
        ]
        for (number, (presented, reason)) in cases.enumerated() {
            try expectGone(daemon, shop.till, presented, reason, Self.standard)
            try expectReset(
                daemon, shop.till, presented, reason, Self.standard, byHeader: number % 2 == 0
            ) { try shop.product("While parked") }
        }
        #expect(try daemon.ask("GET", "/sync/changes?sync_token=\(token)", token: shop.till).status == 200)
    }

    @Test func aWiderSetIsRefusedNamingWhatWasAdded() throws {
        let shop = try Shop()
        let narrow = try token(shop.daemon, shop.till, "?entities=products,vats")
        let wider = "&entities=products,brands,stocks"
        try expectGone(shop.daemon, shop.till, narrow, "scope", ["brands", "stocks"], wider)
        try expectReset(
            shop.daemon, shop.till, narrow, "scope", ["brands", "stocks"], wider, byHeader: true
        ) { try shop.product("While parked") }
        // Named or not: the default set is wider too.
        let rest = Self.standard.filter { !["products", "vats"].contains($0) }
        try expectGone(shop.daemon, shop.till, narrow, "scope", rest)
    }

    @Test func fewerEntitiesThanTheTokensAreAnswered() throws {
        let shop = try Shop()
        let wide = try token(shop.daemon, shop.till)
        try shop.product("Tea")
        try shop.daemon.sql("INSERT INTO vats(business_id,name,rate) VALUES(\(shop.business),'V',5);")
        try shop.daemon.untilRead()
        let fewer = try shop.daemon.ask(
            "GET", "/sync/changes?entities=vats&sync_token=\(wide)", token: shop.till)
        #expect(fewer.status == 200)
        let data = try #require(fewer.json?["data"] as? [String: [String: Any]])
        #expect(data.keys.sorted() == ["vats"] && (data["vats"]?["created"] as? [Any])?.count == 1)
        let stream = try OpenStream(
            shop.daemon, token: shop.till, lastEventID: wide, query: "entities=vats")
        let change = try #require(try stream.next("change"))
        #expect((change.json["data"] as? [String: Any])?.keys.sorted() == ["vats"])
        _ = try #require(try stream.next("ready"))
        // The narrower token cannot go back.
        let narrowed = try #require(fewer.json?["sync_token"] as? String)
        try expectGone(
            shop.daemon, shop.till, narrowed, "scope", Self.standard.filter { $0 != "vats" })
    }

    /// Records have other fields than the till's copy: a new catalogue is not continued into.
    @Test func anotherRevisionOfTheCatalogueIsRefused() throws {
        let daemon = try Daemon(attachedTo: .stall)
        let till = try daemon.register("till", by: try daemon.owner(of: 7))
        try daemon.sql("INSERT INTO items(code,name,secret) VALUES('a','Apple','s');")
        let before = try token(daemon, till)
        let file = daemon.directory.appendingPathComponent("entities.yaml")
        func revise(_ change: (String) -> String) throws {
            daemon.terminate()
            try Data(change(AttachedApplication.stall.catalogue).utf8).write(to: file)
            try daemon.start()
        }
        try revise { "# A comment makes no difference.\n" + $0 }
        #expect(try daemon.ask("GET", "/sync/changes?sync_token=\(before)", token: till).status == 200)
        try revise { $0.replacingOccurrences(of: "[barcode, name]", with: "[barcode, name: string]") }
        try expectGone(daemon, till, before, "scope", ["items", "orders"])
        try expectReset(daemon, till, before, "scope", ["items", "orders"], byHeader: true) {
            try daemon.sql("UPDATE items SET name='Pear';")
        }
        let after = try token(daemon, till)
        #expect(after != before)
        #expect(try daemon.ask("GET", "/sync/changes?sync_token=\(after)", token: till).status == 200)
    }
}
