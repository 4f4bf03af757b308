// Random transactions of every kind over an attached database, compared after each.
//
//     TIDINGS_FUZZ_TRANSACTIONS=20000 swift test --filter AttachedFuzz      the long run
//     TIDINGS_TEST_SEED=17 swift test --filter AttachedFuzz                 one seed again

import SQLiteEngine
import TestThreads
import Testing

@Suite(.waits) struct AttachedFuzzTests {
    @Test func randomTransactionsLeaveNoDifference() throws {
        try FuzzRun.everySeed(writing: "attached_fuzz.py") {
            let fixture = try AttachedFixture()
            return FuzzRun.Subject(path: fixture.file.path, differences: fixture.differences)
        }
    }
}
