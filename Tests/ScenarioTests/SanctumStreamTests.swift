// An application's own tokens open streams, and lose them when the application says so.

import Foundation
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SanctumStreamTests {
    /// The schema of a fresh Laravel application with Sanctum, as far as tokens go.
    static let schema = """
        CREATE TABLE users(id integer primary key autoincrement not null, name varchar not null,
          email varchar not null, business_id integer, deleted_at datetime);
        CREATE TABLE personal_access_tokens(id integer primary key autoincrement not null,
          tokenable_type varchar not null, tokenable_id integer not null, name varchar not null,
          token varchar(64) not null unique, abilities text, last_used_at datetime, expires_at datetime,
          created_at datetime, updated_at datetime);
        """

    /// A token as `createToken` makes it; the application's database is the one whose changes are told.
    private func createToken(_ daemon: Daemon, business: Int, secret: String) throws -> String {
        let (_, digest) = try runToEnd("/usr/bin/env", ["sha256sum"], input: secret)
        let hash = digest.prefix(64)
        let id = try daemon.sql(
            """
            INSERT INTO users(name, email, business_id) VALUES('Ana', 'a@x', \(business));
            INSERT INTO personal_access_tokens(tokenable_type, tokenable_id, name, token, abilities, created_at)
            VALUES('App\\Models\\User', (SELECT max(id) FROM users), 'till', '\(hash)', '["*"]', datetime())
            RETURNING id;
            """)
        return "\(id)|\(secret)"
    }

    @Test(arguments: [
        "DELETE FROM personal_access_tokens;",
        "UPDATE personal_access_tokens SET expires_at = datetime('now', '-1 second');",
        "UPDATE users SET deleted_at = datetime();",
    ])
    func theApplicationEndsItsStreams(_ sql: String) throws {
        let daemon = try Daemon(["auth.sanctum=true"])
        try daemon.sql(Self.schema)
        let business = try daemon.newBusiness()
        let other = try daemon.newBusiness()
        let token = try createToken(
            daemon, business: business.id, secret: "p3Bj0sT9aCanaryOfTheApplication40chars00")
        let stream = try OpenStream(daemon, token: token)
        _ = try #require(try stream.next("ready"), "\(stream.status)")
        let ticketed = try OpenStream(
            daemon, query: "ticket=\(try TicketWireTests.ticket(daemon, token))")
        _ = try #require(try ticketed.next("ready"))
        try daemon.sql(
            "INSERT INTO products(business_id,name) VALUES(\(other.id),'theirs'),(\(business.id),'ours');")
        let change = try #require(try stream.next("change"))
        #expect(change.list("products", "created").count == 1)
        #expect(try daemon.ask("GET", "/sync/full", token: token).status == 200)
        // A till that it registers has a token of the gateway's, and stays.
        let till = try OpenStream(daemon, token: try daemon.register("till", by: token))
        _ = try #require(try till.next("ready"))

        let start = Date()
        try daemon.sql(sql)
        let bye = try #require(try stream.next("bye"))
        let took = -start.timeIntervalSinceNow
        let reason = sql.contains("expires_at") ? "credential" : "revoked"
        #expect(bye.json["reason"] as? String == reason)
        #expect(took < 3, "\(took) s")
        #expect(try ticketed.next("bye")?.json["reason"] as? String == reason)
        #expect(try daemon.ask("GET", "/sync/full", token: token).status == 401)
        try daemon.sql("INSERT INTO products(business_id,name) VALUES(\(business.id),'after');")
        #expect(try till.next("change") != nil)
        #expect(
            try daemon.sql("SELECT count(*) FROM personal_access_tokens WHERE last_used_at IS NOT NULL;")
                == "0")
    }
}
