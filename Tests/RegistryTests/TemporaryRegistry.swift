// A registry in a directory of its own, a clock that only moves when told, and other programs that write to
// the file.

import Domain
import Foundation
import Lanes
import Registry
import Synchronization
import Testing
import TidingsTesting

/// A clock that stands still. From any thread.
final class HandClock: Sendable {
    private let time = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))

    var now: Timestamp { time.withLock { $0 } }
    var wall: WallClock { WallClock { self.now } }

    func advance(seconds: Int64) {
        time.withLock { $0 = Timestamp(microseconds: $0.microseconds + seconds * 1_000_000) }
    }
}

/// A file that is gone with the test. From any thread.
final class TemporaryFile: Sendable {
    let directory: URL
    var path: String { directory.appendingPathComponent("gateway.db").path }

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "tidings-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Runs SQL as another program would: Python's sqlite3, a process of its own. Returns the rows, as Python
    /// has them.
    @discardableResult func python(_ sql: String) throws -> String {
        let script = """
            import sqlite3, sys
            db = sqlite3.connect(sys.argv[1], timeout=5)
            rows = db.execute(sys.argv[2]).fetchall()
            db.commit()
            print(rows)
            """
        let (status, output) = try runToEnd("/usr/bin/env", ["python3", "-c", script, path, sql])
        #expect(status == 0, "\(sql)\n\(output)")
        return output.trimmingCharacters(in: .newlines)
    }
}

/// A registry with what tests ask of it. On the test's own thread.
final class TemporaryRegistry {
    let file: TemporaryFile
    let clock = HandClock()
    let registry: Registry
    private(set) var deaths: [TokenID] = []

    static let shop = BusinessID(7)
    static let other = BusinessID(.text("0192f0c1"))

    init() throws {
        file = try TemporaryFile()
        registry = try Registry(path: file.path, clock: clock.wall)
        registry.onDeath = { [unowned self] died in deaths += died.sorted { $0.rawValue < $1.rawValue } }
    }

    func check(_ token: Secret) -> Verdict { registry.book.check(bearer: token.revealed, now: clock.now) }

    func token(
        _ abilities: Abilities = Abilities(["*"]), business: BusinessID = shop, lifetimeSeconds: Int64? = nil
    ) throws -> Secret {
        let expiry = lifetimeSeconds.map { Timestamp(microseconds: clock.now.microseconds + $0 * 1_000_000) }
        return try registry.createToken(
            name: "test", business: business, user: nil, abilities: abilities, expiresAt: expiry)
    }

    func till(_ name: String, business: BusinessID = shop) throws -> (grant: Grant, token: Secret) {
        try registry.register(Self.describe(name), business: business, abilities: .till)
    }

    static func describe(_ name: String) throws -> DeviceDescription {
        DeviceDescription(
            device: try #require(DeviceID(name)), name: "Till \(name)", platform: "web", appVersion: "1")
    }

    static func id(_ token: Secret) throws -> TokenID {
        TokenID(try #require(token.revealed.split(separator: "|").first.flatMap { Int64($0) }))
    }
}

extension Verdict {
    var grant: Grant? {
        if case .granted(let grant) = self { grant } else { nil }
    }
}
