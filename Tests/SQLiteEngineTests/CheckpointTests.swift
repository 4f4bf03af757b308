// The -wal file under writers and readers that never pause: passive checkpoints alone let it grow for as long
// as they go on.

import Foundation
import SQLiteEngine
import TestThreads
import Testing
import TidingsTesting

@Suite(.waits) struct CheckpointTests {
    @Test func constantWritersAndReadersDoNotLetTheFileGrow() throws {
        let fixture = try HookFixture()
        try fixture.write("CREATE TABLE filler(id INTEGER PRIMARY KEY, text);")
        let load = Process()
        load.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        load.arguments = ["python3", "-c", Self.load, fixture.path]
        let input = Pipe.unshared()
        load.standardInput = input
        try load.start()
        defer {
            try? input.fileHandleForWriting.close()
            load.waitUntilExit()
        }
        let bound = 2 << 20
        let checkpointer = Checkpointer(file: fixture.shop.file, cutBeyondBytes: bound)
        var longest = 0
        var cuts = 0
        // It is cut again and again, however much was written.
        let end = Date(timeIntervalSinceNow: 40)
        while cuts < 3, Date() < end {
            let before = try size(fixture.shop.file.walPath)
            longest = max(longest, before)
            if before > bound {
                try checkpointer.run()
                if try size(fixture.shop.file.walPath) < before { cuts += 1 }
            }
        }
        #expect(cuts == 3, "cut \(cuts) times, \(longest) bytes")
        #expect(longest < 64 << 20)
    }

    private func size(_ path: String) throws -> Int {
        (try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.intValue ?? 0
    }

    /// Two writers and three readers that overlap. They end with their input, or after 45 s, and no file can
    /// become longer than 128 MiB whatever goes wrong.
    private static let load = """
        import os, random, resource, signal, sqlite3, sys, time
        resource.setrlimit(resource.RLIMIT_FSIZE, (128 << 20, 128 << 20))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        end = time.monotonic() + 45
        def open_one():
            db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
            db.execute("PRAGMA wal_autocheckpoint=0")
            db.execute("PRAGMA synchronous=NORMAL")
            return db
        def write():
            db = open_one()
            while os.getppid() == parent and time.monotonic() < end:
                db.execute("BEGIN IMMEDIATE")
                for _ in range(10):
                    db.execute("INSERT INTO filler VALUES(?1, ?2) ON CONFLICT(id) DO UPDATE SET text=?2",
                               (random.randrange(2000), "x" * 1000 + str(random.random())))
                db.execute("COMMIT")
                time.sleep(0.001)
        def read():
            db = open_one()
            while os.getppid() == parent and time.monotonic() < end:
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM filler").fetchone()
                time.sleep(0.005)
                db.execute("COMMIT")
        parent = os.getpid()
        for job in (write, write, read, read, read):
            if os.fork() == 0:
                job()
                os._exit(0)
        sys.stdin.read()
        """
}
