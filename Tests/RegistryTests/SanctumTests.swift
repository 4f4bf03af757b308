// An application's own tokens, in the tables Laravel Sanctum makes: good where they say so, for as long as
// the application leaves them, and never written to unless that was chosen.

import Domain
import Foundation
import Registry
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct SanctumTests {
    /// An application's database, and a registry that reads its tokens. On the test's own thread.
    final class Application {
        let file: TemporaryFile
        let own: TemporaryFile
        let clock = HandClock()
        let registry: Registry
        private(set) var deaths: [TokenID] = []

        init(_ change: (inout SanctumLayout) -> Void = { _ in }) throws {
            file = try TemporaryFile()
            own = try TemporaryFile()
            try Self.make(file)
            var layout = SanctumLayout(path: file.path)
            change(&layout)
            registry = try Registry(path: own.path, clock: clock.wall, sanctum: layout)
            registry.onDeath = { [unowned self] died in deaths += died }
        }

        static func make(_ file: TemporaryFile) throws {
            try shell(
                file,
                """
                PRAGMA journal_mode=WAL;
                CREATE TABLE users(id integer primary key autoincrement not null, name varchar not null,
                  email varchar not null, business_id integer, deleted_at datetime);
                CREATE TABLE personal_access_tokens(id integer primary key autoincrement not null,
                  tokenable_type varchar not null, tokenable_id integer not null, name varchar not null,
                  token varchar not null unique, abilities text, last_used_at datetime, expires_at datetime,
                  created_at datetime, updated_at datetime);
                INSERT INTO users(name, email, business_id)
                VALUES ('Ana', 'a@x', 7), ('Bo', 'b@x', 8), ('Nobody', 'n@x', NULL);
                """)
        }

        /// SQL as another program runs it: the `sqlite3` shell. Returns what it printed.
        @discardableResult static func shell(_ file: TemporaryFile, _ sql: String) throws -> String {
            let (status, output) = try runToEnd(
                "/usr/bin/sqlite3", ["-bail", "-nullvalue", "NULL", file.path, sql])
            #expect(status == 0, "\(sql)\n\(output)")
            return output.trimmingCharacters(in: .newlines)
        }

        @discardableResult func sql(_ statements: String) throws -> String {
            try Self.shell(file, statements)
        }

        /// A token as `createToken` makes it. Returns what its holder presents.
        func token(
            of user: Int = 1, abilities: String = #"["*"]"#, type: String = #"App\Models\User"#,
            expiresAt: String = "NULL", createdAt: String = "'2027-01-15 08:00:00'"
        ) throws -> String {
            let secret = "secret-of-the-token-\(UUID().uuidString)"
            let id = try sql(
                """
                INSERT INTO personal_access_tokens(tokenable_type, tokenable_id, name, token, abilities, expires_at,
                  created_at) VALUES ('\(type)', \(user), 'till', '\(SecretHash(of: secret).hex)', '\(abilities)',
                  \(expiresAt), \(createdAt)) RETURNING id
                """)
            return "\(id)|\(secret)"
        }

        /// As a request meets it: the registry is asked when the book does not know it.
        func verdict(_ token: String) throws -> Verdict {
            if registry.book.isStranger(token, now: clock.now) { try registry.check(meeting: token) }
            return registry.book.check(bearer: token, now: clock.now)
        }
    }

    @Test func aTokenIsGoodForItsOwnersBusiness() throws {
        let application = try Application()
        let ana = try application.token()
        let bo = try application.token(of: 2, abilities: #"["sync:read:products","orders:create","ops"]"#)
        let grant = try #require(try application.verdict(ana).grant)
        #expect(grant.business == BusinessID(7) && grant.device == nil)
        #expect(grant.abilities.readsEverything && grant.abilities.mayWrite)
        #expect(!grant.abilities.mayOperate, "an application's token operated the gateway")
        let other = try #require(try application.verdict(bo).grant)
        #expect(other.business == BusinessID(8) && !other.abilities.mayOperate && !other.abilities.mayWrite)
        #expect(other.abilities.mayRead(try #require(EntityName("products"))))
        // Without its id, as Sanctum takes it too.
        let secret = String(try #require(ana.split(separator: "|").last))
        #expect(try application.verdict(secret).grant == grant)
    }

    @Test func whatIsNotClearlyAPersonsLetsNobodyIn() throws {
        let application = try Application()
        for token in [
            try application.token(of: 3), try application.token(of: 99),
            try application.token(type: #"App\Models\Robot"#),
            "1|a-secret-that-nobody-was-given", "999|a-secret-that-nobody-was-given",
            "a-secret-that-nobody-was-given",
        ] {
            #expect(try application.verdict(token) == .unknown, "\(token)")
        }
        #expect(
            try application.verdict(application.token(abilities: "not json")).grant?.abilities.mayRead
                == false)
        let expired = "'2027-01-15 07:59:59'"
        #expect(try application.verdict(application.token(expiresAt: expired)) == .expired)
        #expect(try application.verdict(application.token(expiresAt: "'soon'")) == .expired)
    }

    /// Theirs are counted apart from ours: the same id twice, and each is its own.
    @Test func idsOfBothKindsDoNotMeet() throws {
        let application = try Application()
        let ours = try application.registry.createToken(
            name: "ours", business: BusinessID(1), user: nil, abilities: .till, expiresAt: nil)
        let theirs = try application.token()
        #expect(ours.revealed.hasPrefix("1|") && theirs.hasPrefix("1|"))
        #expect(try application.verdict(ours.revealed).grant?.business == BusinessID(1))
        #expect(try application.verdict(theirs).grant?.business == BusinessID(7))
        try application.registry.revokeToken(TokenID(1))
        #expect(application.deaths == [TokenID(1)])
        #expect(try application.verdict(theirs).grant?.business == BusinessID(7))
        #expect(try application.verdict(ours.revealed) == .revoked)
    }

    @Test(arguments: [
        "DELETE FROM personal_access_tokens WHERE id = 1",
        "UPDATE personal_access_tokens SET expires_at = '2020-01-01 00:00:00' WHERE id = 1",
        "UPDATE personal_access_tokens SET abilities = '[\"sync:read\"]' WHERE id = 1",
        "UPDATE personal_access_tokens SET token = '\(SecretHash(of: "another").hex)' WHERE id = 1",
        "UPDATE personal_access_tokens SET tokenable_id = 2 WHERE id = 1",
        "DELETE FROM users WHERE id = 1", "UPDATE users SET deleted_at = '2027-01-01 00:00:00' WHERE id = 1",
        "UPDATE users SET business_id = 8 WHERE id = 1", "UPDATE users SET business_id = NULL WHERE id = 1",
    ])
    func whatTheApplicationEndsIsEnded(_ sql: String) throws {
        let application = try Application()
        let (token, other) = (try application.token(), try application.token(of: 2))
        let before = try application.verdict(token)
        #expect(before.grant != nil)
        _ = try application.verdict(other)
        try application.registry.check()
        #expect(application.deaths.isEmpty)
        try application.sql(sql)
        try application.registry.check()
        #expect(application.deaths == [TokenID(-1)])
        #expect(try application.verdict(token) != before)
        #expect(try application.verdict(other).grant != nil)
    }

    @Test func timeEndsTokensToo() throws {
        let application = try Application { $0.lifetimeSeconds = 3_600 }
        // The clock of the tests stands at 2027-01-15 08:00.
        let long = try application.token()
        let short = try application.token(expiresAt: "'2027-01-15 08:00:10'")
        let unborn = try application.token(createdAt: "NULL")
        #expect(try application.verdict(unborn) == .expired)
        #expect(try application.verdict(long).grant != nil && application.verdict(short).grant != nil)
        application.clock.advance(seconds: 10)
        try application.registry.check()
        #expect(application.deaths == [TokenID(-2)])
        application.clock.advance(seconds: 3_600)
        try application.registry.check()
        #expect(application.deaths == [TokenID(-2), TokenID(-1)])
        #expect(try application.verdict(long) == .expired)
    }

    /// The look that would find the old secret gone comes later.
    @Test func aRowThatHasAnotherSecretEndsItsOldHolderWhenItIsPresented() throws {
        let application = try Application()
        let old = try application.token()
        #expect(try application.verdict(old).grant != nil)
        let secret = "another-secret-of-the-same-row-\(UUID().uuidString)"
        try application.sql(
            "UPDATE personal_access_tokens SET token = '\(SecretHash(of: secret).hex)' WHERE id = 1")
        #expect(try application.verdict("1|" + secret).grant != nil)
        #expect(application.deaths == [TokenID(-1)])
        #expect(try application.verdict(old) == .unknown)
        try application.registry.check()
        #expect(application.deaths == [TokenID(-1)], "once")
    }

    @Test func whomTimeEndsIsEndedAlsoWhileTheFileCannotBeRead() throws {
        let application = try Application()
        let token = try application.token(expiresAt: "'2027-01-15 08:00:10'")
        #expect(try application.verdict(token).grant != nil)
        try FileManager.default.removeItem(at: application.file.directory)
        application.clock.advance(seconds: 10)
        #expect(throws: (any Error).self) { try application.registry.check() }
        #expect(application.deaths == [TokenID(-1)])
    }

    @Test func nothingIsWrittenUnlessChosen() throws {
        func lastUsed(_ application: Application) throws -> String {
            try application.sql("SELECT last_used_at FROM personal_access_tokens")
        }
        let reading = try Application()
        let token = try reading.token()
        let size = try FileManager.default.attributesOfItem(atPath: reading.file.path)[.size] as? Int
        _ = try reading.verdict(token)
        try reading.registry.keep()
        #expect(try lastUsed(reading) == "NULL")
        #expect(try FileManager.default.attributesOfItem(atPath: reading.file.path)[.size] as? Int == size)
        #expect(try Application.shell(reading.own, "SELECT token FROM tidings_application_uses") == "1")

        let touching = try Application { $0.touches = true }
        let touched = try touching.token()
        _ = try touching.verdict(touched)
        try touching.registry.keep()
        #expect(try lastUsed(touching) == "2027-01-15 08:00:00")
        touching.clock.advance(seconds: 30)
        _ = try touching.verdict(touched)
        try touching.registry.keep()
        #expect(try lastUsed(touching) == "2027-01-15 08:00:00", "more than once a minute")
        touching.clock.advance(seconds: 30)
        try touching.registry.keep()
        #expect(try lastUsed(touching) == "2027-01-15 08:00:30")
        // Our own write to the table ends nobody.
        try touching.registry.check()
        #expect(touching.deaths.isEmpty)
    }

    @Test func anotherFileAtThePathIsNoticed() throws {
        let application = try Application()
        let token = try application.token()
        #expect(try application.verdict(token).grant != nil)
        let other = try TemporaryFile()
        try Application.make(other)
        try Application.shell(other, "PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: application.file.path + suffix)
        }
        try FileManager.default.removeItem(atPath: application.file.path)
        try FileManager.default.moveItem(atPath: other.path, toPath: application.file.path)
        try application.registry.check()
        #expect(application.deaths == [TokenID(-1)])
        #expect(try application.verdict(token) == .unknown)
    }

    @Test func ticketsAndTillsComeFromTheirTokensToo() throws {
        let application = try Application()
        let token = try application.token()
        let grant = try #require(try application.verdict(token).grant)
        let ticket = try application.registry.issueTicket(grant, lifetimeSeconds: 60, boundSeconds: 600)
        guard
            case .honoured(let holder, _, let cookie, _) = try application.registry.redeemTicket(
                ticket.revealed, cookie: nil)
        else {
            Issue.record("the ticket was dead")
            return
        }
        #expect(holder == grant.token)
        let till = try application.registry.register(TemporaryRegistry.describe("a"), by: grant)
        #expect(till.grant.business == BusinessID(7))
        try application.sql("DELETE FROM personal_access_tokens")
        try application.registry.check()
        let again = try application.registry.redeemTicket(ticket.revealed, cookie: cookie.revealed)
        #expect(again == .dead(wasTold: false))
        // A till's own token is the gateway's.
        #expect(try application.verdict(till.token.revealed).grant == till.grant)
    }

    @Test func oneBusinessNeedsNoColumn() throws {
        let application = try Application { $0.business = BusinessID(.text("only")) }
        #expect(
            try application.verdict(application.token(of: 3)).grant?.business == BusinessID(.text("only")))
    }
}
