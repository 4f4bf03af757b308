// Other programs write to the file too: what they end is ended here within a second, and what they cannot
// know is kept safe from them.

import Domain
import Foundation
import Glibc
import Lanes
import Registry
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct OtherProcessTests {
    private struct Death {
        let tokens: Set<TokenID>
        let at: ContinuousClock.Instant
    }

    /// The registry on its lane, looking as often as the gateway does; Python ends a token in one of four
    /// ways.
    @Test(arguments: [
        "DELETE FROM tidings_tokens WHERE id = 1",
        "UPDATE tidings_tokens SET revoked_at = 1 WHERE id = 1",
        "DELETE FROM tidings_devices WHERE device = 'a'",
        "UPDATE tidings_devices SET state = 'revoked' WHERE device = 'a'",
        "UPDATE tidings_tokens SET abilities = '[]' WHERE id = 1",
        "UPDATE tidings_tokens SET expires_at = 1 WHERE id = 1",
    ])
    func whatAnotherProcessEndsIsReportedWithinASecond(_ sql: String) async throws {
        let file = try TemporaryFile()
        let lane = WorkerLane(name: "registry")
        defer { lane.stop() }
        let (died, ended) = AsyncStream.makeStream(of: Death.self)
        let registry = Confined(
            try {
                let registry = try Registry(path: file.path, clock: .system)
                for name in ["a", "b"] {
                    _ = try registry.register(
                        TemporaryRegistry.describe(name), business: BusinessID(1), abilities: .till)
                }
                registry.onDeath = { ended.yield(Death(tokens: $0, at: .now)) }
                return registry
            }(), to: lane)
        @Sendable func look() {
            registry.with { try? $0.check() }
            _ = lane.after(.milliseconds(250)) { look() }
        }
        lane.post { look() }
        try file.python(sql)
        let committed = ContinuousClock.now
        let watchdog = Task {
            try await Task.sleep(for: .seconds(30))
            ended.finish()
        }
        defer { watchdog.cancel() }
        let first = try #require(await died.first { _ in true })
        #expect(first.tokens == [TokenID(1)])
        #expect(first.at - committed < .seconds(5))
    }

    @Test func aTokenMadeByAnotherProcessIsKnownAfterTheNextLook() throws {
        let temporary = try TemporaryRegistry()
        let command = try Registry(path: temporary.file.path, clock: temporary.clock.wall, checkpoints: false)
        let token = try command.createToken(
            name: "made by hand", business: BusinessID(1), user: nil, abilities: .till, expiresAt: nil)
        #expect(temporary.check(token) == .unknown)
        try temporary.registry.check()
        #expect(temporary.check(token).grant?.business == BusinessID(1))
        #expect(temporary.deaths.isEmpty)
    }

    @Test func rowsThatMakeNoSenseLetNobodyInAndStopNothing() throws {
        let temporary = try TemporaryRegistry()
        let token = try temporary.token()
        let columns = "tokenable_type, tokenable_id, name, token, abilities, business, device, created_at"
        let hash = SecretHash(of: "secret-secret").hex
        for (hash, business, device) in [
            ("'not hex'", "1", "NULL"), ("'\(hash)'", "x'00'", "NULL"), ("'\(hash)'", "1", "'a b'"),
        ] {
            try temporary.file.python(
                "INSERT INTO tidings_tokens(\(columns)) VALUES ('x', 1, 'n', \(hash), '[\"*\"]', "
                    + "\(business), \(device), 0)"
            )
            try temporary.registry.check()
            #expect(temporary.check(Secret("secret-secret")) == .unknown)
            try temporary.file.python("DELETE FROM tidings_tokens WHERE id > 1")
        }
        try temporary.registry.check()
        #expect(temporary.check(token).grant != nil)
        #expect(temporary.deaths.isEmpty)
    }

    @Test func listingWritesNothing() throws {
        let temporary = try TemporaryRegistry()
        _ = try temporary.till("a")
        let wal = temporary.file.path + "-wal"
        let size = try FileManager.default.attributesOfItem(atPath: wal)[.size] as? Int
        let command = try Registry(path: temporary.file.path, clock: temporary.clock.wall, checkpoints: false)
        #expect(try command.tokens().count == 1)
        #expect(try command.devices(of: nil).count == 1)
        #expect(try command.users().isEmpty)
        #expect(try FileManager.default.attributesOfItem(atPath: wal)[.size] as? Int == size)
    }

    @Test func aCommandLeavesTheCheckpointToTheGateway() throws {
        let file = try TemporaryFile()
        do {
            let command = try Registry(path: file.path, clock: .system, checkpoints: false)
            _ = try command.createUser(named: "Ana", business: BusinessID(1))
        }
        let size = try FileManager.default.attributesOfItem(atPath: file.path + "-wal")[.size] as? Int
        #expect(try #require(size) > 0)
        #expect(try Registry(path: file.path, clock: .system).users().map(\.name) == ["Ana"])
    }

    @Test func onlyItsOwnerReadsTheFile() throws {
        let temporary = try TemporaryRegistry()
        for path in [temporary.file.path, temporary.file.path + "-wal"] {
            var status = stat()
            #expect(unsafe stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func aNewerFileIsRefusedInOneSentence() throws {
        let file = try TemporaryFile()
        _ = try Registry(path: file.path, clock: .system)
        let known = try file.python("PRAGMA user_version").filter(\.isNumber)
        try file.python("PRAGMA user_version = 99")
        let error = #expect(throws: NewerRegistry.self) { try Registry(path: file.path, clock: .system) }
        #expect(
            error?.description
                == """
                \(file.path) has schema 99 and this tidings knows \(known): use the newer tidings, or restore a backup
                """)
    }

    @Test func openingAgainFindsEverything() throws {
        let temporary = try TemporaryRegistry()
        let (grant, token) = try temporary.till("a")
        let before = try temporary.file.python("PRAGMA user_version")
        let next = try Registry(path: temporary.file.path, clock: temporary.clock.wall)
        #expect(next.book.check(bearer: token.revealed, now: temporary.clock.now) == .granted(grant))
        #expect(try temporary.file.python("PRAGMA user_version") == before)
        #expect(try temporary.file.python("PRAGMA journal_mode") == "[('wal',)]")
    }

    /// The -wal file begins anew at four megabytes. Somebody's long read makes it longer (a backup, a shell
    /// that was left open); when that has ended it is cut to four megabytes again.
    @Test func itsOwnWALFileIsBounded() throws {
        let temporary = try TemporaryRegistry()
        let bound = 5 << 20
        let text = String(repeating: "x", count: 64 << 10)
        var number = 0
        /// Writes 64 KiB that often. Returns the longest the file was.
        func write(_ times: Int) throws -> Int {
            try (0..<times).map { _ in
                number += 1
                _ = try temporary.registry.remembered("filler \(number)", or: text)
                let file = try FileManager.default.attributesOfItem(atPath: temporary.file.path + "-wal")
                return try #require(file[.size] as? Int)
            }.max() ?? 0
        }
        let undisturbed = try write(200)
        #expect(undisturbed > 3 << 20 && undisturbed < bound)

        let reader = Process()
        let (input, output) = (Pipe.unshared(), Pipe.unshared())
        reader.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        reader.arguments = ["python3", "-c", Self.longRead, temporary.file.path]
        reader.standardInput = input
        reader.standardOutput = output
        try reader.start()
        #expect(!output.fileHandleForReading.availableData.isEmpty, "it said that it reads")
        #expect(try write(200) > 8 << 20)
        try input.fileHandleForWriting.close()
        reader.waitUntilExit()
        _ = try write(2)
        #expect(try write(200) < bound)
    }

    /// Reads until its input ends.
    private static let longRead = """
        import sqlite3, sys
        db = sqlite3.connect(sys.argv[1], isolation_level=None)
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM tidings_keys").fetchone()
        print("reading", flush=True)  # in one write or in two, as its environment has it
        sys.stdin.read()
        """
}
