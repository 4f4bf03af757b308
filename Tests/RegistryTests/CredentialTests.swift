// Who gets in: the verdict on whatever a client may present, and on tokens whose time, owner or row is gone.

import Domain
import Synchronization
import TestThreads
import Testing

@testable import Registry

@Suite(.waits) struct CredentialTests {
    /// What threads tell each other.
    private final class Seen: Sendable {
        /// The death of token 8.
        let told = Atomic<Bool>(false)
        let wrong = Atomic<Int>(0)
    }

    @Test func aGoodTokenSaysWhoItsHolderIs() throws {
        let temporary = try TemporaryRegistry()
        let (grant, token) = try temporary.till("till-1")
        #expect(temporary.check(token) == .granted(grant))
        #expect(grant.business == TemporaryRegistry.shop)
        #expect(grant.device?.text == "till-1")
        #expect(grant.deviceName == "till-1")
        let own = try #require(temporary.check(temporary.token()).grant)
        #expect(own.device == nil)
        #expect(own.deviceName == "token-\(own.token)")
    }

    @Test func theSecretAloneIsEnough() throws {
        let temporary = try TemporaryRegistry()
        let token = try temporary.token()
        let secret = String(token.revealed.split(separator: "|")[1])
        #expect(temporary.check(Secret(secret)).grant?.token == (try TemporaryRegistry.id(token)))
    }

    @Test func whatIsNotOfTheGrammarIsMalformed() throws {
        let temporary = try TemporaryRegistry()
        _ = try temporary.token()
        for text in [
            "", "short", "1|abc def ghi", "1|abcdefgh\u{e9}", "x|abcdefgh", "-1|abcdefgh", "+1|abcdefgh",
            "|abcdefgh", "99999999999999999999|abcdefgh", "1|abcdefgh\n", String(repeating: "a", count: 257),
        ] {
            #expect(temporary.check(Secret(text)) == .malformed, "\(text)")
        }
    }

    @Test func anotherSecretAnotherIdOrABadChecksumAreAllUnknown() throws {
        let temporary = try TemporaryRegistry()
        let one = try temporary.token().revealed
        let two = try temporary.token().revealed
        let secret = one.split(separator: "|")[1]
        let last = one.hasSuffix("0") ? "1" : "0"
        for text in [
            "1|\(two.split(separator: "|")[1])", "2|\(secret)", "3|\(secret)", "0|\(secret)",
            String(one.dropLast()) + last, one + "|", one + "x", Secret.random().revealed,
        ] {
            #expect(temporary.check(Secret(text)) == .unknown, "\(text)")
            #expect(temporary.registry.book.isStranger(text, now: temporary.clock.now))
        }
    }

    @Test func aTokenExpiresOnTheSecondAndItsStreamsAreEnded() throws {
        let temporary = try TemporaryRegistry()
        let short = try temporary.token(lifetimeSeconds: 60)
        let long = try temporary.token(lifetimeSeconds: 61)
        let eternal = try temporary.token()
        temporary.clock.advance(seconds: 59)
        try temporary.registry.check()
        #expect(temporary.check(short).grant != nil)
        #expect(temporary.deaths.isEmpty)
        temporary.clock.advance(seconds: 1)
        #expect(temporary.check(short) == .expired)
        try temporary.registry.check()
        try temporary.registry.check()
        #expect(temporary.deaths == [try TemporaryRegistry.id(short)])
        temporary.clock.advance(seconds: 1)
        try temporary.registry.check()
        #expect(temporary.deaths == [try TemporaryRegistry.id(short), try TemporaryRegistry.id(long)])
        #expect(temporary.check(eternal).grant != nil)
    }

    @Test func revokingIsAtOnceAndTwiceIsNoMistake() throws {
        let temporary = try TemporaryRegistry()
        let token = try temporary.token()
        let id = try TemporaryRegistry.id(token)
        try temporary.registry.revokeToken(id)
        #expect(temporary.check(token) == .revoked)
        #expect(temporary.deaths == [id])
        try temporary.registry.revokeToken(id)
        #expect(temporary.deaths == [id])
        #expect(throws: RegistryError.unknownToken) { try temporary.registry.revokeToken(TokenID(99)) }
    }

    @Test func aTokenWithoutItsPersonIsDead() throws {
        let temporary = try TemporaryRegistry()
        let user = try temporary.registry.createUser(named: "Ana", business: TemporaryRegistry.shop)
        let token = try temporary.registry.createToken(
            name: "phone", business: TemporaryRegistry.shop, user: user, abilities: .till, expiresAt: nil)
        #expect(temporary.check(token).grant?.device == nil)
        try temporary.file.python("DELETE FROM tidings_users")
        try temporary.registry.check()
        #expect(temporary.check(token) == .revoked)
        #expect(temporary.deaths == [try TemporaryRegistry.id(token)])
    }

    @Test func usesAreWrittenDownOnceAMinute() throws {
        let temporary = try TemporaryRegistry()
        let (grant, token) = try temporary.till("till-1")
        func lastUsed() throws -> String {
            try temporary.file.python("SELECT last_used_at FROM tidings_tokens")
        }
        temporary.clock.advance(seconds: 1)
        let first = temporary.clock.now
        #expect(temporary.check(token) == .granted(grant))
        try temporary.registry.keep()
        #expect(try lastUsed() == "[(\(first.microseconds),)]")
        #expect(try temporary.registry.devices(of: nil).first?.lastSeenAt == first)
        temporary.clock.advance(seconds: 59)
        #expect(temporary.check(token) == .granted(grant))
        try temporary.registry.keep()
        #expect(try lastUsed() == "[(\(first.microseconds),)]")
        temporary.clock.advance(seconds: 1)
        try temporary.registry.keep()
        #expect(try lastUsed() == "[(\(first.microseconds + 59_000_000),)]")
    }

    /// Loops go on checking while the lane replaces everything: a good token is good throughout, a dead one
    /// never is once its death was told.
    @Test func checksWhileEverythingIsReplacedAreNeverWrong() async throws {
        let entries = (1...2_000).map { number in
            TokenEntry(
                id: TokenID(Int64(number)), hash: SecretHash(of: "secret-\(number)"), business: BusinessID(1),
                device: nil, abilities: .till, expiresAt: nil, isRevoked: false)
        }
        let book = CredentialBook()
        book.replace(with: CredentialPages(entries))
        let now = Timestamp(microseconds: 0)
        let seen = Seen()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    for round in 0..<20_000 {
                        if book.check(bearer: "7|secret-7", now: now).grant?.token != TokenID(7) {
                            seen.wrong.add(1, ordering: .relaxed)
                        }
                        let mustBeDead = seen.told.load(ordering: .acquiring)
                        let verdict = book.check(bearer: "8|secret-8", now: now)
                        if mustBeDead && verdict != .unknown { seen.wrong.add(1, ordering: .relaxed) }
                        if round % 64 == 0 { await Task.yield() }
                    }
                }
            }
            group.addTask {
                for round in 0..<50 {
                    let isLate = round > 25
                    book.replace(
                        with: CredentialPages(isLate ? entries.filter { $0.id != TokenID(8) } : entries))
                    if isLate { seen.told.store(true, ordering: .releasing) }
                    await Task.yield()
                }
            }
        }
        #expect(seen.wrong.load(ordering: .relaxed) == 0)
    }
}
