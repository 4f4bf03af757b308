// How long uploads are remembered, and that forgetting takes small steps.

import Domain
import Foundation
import GRDB
import Glibc
import Journal
import Lanes
import SQLiteEngine
import Synchronization
import TestThreads
import Testing

@Suite(.waits) struct UploadMemoryTests {
    private static let day: Int64 = 86_400_000_000

    /// A clock that is set by hand. From any thread.
    private final class HandClock: Sendable {
        private let time = Mutex<Int64>(1_800_000_000_000_000)
        var wall: WallClock { WallClock { Timestamp(microseconds: self.time.withLock { $0 }) } }
        func advance(days: Int64) { time.withLock { $0 += days * UploadMemoryTests.day } }
    }

    private static func party(_ number: Int, catalogue: EntityCatalogue) throws -> UploadOperation {
        var operation = UploadOperation(id: "op-\(number)", fingerprint: "f")
        let entity = try #require(EntityName("parties").flatMap(catalogue.number(named:)))
        operation.entity = entity
        operation.action = .create
        let name = try #require(catalogue[entity]?.writable.first { $0.name == "name" })
        operation.values = [(name, .text("party \(number)"))]
        return operation
    }

    @Test func operationsAreKnownForAsLongAsADeviceMayBeOffline() throws {
        let fixture = try HookFixture()
        let clock = HandClock()
        let writer = SQLiteUploadWriter(
            file: fixture.shop.file, catalogue: fixture.catalogue, clock: clock.wall,
            remembered: .seconds(180 * 86_400), isShutOut: { _ in false })
        func statuses(_ numbers: Range<Int>, key: String? = nil) throws -> [OperationResult.Status] {
            let operations = try numbers.map { try Self.party($0, catalogue: fixture.catalogue) }
            let batch = UploadBatch(
                business: BusinessID(1), device: "till", token: TokenID(1),
                groups: operations.map { [$0] }, isAtomic: false,
                idempotency: key.map { .init(key: $0, fingerprint: "body") })
            guard case .answered(let results, _, _) = try writer.apply(batch, body: { _, _ in [0x7B, 0x7D] })
            else { return [] }
            return results.map(\.status)
        }
        #expect(try statuses(0..<1_200, key: "k").allSatisfy { $0 == .applied })
        #expect(try statuses(0..<3, key: "k") == [], "the key's answer is replayed")
        #expect(try writer.forget() == false)
        clock.advance(days: 2)
        #expect(try writer.forget() == false)
        #expect(try fixture.count("SELECT count(*) FROM tidings_answers") == 0)
        #expect(try fixture.count("SELECT count(*) FROM tidings_operations") == 1_200)
        clock.advance(days: 177)
        #expect(try statuses(0..<3) == [.duplicate, .duplicate, .duplicate])
        clock.advance(days: 2)
        // 500 at a time, so that the write lock is never held for long.
        #expect(try writer.forget() == true)
        #expect(try fixture.count("SELECT count(*) FROM tidings_operations") == 700)
        #expect(try writer.forget() == true)
        #expect(try writer.forget() == false)
        #expect(try fixture.count("SELECT count(*) FROM tidings_operations") == 0)
        #expect(try fixture.count("SELECT count(*) FROM parties") == 1_200)
        #expect(try fixture.differences().isEmpty)
    }

    /// Under a gateway that runs on.
    @Test func takenOutAndPutInAgainItIsReadyForUploads() throws {
        let fixture = try HookFixture()
        let writer = SQLiteUploadWriter(
            file: fixture.shop.file, catalogue: fixture.catalogue, clock: HandClock().wall,
            remembered: .seconds(86_400), isShutOut: { _ in false })
        func upload() throws -> OperationResult.Status? {
            let operation = try Self.party(1, catalogue: fixture.catalogue)
            let batch = UploadBatch(
                business: BusinessID(1), device: "till", token: TokenID(1), groups: [[operation]],
                isAtomic: false, idempotency: .init(key: "k", fingerprint: UUID().uuidString))
            guard case .answered(let results, _, _) = try writer.apply(batch, body: { _, _ in [] })
            else { return nil }
            return results.first?.status
        }
        #expect(try upload() == .applied)
        let installer = fixture.shop.installer(try fixture.shop.file.open(.writer))
        try installer.remove()
        #expect(
            try fixture.one("SELECT group_concat(name) FROM sqlite_master WHERE name LIKE 'tidings%'") == nil)
        #expect(throws: DatabaseError.self) { try upload() }
        try installer.install()
        #expect(try upload() == .applied, "nothing is remembered")
    }

    @Test func anotherFileInTheDatabasesPlaceGetsTheUpload() throws {
        let fixture = try HookFixture()
        let clock = HandClock()
        let writer = SQLiteUploadWriter(
            file: fixture.shop.file, catalogue: fixture.catalogue, clock: clock.wall,
            remembered: .seconds(86_400), isShutOut: { _ in false })
        func upload(_ number: Int) throws {
            let operation = try Self.party(number, catalogue: fixture.catalogue)
            let batch = UploadBatch(
                business: BusinessID(1), device: "till", token: TokenID(1), groups: [[operation]],
                isAtomic: false, idempotency: nil)
            _ = try writer.apply(batch) { _, _ in [] }
        }
        try upload(1)
        let other = try HookFixture()
        _ = try HookFixture.run(
            "/usr/bin/sqlite3", [other.path], input: "PRAGMA wal_checkpoint(TRUNCATE);")
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: fixture.path + suffix) }
        let isRenamed = unsafe rename(other.path, fixture.path) == 0
        #expect(isRenamed)
        try upload(2)
        let found = try HookFixture.run(
            "/usr/bin/sqlite3", [fixture.path], input: "SELECT name FROM parties;")
        #expect(found == "party 2")
    }
}
