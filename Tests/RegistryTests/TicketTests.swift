// Tickets against the file: single use, the ticket's own cookie, death with the token, and what the dead are
// told.

import Domain
import Registry
import TestThreads
import Testing

@Suite(.waits) struct TicketTests {
    private struct Honoured {
        let token: TokenID
        let cookieName: String
        let cookie: String
        let ticket: SecretHash
    }

    private func issue(_ temporary: TemporaryRegistry, _ grant: Grant) throws -> String {
        try temporary.registry.issueTicket(grant, lifetimeSeconds: 60, boundSeconds: 30 * 86_400).revealed
    }

    private func redeem(
        _ temporary: TemporaryRegistry, _ ticket: String, _ cookie: String? = nil
    ) throws -> Honoured? {
        switch try temporary.registry.redeemTicket(ticket, cookie: cookie) {
        case .honoured(let token, let cookieName, let cookie, let ticket):
            Honoured(token: token, cookieName: cookieName, cookie: cookie.revealed, ticket: ticket)
        case .dead: nil
        }
    }

    @Test func aTicketIsGoodForOneStreamAndThenForItsOwnCookie() throws {
        let temporary = try TemporaryRegistry()
        let (grant, _) = try temporary.till("a")
        let text = try issue(temporary, grant)
        let first = try #require(try redeem(temporary, text))
        #expect(first.token == grant.token)
        #expect(first.cookieName == "tidings_" + SecretHash(of: text).hex.prefix(8))
        let again = try #require(try redeem(temporary, text), "its first answer may have been lost")
        #expect(again.cookie == first.cookie)
        try temporary.registry.ticketWasReady(first.ticket)
        #expect(try redeem(temporary, text) == nil)
        #expect(try redeem(temporary, text, "wrong") == nil)
        temporary.clock.advance(seconds: 29 * 86_400)
        #expect(try redeem(temporary, text, first.cookie)?.token == grant.token)
        temporary.clock.advance(seconds: 86_400)
        #expect(try redeem(temporary, text, first.cookie) == nil)
    }

    @Test func theCookieOfAnotherTicketProvesNothing() throws {
        let temporary = try TemporaryRegistry()
        let one = try issue(temporary, try temporary.till("a").grant)
        let two = try issue(temporary, try temporary.till("b", business: TemporaryRegistry.other).grant)
        let first = try #require(try redeem(temporary, one))
        let second = try #require(try redeem(temporary, two))
        #expect(first.cookieName != second.cookieName)
        try temporary.registry.ticketWasReady(first.ticket)
        try temporary.registry.ticketWasReady(second.ticket)
        #expect(try redeem(temporary, one, second.cookie) == nil)
        #expect(try redeem(temporary, two, first.cookie) == nil)
        #expect(try redeem(temporary, two, second.cookie)?.token == second.token)
    }

    @Test func cookiesOutliveTheProcess() throws {
        let temporary = try TemporaryRegistry()
        let text = try issue(temporary, try temporary.till("a").grant)
        let first = try #require(try redeem(temporary, text))
        try temporary.registry.ticketWasReady(first.ticket)
        let next = try Registry(path: temporary.file.path, clock: temporary.clock.wall)
        guard case .honoured(_, _, let cookie, _) = try next.redeemTicket(text, cookie: first.cookie) else {
            Issue.record("the cookie was forgotten")
            return
        }
        #expect(cookie.revealed == first.cookie)
    }

    @Test func theDeadAreToldOnce() throws {
        let temporary = try TemporaryRegistry()
        let text = try issue(temporary, try temporary.till("a").grant)
        temporary.clock.advance(seconds: 60)
        for ticket in [text, "nobody-issued-this"] {
            #expect(try temporary.registry.redeemTicket(ticket, cookie: nil) == .dead(wasTold: false))
            #expect(try temporary.registry.redeemTicket(ticket, cookie: nil) == .dead(wasTold: true))
        }
    }

    @Test func aTicketDiesWithItsToken() throws {
        let temporary = try TemporaryRegistry()
        let (grant, _) = try temporary.till("a")
        let revoked = try issue(temporary, grant)
        let used = try issue(temporary, grant)
        let cookie = try #require(try redeem(temporary, used)).cookie
        try temporary.registry.revokeToken(grant.token)
        #expect(try redeem(temporary, revoked) == nil)
        #expect(try redeem(temporary, used, cookie) == nil)
    }

    @Test func aTicketDiesWhenItsTokenMovesToAnotherBusiness() throws {
        let temporary = try TemporaryRegistry()
        let token = try temporary.token()
        let text = try issue(temporary, try #require(temporary.check(token).grant))
        try temporary.file.python("UPDATE tidings_tokens SET business = 8")
        try temporary.registry.check()
        #expect(temporary.check(token).grant?.business == BusinessID(8))
        #expect(temporary.deaths == [try TemporaryRegistry.id(token)])
        #expect(try redeem(temporary, text) == nil)
    }

    @Test func revokedTicketsLeaveTheTokenAlone() throws {
        let temporary = try TemporaryRegistry()
        let (grant, token) = try temporary.till("a")
        let text = try issue(temporary, grant)
        let cookie = try #require(try redeem(temporary, text)).cookie
        try temporary.registry.revokeTickets(of: grant.token)
        #expect(try redeem(temporary, text, cookie) == nil)
        #expect(temporary.check(token) == .granted(grant))
    }

    @Test func neitherTicketNorCookieStandsInTheFile() throws {
        let temporary = try TemporaryRegistry()
        let (grant, token) = try temporary.till("a")
        let text = try issue(temporary, grant)
        let cookie = try #require(try redeem(temporary, text)).cookie
        let secret = String(token.revealed.split(separator: "|")[1])
        let rows = try temporary.file.python(
            "SELECT hash, NULL, NULL FROM tidings_tickets UNION ALL SELECT token, name, abilities "
                + "FROM tidings_tokens"
        )
        for hidden in [text, cookie, secret] { #expect(!rows.contains(hidden)) }
        #expect(rows.contains(SecretHash(of: secret).hex))
    }
}
