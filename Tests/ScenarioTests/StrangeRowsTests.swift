// Rows that no careful application would write, in a database that is not ours: whatever stands there, a
// business's tills get all of what is theirs, nothing of another's, and can read it.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct StrangeRowsTests {
    static let application = AttachedApplication(
        schema: """
            CREATE TABLE things(id INTEGER PRIMARY KEY, business_id TEXT, name TEXT, options TEXT,
              version INTEGER DEFAULT 1, created_at TEXT, updated_at TEXT, deleted_at TEXT);
            CREATE TABLE codes(id TEXT PRIMARY KEY, business_id TEXT, version TEXT, name TEXT,
              created_at TEXT, updated_at TEXT, deleted_at TEXT);
            """,
        catalogue: """
            entities:
              things:
                number: 1
                default: true
                fields: [name, options: json]
              codes:
                number: 2
                default: true
                key_type: text
                fields: [name]
            """)

    /// Names of the records of a full download; nil when it is no JSON.
    private func names(_ answer: Answer, _ entity: String = "things") -> [String]? {
        let parts = answer.json?["data"] as? [String: [String: Any]]
        return (parts?[entity]?["created"] as? [[String: Any]])?.map { $0["name"] as? String ?? "?" }
    }

    private func total(_ answer: Answer, _ entity: String = "things") -> Int? {
        (answer.json?["data"] as? [String: [String: Any]])?[entity]?["total"] as? Int
    }

    @Test func aTextThatIsNoJSONBreaksNobodysSync() throws {
        let daemon = try Daemon(attachedTo: Self.application)
        try daemon.sql("INSERT INTO things(id,business_id,name,options) VALUES(1,'b','t','{\"a\": 1}');")
        let token = try daemon.owner(of: "b")
        let stream = try OpenStream(daemon, token: token)
        _ = try #require(try stream.next("ready"))
        let texts = [
            #"["\x41"]"#, #"["\ud800"]"#, "[\"\\\n\"]", "[\"a\\\nid: x\\\nretry: 1\\\n\"]", "[1e999]",
            "[1\n,2]",
        ]
        for text in texts {
            try daemon.sql("UPDATE things SET options='\(text)';")
            let change = try #require(try stream.next("change"))
            let record = try #require(
                change.list("things", "updated").first as? [String: Any], "\(change.data.debugDescription)")
            if let list = record["options"] as? [Int] {
                #expect(list == [1, 2])
            } else {
                #expect(record["options"] as? String == text)
            }
            #expect(!change.data.contains("\n") && stream.retryMilliseconds != 1)
            #expect(names(try daemon.ask("GET", "/sync/full?limit=10", token: token)) == ["t"])
        }
    }

    @Test func businessesWhoseNamesLookAlikeAreTwo() throws {
        let daemon = try Daemon(attachedTo: Self.application)
        let businesses = ["caf\u{E9}", "cafe\u{301}"]
        try daemon.sql(
            "INSERT INTO things(business_id,name) VALUES('\(businesses[0])','0'),('\(businesses[1])','1');")
        let tokens = try businesses.map { try daemon.owner(of: $0) }
        let streams = try tokens.map { try OpenStream(daemon, token: $0) }
        for stream in streams { _ = try #require(try stream.next("ready")) }
        // At the same moment: full downloads of one business are shared.
        for round in 0..<2 {
            for (place, token) in tokens.enumerated() {
                let answer = try daemon.ask("GET", "/sync/full", token: token)
                #expect(names(answer) == ["\(place)"] && total(answer) == 1, "round \(round)")
            }
        }
        for (place, business) in businesses.enumerated() {
            try daemon.sql("INSERT INTO things(business_id,name) VALUES('\(business)','later \(place)');")
        }
        for (place, stream) in streams.enumerated() {
            let change = try #require(try stream.next("change"))
            let created = change.list("things", "created") as? [[String: Any]]
            #expect(created?.map { $0["name"] as? String } == ["later \(place)"])
        }
        try daemon.sql("UPDATE things SET name=name||'!';")
        for (place, stream) in streams.enumerated() {
            let updated =
                try #require(try stream.next("change")).list("things", "updated") as? [[String: Any]]
            #expect(updated?.map { $0["name"] as? String } == ["\(place)!", "later \(place)!"])
        }
    }
}
