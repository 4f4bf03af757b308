// Random transactions of every kind against the tables, compared after each.
//
//     TIDINGS_FUZZ_TRANSACTIONS=20000 swift test --filter HookFuzz      the long run
//     TIDINGS_TEST_SEED=17 swift test --filter HookFuzz                 one seed again

import TestThreads
import Testing

@Suite(.waits) struct HookFuzzTests {
    @Test func randomTransactionsLeaveNoDifference() throws {
        try FuzzRun.everySeed(writing: "fuzz.py") {
            let fixture = try HookFixture()
            return FuzzRun.Subject(path: fixture.path, differences: fixture.differences)
        }
    }
}
