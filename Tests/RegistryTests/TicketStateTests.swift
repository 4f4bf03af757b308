// A ticket is honoured before its first use for a minute, until `ready` for the rest of that minute, and then
// with its own cookie only.

import Domain
import Registry
import Testing

@Suite struct TicketStateTests {
    private struct Case: CustomTestStringConvertible {
        let testDescription: String
        var isUsed = false
        var wasReady = false
        var isRevoked = false
        var cookie = false
        let second: Int64
        let honoured: Bool
    }

    /// Issued at second 0, sixty seconds to live, bound until second 1000.
    private static let cases = [
        Case(testDescription: "fresh", second: 0, honoured: true),
        Case(testDescription: "fresh, last moment", second: 59, honoured: true),
        Case(testDescription: "never used, too late", second: 60, honoured: false),
        Case(
            testDescription: "never used, cookie or not", cookie: true, second: 60, honoured: false),
        Case(testDescription: "first answer lost", isUsed: true, second: 59, honoured: true),
        Case(testDescription: "first answer lost, too late", isUsed: true, second: 60, honoured: false),
        Case(
            testDescription: "not ready, a cookie", isUsed: true, cookie: true, second: 500, honoured: true),
        Case(testDescription: "ready, no cookie", isUsed: true, wasReady: true, second: 5, honoured: false),
        Case(
            testDescription: "ready, own cookie", isUsed: true, wasReady: true, cookie: true, second: 5,
            honoured: true),
        Case(
            testDescription: "ready, own cookie, last moment", isUsed: true, wasReady: true, cookie: true,
            second: 999,
            honoured: true),
        Case(
            testDescription: "bound for too long", isUsed: true, wasReady: true, cookie: true, second: 1_000,
            honoured: false),
        Case(testDescription: "revoked, fresh", isRevoked: true, second: 0, honoured: false),
        Case(
            testDescription: "revoked, own cookie", isUsed: true, wasReady: true, isRevoked: true,
            cookie: true,
            second: 5, honoured: false),
    ]

    @Test(arguments: cases) private func isHonoured(_ example: Case) {
        let state = TicketState(
            expiresAt: Timestamp(microseconds: 60_000_000),
            boundUntil: Timestamp(microseconds: 1_000_000_000),
            isUsed: example.isUsed, wasReady: example.wasReady, isRevoked: example.isRevoked)
        let now = Timestamp(microseconds: example.second * 1_000_000)
        #expect(state.honours(hasOwnCookie: example.cookie, now: now) == example.honoured)
    }
}
