// Tills come in by a code, by a person or by the operator, belong to one business, and say how far they have
// come.

import Domain
import Registry
import TestThreads
import Testing

@Suite(.waits) struct DeviceTests {
    private let shop = TemporaryRegistry.shop
    private let other = TemporaryRegistry.other

    private func code(_ temporary: TemporaryRegistry, uses: Int = 2) throws -> String {
        try temporary.registry.createEnrolmentCode(
            business: shop, abilities: .till, uses: uses,
            expiresAt: Timestamp(microseconds: temporary.clock.now.microseconds + 3_600_000_000)
        ).revealed
    }

    @Test func aCodeLetsInAsManyAsItSaysForAsLongAsItSays() throws {
        let temporary = try TemporaryRegistry()
        let registry = temporary.registry
        let twice = try code(temporary)
        for name in ["a", "b"] {
            let (grant, token) = try registry.register(TemporaryRegistry.describe(name), code: twice)
            #expect(grant.business == shop)
            #expect(temporary.check(token) == .granted(grant))
        }
        for bad in [twice, "", "nonsense"] {
            #expect(throws: RegistryError.badEnrolmentCode) {
                try registry.register(TemporaryRegistry.describe("c"), code: bad)
            }
        }
        let late = try code(temporary)
        temporary.clock.advance(seconds: 3_600)
        #expect(throws: RegistryError.badEnrolmentCode) {
            try registry.register(TemporaryRegistry.describe("c"), code: late)
        }
        #expect(try registry.devices(of: nil).map(\.device.text) == ["a", "b"])
    }

    @Test func aRemovedCodeLetsNobodyInAndThrowsNobodyOut() throws {
        let temporary = try TemporaryRegistry()
        let text = try code(temporary)
        let (grant, token) = try temporary.registry.register(TemporaryRegistry.describe("a"), code: text)
        let listed = try #require(try temporary.registry.enrolmentCodes().first)
        #expect(listed.usesLeft == 1)
        try temporary.registry.removeEnrolmentCode(listed.id)
        #expect(throws: RegistryError.badEnrolmentCode) {
            try temporary.registry.register(TemporaryRegistry.describe("b"), code: text)
        }
        #expect(throws: RegistryError.unknownEnrolmentCode) {
            try temporary.registry.removeEnrolmentCode(listed.id)
        }
        #expect(temporary.check(token) == .granted(grant))
    }

    @Test func registeringAgainEndsTheOldTokenAndKeepsTheDevice() throws {
        let temporary = try TemporaryRegistry()
        let (first, old) = try temporary.till("a")
        let epoch = Epoch(5)
        try temporary.registry.acknowledge(first, epoch: epoch, seq: Seq(40))
        let (second, new) = try temporary.till("a")
        #expect(temporary.check(old) == .revoked)
        #expect(temporary.check(new) == .granted(second))
        #expect(temporary.deaths == [first.token])
        let devices = try temporary.registry.devices(of: shop)
        #expect(devices.map(\.acknowledged) == [Seq(40)])
        #expect(devices.map(\.acknowledgedEpoch) == [epoch])
    }

    @Test func twoBusinessesMayHaveTillsOfOneName() throws {
        let temporary = try TemporaryRegistry()
        let (mine, token) = try temporary.till("till-1")
        let (theirs, theirToken) = try temporary.till("till-1", business: other)
        #expect(temporary.check(token) == .granted(mine))
        #expect(temporary.check(theirToken) == .granted(theirs))
        try temporary.registry.revokeDevice(try #require(theirs.device), business: other)
        #expect(temporary.check(token) == .granted(mine))
        #expect(temporary.check(theirToken) == .revoked)
        #expect(try temporary.registry.devices(of: other).map(\.business) == [other])
    }

    @Test func aPersonRegistersTillsWithNoMoreThanTheyHold() throws {
        let temporary = try TemporaryRegistry()
        let registry = temporary.registry
        let reader = try #require(
            temporary.check(temporary.token(Abilities(["sync:read:products", "ops"]))).grant)
        let (grant, _) = try registry.register(TemporaryRegistry.describe("a"), by: reader)
        #expect(grant.abilities.names == ["sync:read:products"])
        let operatorOnly = try #require(temporary.check(temporary.token(Abilities(["ops"]))).grant)
        #expect(throws: RegistryError.notAllowed) {
            try registry.register(TemporaryRegistry.describe("b"), by: operatorOnly)
        }
    }

    @Test func aTillRenewsItselfAndRegistersNobodyElse() throws {
        let temporary = try TemporaryRegistry()
        let (grant, old) = try temporary.till("a")
        #expect(throws: RegistryError.notAllowed) {
            try temporary.registry.register(TemporaryRegistry.describe("b"), by: grant)
        }
        let (renewed, new) = try temporary.registry.register(TemporaryRegistry.describe("a"), by: grant)
        #expect(temporary.check(old) == .revoked)
        #expect(temporary.check(new) == .granted(renewed))
        #expect(throws: RegistryError.notAllowed) {
            try temporary.registry.register(TemporaryRegistry.describe("a"), by: grant)
        }
    }

    @Test func aRevokedTillComesBackByRegistering() throws {
        let temporary = try TemporaryRegistry()
        let (grant, token) = try temporary.till("a")
        let device = try #require(grant.device)
        try temporary.registry.revokeDevice(device, business: shop)
        #expect(temporary.check(token) == .revoked)
        #expect(try temporary.registry.devices(of: shop).map(\.state) == [.revoked])
        let (again, new) = try temporary.till("a")
        #expect(temporary.check(new) == .granted(again))
        #expect(temporary.check(token) == .revoked)
        #expect(try temporary.registry.devices(of: shop).map(\.state) == [.active])
    }

    @Test func whatADeviceHasStoredIsWhatItSaidLast() throws {
        let temporary = try TemporaryRegistry()
        let (grant, _) = try temporary.till("a")
        for seq in [Int64(50), 20] {
            try temporary.registry.acknowledge(grant, epoch: Epoch(9), seq: Seq(seq))
        }
        #expect(try temporary.file.python("SELECT acknowledged_seq FROM tidings_devices") == "[(None,)]")
        try temporary.registry.keep()
        #expect(
            try temporary.file.python("SELECT acknowledged_seq, acknowledged_epoch FROM tidings_devices")
                == "[(20, '000000000009')]")
        let own = try #require(temporary.check(temporary.token()).grant)
        try temporary.registry.acknowledge(own, epoch: Epoch(9), seq: Seq(1))
        #expect(try temporary.registry.devices(of: nil).map(\.acknowledged) == [Seq(20)])
    }

    @Test func nothingIsLeftOfWhoIsErased() throws {
        let temporary = try TemporaryRegistry()
        let registry = temporary.registry
        let (gone, goneToken) = try temporary.till("gone-till")
        let (stays, staysToken) = try temporary.till("gone-till", business: other)
        _ = try registry.issueTicket(gone, lifetimeSeconds: 60, boundSeconds: 600)
        try registry.acknowledge(gone, epoch: Epoch(1), seq: Seq(1))
        try registry.eraseDevice(try #require(gone.device), business: shop)
        #expect(temporary.check(goneToken) == .unknown)
        #expect(temporary.deaths == [gone.token])
        #expect(try temporary.file.python("SELECT count(*) FROM tidings_tickets") == "[(0,)]")

        let user = try registry.createUser(named: "Ana", business: other)
        let token = try registry.createToken(
            name: "phone", business: other, user: user, abilities: .till, expiresAt: nil)
        try registry.eraseUser(user)
        #expect(temporary.check(token) == .unknown)
        #expect(temporary.check(staysToken) == .granted(stays))
        #expect(throws: RegistryError.unknownUser) { try registry.eraseUser(user) }

        _ = try registry.createEnrolmentCode(
            business: other, abilities: .till, uses: 1, expiresAt: temporary.clock.now)
        let kept = try temporary.token()
        // One of the application's own tokens: its use names no business, the log does.
        let application = Grant(token: TokenID(-5), business: other, device: nil, abilities: .till)
        try registry.log([entry(application), entry(stays)])
        try temporary.file.python("INSERT INTO tidings_application_uses VALUES (5, 1), (6, 1)")
        try registry.eraseBusiness(other)
        // A stream's end comes after its erasure.
        try registry.log([entry(stays)])
        #expect(try registry.syncLogs(SyncLogFilter()).isEmpty)
        #expect(try temporary.file.python("SELECT token FROM tidings_application_uses") == "[(6,)]")
        #expect(temporary.check(staysToken) == .unknown)
        #expect(temporary.check(kept).grant != nil)
        for table in ["users", "devices", "enrolment_codes", "tickets"] {
            #expect(try temporary.file.python("SELECT count(*) FROM tidings_\(table)") == "[(0,)]")
        }
        #expect(try temporary.file.python("SELECT count(*) FROM tidings_tokens") == "[(1,)]")
    }

    /// Asked of the file, by a gateway that has not looked since.
    @Test func whoIsShutOutIsKnownAtOnce() throws {
        let temporary = try TemporaryRegistry()
        let (first, _) = try temporary.till("a")
        let (second, _) = try temporary.till("b")
        let shutouts = try Shutouts(path: temporary.file.path)
        let (renewed, _) = try temporary.till("a")
        #expect(try !shutouts.contains(first.token), "its device is welcome still")
        #expect(try !shutouts.contains(renewed.token) && !shutouts.contains(second.token))
        let command = try Registry(path: temporary.file.path, clock: temporary.clock.wall, checkpoints: false)
        try command.revokeDevice(try #require(first.device), business: shop)
        #expect(try shutouts.contains(first.token) && shutouts.contains(renewed.token))
        try command.eraseDevice(try #require(second.device), business: shop)
        #expect(try shutouts.contains(second.token))
        // And lets itself in by nothing that it did not have before.
        for (device, grant) in [("a", renewed), ("b", second)] {
            #expect(throws: RegistryError.notAllowed) {
                try temporary.registry.register(TemporaryRegistry.describe(device), by: grant)
            }
        }
        _ = try temporary.registry.issueTicket(second, lifetimeSeconds: 60, boundSeconds: 600)
        #expect(try temporary.file.python("SELECT count(*) FROM tidings_tickets") == "[(0,)]")
        #expect(try !shutouts.contains(TokenID(-1)), "the application's own")
    }

    private func entry(_ grant: Grant) -> SyncLogEntry {
        SyncLogEntry(
            at: Timestamp(microseconds: 1), kind: .stream, grant: grant, from: nil, to: nil, records: 0,
            bytes: 0, duration: .zero, status: 200, reason: nil, address: nil, agent: nil)
    }

    @Test func whatDiedAMonthAgoIsSweptAway() throws {
        let temporary = try TemporaryRegistry()
        let registry = temporary.registry
        let (old, _) = try temporary.till("a")
        _ = try temporary.till("a")
        _ = try registry.issueTicket(old, lifetimeSeconds: 60, boundSeconds: 600)
        _ = try code(temporary)
        temporary.clock.advance(seconds: 29 * 86_400)
        try registry.keep()
        #expect(try registry.tokens().map(\.isRevoked) == [false, true])
        #expect(try temporary.file.python("SELECT count(*) FROM tidings_tickets") == "[(0,)]")
        temporary.clock.advance(seconds: 2 * 86_400)
        try registry.keep()
        #expect(try registry.tokens().map(\.isRevoked) == [false])
        #expect(try registry.enrolmentCodes().isEmpty)
    }
}
