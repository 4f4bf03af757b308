// Who wants to be forgotten is: nothing that names them is left in any table of either file. Which tables
// those are is asked of the schema, so that one which is added and forgotten fails here.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct ErasureTests {
    /// A column that names somebody.
    private struct Place: Hashable, CustomStringConvertible {
        let table: String
        let column: String
        let isGateways: Bool
        var description: String { "\(table).\(column)" }
    }

    /// What stays of a business, on purpose: ids of its records, by which its tills were told.
    private static let staying: Set<String> = ["tidings_journal", "tidings_state", "tidings_floor"]

    /// Every column of that name, or every one there is.
    private func places(_ daemon: Daemon, named names: [String]? = nil) throws -> [Place] {
        let list = names.map { "AND c.name IN ('\($0.joined(separator: "','"))')" } ?? ""
        let query = """
            SELECT t.name || '.' || c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table' \(list) ORDER BY 1;
            """
        return try [true, false].flatMap { isGateways in
            try (isGateways ? daemon.gatewaySQL(query) : daemon.sql(query)).split(separator: "\n").map {
                let parts = $0.split(separator: ".").map(String.init)
                return Place(table: parts[0], column: parts[1], isGateways: isGateways)
            }
        }
    }

    /// Places with a row of which `test` is true; `?` stands for the column.
    private func places(_ daemon: Daemon, _ all: [Place], where test: String) throws -> Set<Place> {
        func found(_ isGateways: Bool) throws -> Set<String> {
            let queries = all.filter { $0.isGateways == isGateways }.map { place in
                let condition = test.replacing("?", with: "\"\(place.column)\"")
                return "SELECT '\(place)' WHERE EXISTS(SELECT 1 FROM \"\(place.table)\" WHERE \(condition));"
            }
            let sql = queries.joined(separator: "\n")
            let text = try isGateways ? daemon.gatewaySQL(sql) : daemon.sql(sql)
            return Set(text.split(separator: "\n").map(String.init))
        }
        let (gateways, others) = (try found(true), try found(false))
        return Set(all.filter { ($0.isGateways ? gateways : others).contains($0.description) })
    }

    /// Where a word stands, in whatever column.
    private func places(_ daemon: Daemon, mentioning word: String) throws -> Set<Place> {
        try places(daemon, places(daemon), where: "instr(CAST(? AS TEXT), '\(word)')")
    }

    /// Everything a till does that leaves a row. Returns its stream, and what it uploaded.
    private func use(_ till: Uploader) throws -> (stream: OpenStream, upload: [[String: Any]]) {
        let daemon = till.daemon
        let full = try daemon.ask("GET", "/sync/full?entities=parties", token: till.token)
        let token = try #require(full.json?["sync_token"] as? String)
        #expect(
            try daemon.ask("POST", "/sync/ack", token: till.token, body: "{\"sync_token\":\"\(token)\"}")
                .status == 204)
        #expect(try daemon.ask("POST", "/sync/ticket", token: till.token).status == 200)
        let upload = [Uploader.operation("create", "parties", ["name": "Customer of \(till.device)"])]
        #expect(try till.send(upload, key: "key-of-\(till.device)").success == true)
        let stream = try OpenStream(daemon, token: till.token, lastEventID: token, query: "entities=parties")
        #expect(try stream.next("ready") != nil)
        let isLogged = try waitFor(seconds: 30) {
            try daemon.gatewaySQL(
                "SELECT count(*) >= 3 FROM tidings_sync_logs WHERE device = '\(till.device)';") == "1"
                ? true : nil
        }
        #expect(isLogged == true)
        return (stream, upload)
    }

    @Test func nothingIsLeftOfAnErasedTill() throws {
        let daemon = try Daemon()
        let erika = try Uploader(daemon, device: "erika-till")
        let owner = try daemon.tidings("user", "create", "Max", "--business", "\(erika.business)", "--json")
        let json = try JSONSerialization.jsonObject(with: Data(owner.utf8)) as? [String: Any]
        let stays = try Uploader(
            daemon, business: erika.business, owner: try #require(json?["token"] as? String), device: "stays")
        let (stream, upload) = try use(erika)
        _ = try use(stays)
        // Whatever can name a device does by now.
        let all = try places(daemon, named: ["device"])
        #expect(all.count >= 7)
        #expect(try places(daemon, all, where: "? = 'erika-till'") == Set(all))

        try daemon.tidings("device", "erase", "erika-till", "--business", "\(erika.business)")
        #expect(try stream.next("bye", within: 30)?.json["reason"] as? String == "revoked")
        #expect(try daemon.ask("GET", "/sync/full", token: erika.token).status == 401)
        // What it still wanted to write down, its streams' ends among it, is written at the end.
        #expect(daemon.terminate() == 0)
        let mentions = try places(daemon, mentioning: "erika-till").map(\.description)
        #expect(mentions == ["parties.name"], "\(mentions)")
        #expect(try places(daemon, all, where: "? = 'stays'") == Set(all))
        try expectNoBytes(of: "erika-till", in: daemon, "gateway.db")

        // Its queue, found and sent by another till, is not sold twice.
        try daemon.start()
        #expect(try stays.send(upload).statuses == ["duplicate"])
    }

    @Test func nothingIsLeftOfAnErasedBusiness() throws {
        let daemon = try Daemon()
        let erika = try Uploader(daemon, device: "erika-till")
        let other = try Uploader(daemon, device: "other-till")
        for till in [erika, other] {
            try daemon.tidings("device", "enrol", "--business", "\(till.business)")
        }
        let shop = try erika.stockShop()
        #expect(
            try erika.send(Uploader.sale(warehouse: shop.warehouse, variant: shop.variant)).success == true)
        let (stream, _) = try use(erika)
        _ = try use(other)
        let all = try places(daemon, named: ["business", "business_id"])
        let own = all.filter { $0.table.hasPrefix("tidings_") && $0.table != "tidings_floor" }
        #expect(own.count >= 10)
        #expect(try places(daemon, own, where: "? = \(erika.business)") == Set(own))

        #expect(throws: (any Error).self) { try daemon.tidings("business", "erase", "\(erika.business)") }
        try daemon.tidings("business", "erase", "\(erika.business)", "--yes")
        #expect(try stream.next("bye", within: 30)?.json["reason"] as? String == "revoked")
        #expect(try daemon.ask("GET", "/sync/full", token: erika.token).status == 401)
        #expect(daemon.terminate() == 0)
        let left = try places(daemon, all, where: "? = \(erika.business)").map(\.table)
        #expect(Self.staying.isSuperset(of: left), "\(left)")
        #expect(try daemon.sql("SELECT count(*) FROM businesses WHERE id = \(erika.business);") == "0")
        #expect(try places(daemon, mentioning: "erika").isEmpty)
        #expect(try places(daemon, own, where: "? = \(other.business)") == Set(own))
        let origins = "FROM tidings_journal WHERE device IS NOT NULL OR operation IS NOT NULL"
        #expect(try daemon.sql("SELECT group_concat(DISTINCT business) \(origins);") == "\(other.business)")
        try expectNoBytes(of: "erika", in: daemon, "gateway.db")
    }

    /// The gateway has not looked since, and takes them for welcome.
    @Test func noUploadComesBehindTheErasure() throws {
        let daemon = try Daemon(["credentials.revocation_check=60s"])
        let erika = try Uploader(daemon, device: "erika-till")
        let other = try Uploader(daemon, device: "frida-till")
        func upload(_ till: Uploader) throws -> Int {
            let operation = Uploader.operation("create", "parties", ["name": "Customer"])
            return try till.send([operation], key: UUID().uuidString).status
        }
        for till in [erika, other] { #expect(try upload(till) == 200) }
        try daemon.tidings("device", "erase", "erika-till", "--business", "\(erika.business)")
        try daemon.tidings("business", "erase", "\(other.business)", "--yes")
        for till in [erika, other] {
            #expect(try daemon.ask("GET", "/sync/changes", token: till.token).status != 401, "or it knows")
            #expect(try upload(till) == 401)
        }
        #expect(daemon.terminate() == 0)
        for word in ["erika", "frida"] { #expect(try places(daemon, mentioning: word).isEmpty) }
    }

    @Test func anErasureThatWasInterruptedCanBeRepeated() throws {
        let daemon = try Daemon()
        let erika = try Uploader(daemon, device: "erika-till")
        let upload = [Uploader.operation("create", "parties", ["name": "Customer"])]
        #expect(try erika.send(upload, key: "key-of-erika").success == true)
        // As if the rows had gone and the rest had failed; or the application had removed the business.
        try daemon.sql(
            "PRAGMA foreign_keys=OFF; DELETE FROM parties; DELETE FROM businesses WHERE id = \(erika.business);"
        )
        let erase = ["business", "erase", "\(erika.business)", "--yes"]
        try daemon.tidings(arguments: erase)
        // What is gone for good is said.
        #expect(throws: SocketFailure.self) { try daemon.tidings(arguments: erase) }
        #expect(daemon.terminate() == 0)
        #expect(try places(daemon, mentioning: "erika").isEmpty)
        #expect(try daemon.gatewaySQL("SELECT count(*) FROM tidings_tokens;") == "0")

        // A till whose row has gone, and whose traces have not.
        let device = ["device", "erase", "erika-till", "--business", "1"]
        try daemon.sql(
            "INSERT INTO tidings_answers(business,device,key,fingerprint,body,at) VALUES(1,'erika-till','k','f','b',1);"
        )
        #expect(throws: SocketFailure.self) { try daemon.tidings(arguments: device) }
        #expect(try places(daemon, mentioning: "erika").isEmpty)
    }

    /// An application's own rows are its affair; what uploads left beside them is ours.
    @Test func ofAnApplicationsBusinessOursIsErased() throws {
        let daemon = try Daemon(["uploads.accept=always"], attachedTo: .stall)
        try daemon.sql("INSERT INTO items(code, name) VALUES('a', 'Apple');")
        let till = try Uploader(daemon, business: 7, owner: daemon.owner(of: 7), device: "erika-till")
        let upload = [Uploader.operation("delete", "items", id: "a", nil, ["base_version": 1])]
        #expect(try till.send(upload, key: "key-of-erika").statuses == ["rejected"])
        #expect(try places(daemon, mentioning: "erika").map(\.table).contains("tidings_answers"))
        try daemon.tidings("business", "erase", "7", "--yes")
        #expect(daemon.terminate() == 0)
        #expect(try places(daemon, mentioning: "erika").isEmpty)
        #expect(try daemon.sql("SELECT name FROM items;") == "Apple")
    }

    /// Nor in free pages, nor in the -wal file.
    private func expectNoBytes(of word: String, in daemon: Daemon, _ file: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: daemon.directory.path)
        for name in names where name == file || name == file + "-wal" {
            let bytes = try Data(contentsOf: daemon.directory.appendingPathComponent(name))
            #expect(bytes.range(of: Data(word.utf8)) == nil, "\(name)")
        }
    }
}
