// Tickets, for clients that can send no headers. See TicketState for their life.

import Crypto
public import Domain
import Foundation
import GRDB

/// What a presented ticket came to.
public enum TicketVerdict: Hashable, Sendable {
    /// A stream may be opened; set this cookie.
    case honoured(token: TokenID, cookieName: String, cookie: Secret, ticket: SecretHash)
    /// Not (any more): say `credential` once, then 204.
    case dead(wasTold: Bool)
}

extension Registry {
    /// Makes a ticket for the holder of a token.
    ///
    /// - Parameters:
    ///   - lifetimeSeconds: Until its first use.
    ///   - boundSeconds: For reconnecting with its cookie.
    public func issueTicket(_ token: TokenID, lifetimeSeconds: Int64, boundSeconds: Int64) throws -> Secret {
        let secret = Secret.random()
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO tidings_tickets(hash, token, created_at, expires_at, bound_until) VALUES (?, ?, ?, ?, ?)
                    """,
                arguments: [
                    SecretHash(of: secret.revealed).hex, token.rawValue, now.microseconds,
                    now.microseconds + lifetimeSeconds * 1_000_000, now.microseconds + boundSeconds * 1_000_000,
                ])
            try db.execute(sql: "DELETE FROM tidings_tickets WHERE bound_until < ?", arguments: [now.microseconds])
        }
        return secret
    }

    /// The name of the cookie that proves a ticket.
    public static func cookieName(of ticket: SecretHash) -> String { "tidings_" + ticket.hex.prefix(8) }

    /// The value of the cookie that proves a ticket: the same at every use, so that a lost answer loses nothing.
    private func cookie(of ticket: SecretHash) throws -> Secret {
        let key = try queue.read { db in
            try Data.fetchOne(db, sql: "SELECT value FROM tidings_keys WHERE name = 'cookie'")
        }
        let code = HMAC<SHA256>.authenticationCode(for: ticket.bytes, using: SymmetricKey(data: key ?? Data()))
        return Secret(SecretHash(bytes: Array(code)).hex)
    }

    /// Uses a ticket for a stream. Each use sets the cookie anew.
    ///
    /// - Parameter cookie: The value of the ticket's own cookie, if it was sent.
    public func redeemTicket(_ text: String, cookie: String?) throws -> TicketVerdict {
        let hash = SecretHash(of: text)
        let own = try self.cookie(of: hash)
        let hasOwnCookie = cookie.map { SecretHash(of: $0).matches(SecretHash(of: own.revealed)) } ?? false
        return try write { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM tidings_tickets WHERE hash = ?", arguments: [hash.hex])
            else { return .dead(wasTold: false) }
            let state = TicketState(
                expiresAt: Timestamp(microseconds: row["expires_at"]),
                boundUntil: Timestamp(microseconds: row["bound_until"]), isUsed: (row["used_at"] as Int64?) != nil,
                wasReady: (row["ready_at"] as Int64?) != nil)
            let token = TokenID(row["token"])
            var isAlive = state.honours(hasOwnCookie: hasOwnCookie, now: now)
            if case .granted = book.check(token: token, now: now) {} else { isAlive = false }
            guard isAlive else {
                try db.execute(
                    sql: "UPDATE tidings_tickets SET told_dead_at = ? WHERE hash = ?",
                    arguments: [now.microseconds, hash.hex])
                return .dead(wasTold: (row["told_dead_at"] as Int64?) != nil)
            }
            try db.execute(
                sql: "UPDATE tidings_tickets SET used_at = coalesce(used_at, ?), told_dead_at = NULL WHERE hash = ?",
                arguments: [now.microseconds, hash.hex])
            return .honoured(token: token, cookieName: Self.cookieName(of: hash), cookie: own, ticket: hash)
        }
    }

    /// A stream opened with it was `ready`: from here on only its cookie opens another.
    public func ticketWasReady(_ ticket: SecretHash) throws {
        try write { db in
            try db.execute(
                sql: "UPDATE tidings_tickets SET ready_at = ? WHERE hash = ? AND ready_at IS NULL",
                arguments: [now.microseconds, ticket.hex])
        }
    }
}
