// Uploads while the disk is full: nothing counts as applied, the gateway goes on, and the same batch is
// applied once there is room.

import Foundation
import Glibc
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct UploadDiskTests {
    /// SQLite says so of a table that has given away its last id, too: on any machine, inside the statement.
    @Test func aStatementThatFindsNoRoomAppliesNothingOfItsBatch() throws {
        let till = try Uploader(Daemon())
        try till.daemon.sql(
            """
            CREATE TABLE used_up(id INTEGER PRIMARY KEY AUTOINCREMENT);
            INSERT INTO used_up VALUES(9223372036854775807);
            CREATE TRIGGER app_full AFTER INSERT ON parties WHEN NEW.name='full' BEGIN
              INSERT INTO used_up VALUES(NULL); END;
            """)
        let batch = ["one", "full", "two"].map { Uploader.operation("create", "parties", ["name": $0]) }
        let refused = try till.send(batch, key: "k")
        #expect(refused.status == 503 && refused.error == "unavailable")
        #expect(refused.answer.fields["retry-after"] != nil)
        let left = "SELECT (SELECT count(*) FROM parties),(SELECT count(*) FROM tidings_operations);"
        #expect(try till.daemon.sql(left) == "0|0")
        // No transaction was left open.
        try till.daemon.sql("DROP TRIGGER app_full;")
        let again = try till.send(batch, key: "k")
        #expect(again.statuses == ["applied", "applied", "applied"], "\(again.json)")
        #expect(again.answer.fields["idempotent-replayed"] == nil)
    }

    @Test(.enabled(if: getuid() == 0, "mounts a small file system"))
    func aFullDiskAppliesNothingAndTheSameBatchIsAppliedOnceThereIsRoom() throws {
        let till = try Uploader(Daemon(["limits.body_size=8MiB"]))
        let disk = try SmallDisk(under: till.daemon, mebibytes: 16)
        defer { disk.remove(till.daemon) }
        let small = Uploader.operation("create", "parties", ["name": "Ann"])
        #expect(try till.send([small]).statuses == ["applied"])
        let large = (0..<400).map { number in
            Uploader.operation(
                "create", "products",
                ["name": "p\(number)", "description": String(repeating: "x", count: 5_000)])
        }
        try disk.fill()
        for _ in 0..<3 {
            let refused = try till.send(large, key: "k")
            #expect(refused.status == 503 && refused.answer.fields["retry-after"] != nil, "\(refused.status)")
        }
        // Who reads notices nothing.
        let party = try till.daemon.ask("GET", "/api/v1/parties/1", token: till.token)
        #expect(party.status == 200)
        try disk.makeRoom()
        #expect(try till.daemon.sql("SELECT count(*) FROM products;") == "0")
        let applied = try till.send(large, key: "k")
        #expect(applied.count("applied") == 400 && applied.answer.fields["idempotent-replayed"] == nil)
        #expect(try till.send(large, key: "k").answer.fields["idempotent-replayed"] == "true")
        #expect(try till.send(large + [small]).count("duplicate") == 401)
        #expect(try till.daemon.sql("SELECT count(*) FROM products; PRAGMA integrity_check;") == "400\nok")
        #expect(till.daemon.isReady)
    }
}

/// A file system of a few megabytes in the place of a daemon's directory. Used by one thread.
private struct SmallDisk {
    private let path: String

    /// Moves the daemon's files there and starts it again.
    init(under daemon: Daemon, mebibytes: Int) throws {
        path = daemon.directory.path
        #expect(daemon.terminate() == 0)
        try Self.shell(
            "cp -a \"$0\" \"$0.kept\" && mount -t tmpfs -o size=\(mebibytes)m tmpfs \"$0\" "
                + "&& cp -a \"$0.kept/.\" \"$0\" && rm -r \"$0.kept\"", path)
        try daemon.start()
    }

    /// Not a byte is left.
    func fill() throws { try Self.shell("! cat /dev/zero > \"$0/ballast\" 2>/dev/null", path) }

    func makeRoom() throws { try FileManager.default.removeItem(atPath: path + "/ballast") }

    /// Lazily: other processes of the tests may have inherited the daemon's log.
    func remove(_ daemon: Daemon) {
        daemon.kill()
        #expect(throws: Never.self) { try Self.shell("umount -l \"$0\"", path) }
    }

    private static func shell(_ script: String, _ path: String) throws {
        let (status, output) = try runToEnd("/bin/sh", ["-c", script, path])
        guard status == 0 else { throw SocketFailure(description: output) }
    }
}
